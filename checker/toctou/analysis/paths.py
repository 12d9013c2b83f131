"""Decides at which document paths a write stores something, and whether it replaces what was there.

Footprints name whole attributes, which is enough to decide which orders matter.  A reader wants to know more: two requests that
set different keys of one map, or elements of one list, overwrite nothing, and neither does a write that starts from what it finds
(``ADD``, ``DELETE`` of a set, ``n + :x``, ``list_append(l, :x)``).

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from toctou.analysis.accesses import parts
from toctou.analysis.dependencies import Dependency
from toctou.analysis.versions import Versions
from toctou.history.footprint import EXISTENCE, Attributes
from toctou.history.item import ItemId
from toctou.history.operation import Execution, Operation

_SECTIONS = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
_TOKEN = re.compile(r"[(),=+-]|[\w#:.\[\]]+")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_AROUND_DOTS = re.compile(r"\s*\.\s*")
_AROUND_INDICES = re.compile(r"\s*\[\s*(\d+)\s*\]")

Path = tuple[str | int, ...]


class Stored(NamedTuple):
    """One place that a write stores to.

    Attributes:
        path: from the attribute down.
        replaces: whether what was there is lost; ``False`` if it is the start of what is stored.
    """

    path: Path
    replaces: bool


def replaced(later: Operation, earlier: Operation, item: ItemId, names: Attributes) -> Attributes:
    """Of attributes that two operations wrote, those in which the later one replaced what the earlier one had stored."""
    own, theirs = _stored(later, item), _stored(earlier, item)
    return frozenset(
        name
        for name in names
        if any(_meet(one.path, other.path) for one in own(name) if one.replaces for other in theirs(name))
    )


def overwritten(execution: Execution, first: Dependency, last: Dependency) -> Attributes:
    """The attributes of an item that others changed after a request had read it, and that its own write then replaced.

    Args:
        first: what the request had read, and others changed.
        last: what others had left, and the request wrote to.
    """
    if last.item is None:
        return frozenset()
    missed = (first.changed & last.attributes) - {EXISTENCE}
    earlier, later = (execution.operations[at] for at in (first.later, last.later))
    return replaced(later, earlier, last.item, missed)


def replaces(versions: Versions, one: Dependency) -> bool:
    """Whether the later of two writes replaced something that the earlier one had stored, or removed it."""
    if one.item is None or versions.at(one.item, one.later) is None:
        return False
    earlier, later = (versions.execution.operations[at] for at in (one.earlier, one.later))
    gone = versions.at(one.item, one.later + 1) is None
    return gone or bool(replaced(later, earlier, one.item, one.attributes - {EXISTENCE}))


def _meet(one: Path, other: Path) -> bool:
    """Whether one of two paths lies within the other."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


class _Places:
    """Where a write stores; without an update expression that says it, it replaces each attribute as a whole."""

    def __init__(self, found: tuple[Stored, ...]) -> None:
        self._found = found

    def __call__(self, name: str) -> tuple[Stored, ...]:
        own = tuple(one for one in self._found if one.path[0] == name)
        return own or (() if self._found else (Stored((name,), replaces=True),))


def _stored(operation: Operation, item: ItemId) -> _Places:
    for part in parts(operation.parameters):
        key = part.get("Key")
        if part.get("TableName") != item.table or not isinstance(key, Mapping):
            continue
        if all({kind: value} in key.values() for kind, value in item.key):
            return _Places(tuple(_of_update(part)))
    return _Places(())


def _of_update(part: Mapping[str, Any]) -> Iterator[Stored]:
    names: Mapping[str, str] = part.get("ExpressionAttributeNames") or {}
    for section, tokens in _actions(str(part.get("UpdateExpression") or "")):
        path = _path(tokens[0], names)
        if section == "REMOVE" and isinstance(path[-1], int):
            path = path[:-1]  # the elements behind it move up, so that it is the list which is written
        yield Stored(path, section == "REMOVE" or (section == "SET" and tokens[0] not in tokens[1:]))
    for name, update in (part.get("AttributeUpdates") or {}).items():
        adjusts = update.get("Action") == "ADD" or (update.get("Action") == "DELETE" and "Value" in update)
        yield Stored((name,), replaces=not adjusts)


def _actions(expression: str) -> Iterator[tuple[str, list[str]]]:
    """Each action of an update expression: its section, the path that it names first, and the rest of its tokens."""
    section, depth = "", 0
    found: list[str] = []
    for token in _TOKEN.findall(_AROUND_INDICES.sub(r"[\1]", _AROUND_DOTS.sub(".", expression))):
        begins = depth == 0 and token.upper() in _SECTIONS and (not found or len(found) > 1 or section == "REMOVE")
        if begins or (depth, token) == (0, ","):
            if found:
                yield section, found
            found = []
            section = token.upper() if begins else section
            continue
        depth += {"(": 1, ")": -1}.get(token, 0)
        found.append(token)
    if found:
        yield section, found


def _path(text: str, names: Mapping[str, str]) -> Path:
    return tuple(int(index) if index else names.get(name, name) for index, name in _STEP.findall(text))
