"""Decides where an event of API Gateway says who calls: in the claims of a token, a field of an authorizer, or the IAM identity.

API Gateway has checked all of these before it calls the function, so a model says only what is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Value = Callable[[str], Any] | str | int | float | bool | Sequence[Any] | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Fields that an authorizer leaves in the event; :func:`claims`, :func:`authorizer` and :func:`iam` make one."""

    kind: Literal["claims", "authorizer", "iam"]
    fields: Mapping[str, Value] = field(default_factory=dict)

    def of(self, principal: str) -> dict[str, Any]:
        """The fields, with the principal filled in."""
        return {
            name: value(principal) if callable(value) else filled(value, principal)
            for name, value in self.fields.items()
        }


def claims(*names: str, **values: Value) -> Caller:
    """The claims of a JSON Web Token, of Cognito or another issuer.

    For example ``claims("sub")``, or ``claims("sub", email="{principal}@example.com", **{"cognito:groups": "members"})``.

    Args:
        names: claims that hold the principal.
        values: of other claims; ``{principal}`` is replaced in texts, and a function gets the principal.
    """
    return Caller("claims", {**dict.fromkeys(names, "{principal}"), **values})


def authorizer(*names: str, **values: Value) -> Caller:
    """The fields that a Lambda authorizer returns: ``authorizer("principalId", role="member")``; see :func:`claims`."""
    return Caller("authorizer", {**dict.fromkeys(names, "{principal}"), **values})


def iam(arn: str = "arn:aws:iam::123456789012:user/{principal}") -> Caller:
    """The identity of a caller that signs its requests."""
    return Caller("iam", {"userArn": arn})


DEFAULT = (claims("sub"), authorizer("principalId"))
"""What a model that names no caller gets: what most functions look at."""


def filled(value: Any, principal: str) -> Any:
    """A value with the principal in the place of ``{principal}``, at any depth."""
    if isinstance(value, str):
        return value.replace("{principal}", principal)
    if isinstance(value, Mapping):
        return {name: filled(one, principal) for name, one in value.items()}
    return [filled(one, principal) for one in value] if isinstance(value, list | tuple) else value
