"""Decides whether what a model declares as the answer to a call of an AWS service can be one, as botocore describes the service.

A member that the operation does not return is a slip, and so is a plain value of another kind.  Members may be missing: handlers
look at few of them.  What botocore itself makes of an answer (a policy that it parses, a stream) is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from toctou.client.service_descriptions import described
from toctou.client.service_kinds import split
from toctou.client.service_names import known_services
from toctou.errors import nearest

ANY_ACTION = "*"
"""Stands for every action of a service: ``cloudwatch.*``."""

_OTHER_NAMES = {"cognito": "cognito-idp", "eventbridge": "events", "sfn": "stepfunctions", "states": "stepfunctions"}
"""What services are called elsewhere, such as in policies, where that is not close to what boto3 calls them."""

_ADDED = frozenset({"ResponseMetadata", "ExpiresString"})
"""Members of responses that botocore adds to those that services describe."""

_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "structure": ((Mapping,), "a mapping"),
    "map": ((Mapping,), "a mapping"),
    "list": ((list, tuple), "a list"),
    "string": ((str, Mapping, list), "a text"),  # botocore parses some, such as policies
    "boolean": ((bool,), "True or False"),
    "integer": ((int,), "an integer"),
    "long": ((int,), "an integer"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
}
"""The Python types of a value by the kind of its description, and what to call them; any other kind may be anything."""

_PLAIN = (str, bytes, bool, int, float, list, tuple, Mapping)
"""Other objects may stand for anything, and ``None`` for a member that is missing."""

_MOST = 6
"""Members that are named at most."""


def service_meant(name: str) -> str | None:
    """The service, as boto3 calls it, that was probably meant; the same if there is this one."""
    return name if name in known_services() else _OTHER_NAMES.get(name.lower()) or nearest(name, known_services())


def action_meant(name: str) -> str | None:
    """The action that was probably meant: the same if there is this one, one of another spelling, or all of a service."""
    service, _, action = name.replace(":", ".").partition(".")
    if (found := service_meant(service)) is None:
        return None
    names = described(found).operation_names
    meant = action if action in (*names, ANY_ACTION) else nearest(action, names) if action else ANY_ACTION
    return meant and f"{found}.{meant}"


def is_answer(answer: Any) -> bool:
    """Whether it is of a kind that answers: a response, an error of a service, or a function."""
    return isinstance(answer, Mapping | ClientError | BotoCoreError) or callable(answer)


def misfits(call: str, response: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """What in a response the operation never returns, and the remedy, in the order in which it stands there."""
    service, action = split(call)
    if action != ANY_ACTION:
        shape = described(service).operation_model(action).output_shape
        yield from _of_members(response, {} if shape is None else shape.members, "")


def _of_members(value: Mapping[Any, Any], members: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, content in value.items():
        if name in members:
            yield from _of(content, members[name], f"{path}{name}")
        elif name not in _ADDED:
            meant = nearest(str(name), [one for one in members if one not in value])
            returned = ", ".join([*members][:_MOST]) or "nothing"
            remedy = f"did you mean {meant!r}?" if meant else f"leave it out: what is returned is {returned}"
            yield f"{path + str(name)!r}, which is never returned", remedy


def _of(value: Any, shape: Any, path: str) -> Iterator[tuple[str, str]]:
    kind = shape.type_name
    special = shape.metadata.get("document") or shape.serialization.get("eventstream")
    if kind not in _KINDS or special or not isinstance(value, _PLAIN):
        return
    types, called = _KINDS[kind]
    inner: Any = value
    if not isinstance(value, types) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{value!r} as {path!r}", f"give {called}"
    elif kind == "structure":
        yield from _of_members(inner, shape.members, f"{path}.")
    elif kind == "map":
        for name, content in inner.items():
            yield from _of(content, shape.value, f"{path}.{name}")
    elif kind == "list":
        for at, content in enumerate(inner):
            yield from _of(content, shape.member, f"{path}[{at}]")
