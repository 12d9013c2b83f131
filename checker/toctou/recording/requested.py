"""What is recorded of one request of a test: what was called, with what, and what stood around it.

An entry is where requests come in: a Lambda function, an application behind a test client, or any function that was named.  Its
arguments are plain data wherever that is possible, so that the identifiers of one test can be replaced by those of another.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from toctou.history.request import Response
from toctou.recording.surroundings import Surroundings

_OF_PYTHON = frozenset({"builtins", "datetime", "decimal", "uuid", "collections", "types", "fractions"})

Arguments = Mapping[str, Any]
"""By name; mappings, lists and scalars where a request is data, and objects as they are where it is not."""


def _unknown(_: Arguments) -> str:
    return ""


def _none(_: Arguments) -> Iterable[dict[str, Any]]:
    return ()


@dataclass(frozen=True, slots=True)
class Entry:
    """Where requests come in.

    Attributes:
        kind: ``lambda`` (one request at a time in each instance), ``http`` (an application), or ``function``.
        name: for people, such as ``notes.app:lambda_handler``; the same for the same entry in another process.
        perform: performs a request again, given its arguments, which it may change; returns what a handler may return, or a
            coroutine that does.
        route: ``METHOD /path`` of a request, without its query; empty where arguments say none.
        template: the same with the names of the path's parameters, as the application has it; empty if that is not known.
        others: the arguments with other bodies, where the application has a schema of them.
    """

    kind: Literal["lambda", "http", "function"]
    name: str
    perform: Callable[[dict[str, Any]], Any] = field(compare=False)
    route: Callable[[Arguments], str] = field(default=_unknown, compare=False)
    template: Callable[[Arguments], str] = field(default=_unknown, compare=False)
    others: Callable[[Arguments], Iterable[dict[str, Any]]] = field(default=_none, compare=False)


@dataclass(slots=True, eq=False)
class Requested:
    """One request of a test.

    Attributes:
        number: of all requests, from 0.
        test: pytest's node id.
        entry: where it came in.
        arguments: a copy of what it was given; objects that cannot be copied are shared.
        surroundings: environment and patches of the test at that moment.
        begun, ended: positions in the recorder's log.
        returned: what it returned, as the test saw it; ``raised`` is what a client is answered if it raised.
        unclear: why its calls cannot be told from others; empty if they can.
        time: by the clock that the test saw, in seconds since 1970.
    """

    number: int
    test: str
    entry: Entry
    arguments: dict[str, Any]
    surroundings: Surroundings
    begun: int
    ended: int = -1
    returned: Any = None
    raised: Response | None = None
    unclear: str = ""
    time: float = 0.0

    def perform(self, arguments: Arguments | None = None) -> Any:
        """Perform it again, with these arguments or its own."""
        return self.entry.perform(copied_arguments(self.arguments if arguments is None else arguments))


def copied_arguments(arguments: Arguments) -> dict[str, Any]:
    """A copy at any depth of what can be copied; the rest is shared."""
    return {name: _copied(value) for name, value in arguments.items()}


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in (str, int, float, bool, bytes, type(None)):
        return value
    if kind is dict:
        return {name: _copied(one) for name, one in value.items()}
    if kind is list:
        return [_copied(one) for one in value]
    if kind is tuple:
        return tuple([_copied(one) for one in value])
    if not _is_data(kind):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # of whatever class it is
        return value


def _is_data(kind: type) -> bool:
    """Whether an object says something, rather than do something: a client, or a service, is the same for all requests."""
    if kind.__module__ in _OF_PYTHON or dataclasses.is_dataclass(kind):
        return True
    return any(hasattr(kind, name) for name in ("model_fields", "__fields__", "__attrs_attrs__", "__struct_fields__"))
