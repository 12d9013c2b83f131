"""Decides when two responses are the same: one normal form for bodies, and one for headers.

A body is data: what HTTP frameworks send as JSON objects (mappings, dataclasses, pydantic models) is a dictionary, whatever its
class and the order of its members; iterators are read.  Other values stay as they are if they define equality.  An object that
is equal to itself only says nothing about what was answered: comparing it would reject every order, or none.

Headers count by lower-case name.  Left out are those that a server or middleware adds for every response anew
(:data:`VARYING`): the time, the length of a body that is compared anyway, the connection, identifiers for logs.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping, ValuesView
from enum import Enum
from typing import Any

from toctou.errors import ModelError

Headers = tuple[tuple[str, str], ...]
"""Lower-case names and values, ordered by name; the values of one name in the order in which they were given."""

VARYING = frozenset(
    {
        *("age", "connection", "content-length", "date", "keep-alive", "transfer-encoding"),
        *("server-timing", "x-process-time", "x-response-time", "x-runtime"),
        *("x-request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-request-id", "x-amzn-trace-id", "x-trace-id"),
        *("traceparent", "tracestate"),
    }
)
"""Headers that say nothing of what a request did."""

REMEDY = (
    "return (status, body) with a body of plain values: dictionaries, lists, texts, numbers; or a Response of toctou"
)


def normal_headers(headers: Iterable[tuple[str, Any]]) -> Headers:
    """Headers in normal form."""
    named = [(str(name).lower(), str(value).strip()) for name, value in headers]
    return tuple(sorted([one for one in named if one[0] not in VARYING], key=lambda one: one[0]))


def normal_body(body: Any) -> Any:
    """A body, or a part of one, in normal form.

    Raises:
        ModelError: an object of which nothing can be compared.
    """
    if body is None or type(body) in (str, int, bool, bytes):
        return body
    if isinstance(body, Enum):
        return normal_body(body.value)
    if isinstance(body, float) and math.isnan(body):
        return "NaN"  # not equal to itself
    members = members_of(body)
    if members is not None:
        return {name: normal_body(value) for name, value in members.items()}
    if isinstance(body, tuple):
        return tuple(map(normal_body, body))
    if isinstance(body, list | Iterator | ValuesView):
        return list(map(normal_body, body))
    if not any("__eq__" in vars(base) for base in type(body).__mro__[:-1]):
        raise ModelError(
            f"a response has a body with {body!r}, of which nothing can be compared",
            expected="plain values, dataclasses, pydantic models, or objects whose class defines __eq__",
            cause=f"{type(body).__qualname__} does not say when two of it are equal",
            remedy=REMEDY,
        )
    return body


def same_body(body: Any, other: Any) -> bool:
    """Whether two bodies in normal form are the same; ``True`` and ``1`` are equal in Python, and different in JSON."""
    if body is other:
        return True
    # Equal texts are the common case, and are found in a fraction of the time.
    return bool(body == other) and (repr(body) == repr(other) or _same_booleans(body, other))


def _same_booleans(body: Any, other: Any) -> bool:
    """Whether equal bodies have ``True`` and ``False`` in the same places."""
    if isinstance(body, dict):
        return all(_same_booleans(value, other[name]) for name, value in body.items())
    if isinstance(body, list | tuple):
        return all(map(_same_booleans, body, other))
    return isinstance(body, bool) == isinstance(other, bool)


def members_of(value: Any) -> Mapping[Any, Any] | None:
    """The members of a mapping, a dataclass or a pydantic model; ``None`` for any other value."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if any(base.__module__.partition(".")[0] == "pydantic" for base in type(value).__mro__):
        # Under the names that FastAPI sends.  Version 1 of pydantic has no `model_dump`.
        dump = getattr(value, "model_dump", None)
        found: Any = dump(by_alias=True) if callable(dump) else value.dict(by_alias=True)
        return found if isinstance(found, Mapping) else {"root": found}
    return None


def decoded(content: bytes | str, media_type: str = "") -> Any:
    """The content of a message: JSON as data, anything else as text; ``None`` if it is empty."""
    if not content:
        return None
    # Not "replace": two different binary bodies must not become the same text, or a difference would go unnoticed.
    text = content if isinstance(content, str) else content.decode("utf-8", errors="backslashreplace")
    if "json" in media_type.lower() or text.lstrip()[:1] in ("{", "["):  # as some declare no media type, or a wrong one
        try:
            return json.loads(text, parse_constant=str)
        except (ValueError, RecursionError):
            return text
    return text
