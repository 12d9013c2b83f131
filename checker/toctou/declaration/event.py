"""Handlers of events in one line: the source, and what the event says, with which it invokes a Lambda function.

An event has no caller.  Its requests have the source as their principal, which represents nobody: the rule that an attribute
names the owner does not judge what they write.  A model that overrides :meth:`Model.owns` is asked about them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toctou.declaration.model import Handler
from toctou.declaration.options import meant_instead
from toctou.declaration.placeholders import filled, names
from toctou.declaration.served import Sends
from toctou.declaration.validation import joined, shown
from toctou.errors import ModelError, message_of, nearest
from toctou.web.event_sources import SOURCES, Invocation, delivered_again


@dataclass(frozen=True, slots=True)
class _Event(Sends):
    """Makes the event for arguments."""

    source: str
    content: Mapping[str, Any]
    function: Callable[..., Any] | None

    over_http = False

    @property
    def request(self) -> str:  # type: ignore[override] # a frozen attribute all the same
        """The source."""
        return f"an event of {self.source}"

    def __call__(self, principal: str, **arguments: Any) -> Invocation:
        content = filled(self.content, {**arguments, "principal": principal})
        try:
            return Invocation(SOURCES[self.source](**content), self.function)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise ModelError(
                f"no event of {self.source} can be made of {shown(content)}: {message_of(error)}",
                expected=f"event({self.source!r}, {_parameters(self.source)})",
                remedy=" ".join(
                    (inspect.getdoc(SOURCES[self.source]) or "").partition("Args:")[2].replace("``", "`").split()
                ),
            ) from error


def event(
    source: str,
    /,
    *,
    function: Callable[..., Any] | None = None,
    redelivered: bool = False,
    read_only: bool = False,
    arguments: Mapping[str, Sequence[Any]] | None = None,
    **content: Any,
) -> Handler:
    """Declare a handler that invokes a Lambda function with an event.

    For example ``event("sqs", messages=[{"id": "{id}"}], id=["n1"], redelivered=True)``.

    Args:
        source: ``sqs``, ``dynamodb`` (a stream), ``eventbridge`` or ``s3``.
        function: the Lambda function; ``None`` for the model's.
        redelivered: the source delivers at least once: equal requests are one event, delivered again, which has to leave what one
            delivery leaves.  A delivery that fails without effect is tried again, and so is no fault while another one runs.
        read_only: as for :func:`toctou.handler`.
        arguments: more pools, for arguments that have the name of an option.
        content: what the event says (:mod:`toctou.web.event_sources`), in which ``{name}`` represents an argument, at any depth;
            and the pools of these arguments.

    Raises:
        ModelError: no such source, or something missing in what the event says.
    """
    if not isinstance(source, str) or source not in SOURCES:
        meant = nearest(source, SOURCES) if isinstance(source, str) else None
        raise ModelError(
            f"{shown(source)} is no source of events",
            expected=" or ".join(map(repr, SOURCES)),
            remedy=f"did you mean {meant!r}?"
            if meant
            else 'for example event("sqs", messages=[{"id": "{id}"}], id=["n1"])',
        )
    known = inspect.signature(SOURCES[source]).parameters
    said = {name: value for name, value in content.items() if name in known}
    pools = joined(arguments, {name: value for name, value in content.items() if name not in known})
    absent = [name for name, one in known.items() if one.default is one.empty and name not in said]
    unvalued = [name for name in names(said) if name not in {*pools, "principal"}]
    unused = [name for name in pools if name not in names(said)]
    if absent or unvalued or unused:
        fault = (
            f"does not say {absent[0]!r}"
            if absent
            else f"names {unvalued[0]!r}, of which there are no values"
            if unvalued
            else f"has values of {unused[0]!r}, which it does not name"
        )
        raise ModelError(
            f"the event of {source} {fault}",
            expected=f"event({source!r}, {_parameters(source)}), and a pool of values for each {{name}} in it",
            remedy=_remedy(source, absent, unvalued, unused, [name for name in known if name not in said]),
        )
    sends = _Event(source, said, function)
    return Handler(sends, pools, [source], read_only, retryable=delivered_again, redelivered=redelivered)


def _remedy(
    source: str, absent: Sequence[str], unvalued: Sequence[str], unused: Sequence[str], unsaid: Sequence[str]
) -> str:
    if unused and (meant := nearest(unused[0], [*unvalued, *unsaid])):
        return f"did you mean {meant!r} by {unused[0]!r}?"
    if absent:
        return f"for example event({source!r}, {_parameters(source)})"
    if unvalued:
        return f"for example event({source!r}, …, {unvalued[0]}=['n1'])"
    if unused[0] == "principals":
        return "leave it out: an event has no caller"
    return meant_instead(event, unused[0]) or f"for example event({source!r}, … '{{{unused[0]}}}' …)"


def _parameters(source: str) -> str:
    known = inspect.signature(SOURCES[source]).parameters.values()
    return ", ".join(f"{one.name}=…" for one in known if one.default is one.empty)
