"""Finds arguments that lead a request to stored items, by watching where they turn up.

An argument gets a value of its own that occurs nowhere else.  If that value is then part of a key that the request looks up, the
argument carries the key, alone or with something around it (``ITEM#…``), and the stored items tell which values it may have; if
it is stored as an item's owner, it carries a principal.  Arguments that turn up later, once the first item has been found, are
followed in further rounds.  What the model says about an argument is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from toctou.history.item import ItemId, plain_value
from toctou.history.request import Request
from toctou.scan.probe import Alone, Probe

_ROUNDS = 3
_ITEMS = 2
_MOST = 16
_MARKS = ("zq{}x", "zq{}-toctou-mark")
_NUMBER = 90_071_992


@dataclass(slots=True)
class Found:
    """What is known about the arguments of an operation.

    Attributes:
        given: values that the model names.
        together: values that belong together, because they lead to one item; one mapping for each item.
        principals: arguments that name a principal.
        base: a valid value for everything else.
        marks: another valid value, for those that may have one.
    """

    base: Mapping[str, Any]
    given: Mapping[str, Sequence[Any]]
    together: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    principals: set[str] = field(default_factory=set)
    marks: dict[str, Any] = field(default_factory=dict)

    def choices(self, principals: Sequence[str]) -> list[dict[str, Any]]:
        """Arguments of the requests that are worth making, the most telling first; no more than a few."""
        given = {name: list(values) for name, values in self.given.items() if name in self.base}
        given |= {name: list(principals) for name in self.principals if name not in given}
        made = [
            {**self.base, **together, **dict(zip(given, values, strict=True))}
            for together in self.together[:_ITEMS]
            for values in product(*given.values())
        ]
        return made[:_MOST]

    def otherwise(self, principals: Sequence[str]) -> list[dict[str, Any]]:
        """The same with other values for the arguments that lead nowhere and name nobody."""
        known = {*self.given, *self.principals, *(name for together in self.together for name in together)}
        free = {name: mark for name, mark in self.marks.items() if name not in known}
        return [{**choice, **free} for choice in self.choices(principals)] if free else []


def find(
    probe: Probe,
    make: Callable[[str, Mapping[str, Any]], Request],
    found: Found,
    *,
    keys: Mapping[str, tuple[str, ...]],
    owner: str | None,
    principals: Sequence[str],
    fits: Callable[[Mapping[str, Any]], bool],
) -> None:
    """Complete what is known about the arguments of an operation.

    Args:
        probe: runs requests.
        make: a request for a principal and arguments.
        found: what is known; changed.
        keys: the key attributes of each table.
        owner: the attribute that names an item's owner, if any.
        principals: who may ask.
        fits: whether arguments are valid.
    """
    marks = found.marks = _marks(found, fits)
    for _ in range(_ROUNDS):
        known = {name for together in found.together for name in together} | found.principals
        open_marks = {name: value for name, value in marks.items() if name not in known}
        if not open_marks:
            return
        tried = [{**choice, **open_marks} for choice in found.choices(principals)]
        seen = [probe.run(make(principal, arguments)) for principal in principals for arguments in tried]
        together = list(_together(seen, open_marks, keys, probe=probe, fits=fits, arguments=tried[0]))
        owners = {name for name, mark in open_marks.items() if owner and any(_owns(one, owner, mark) for one in seen)}
        if not together and not owners:
            return
        if together:
            found.together = [{**old, **new} for old in found.together for new in together]
        found.principals |= owners


def _marks(found: Found, fits: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """A telling value for each argument that may have one."""
    marks: dict[str, Any] = {}
    for number, (name, value) in enumerate(found.base.items()):
        if name in found.given or isinstance(value, bool) or value is None:
            continue
        options = [mark.format(number) for mark in _MARKS] if isinstance(value, str) else [_NUMBER + number]
        fitting = [mark for mark in options if fits({**found.base, name: mark})]
        if fitting:
            marks[name] = fitting[0]
        elif len(str(value)) > 3:  # what the document allows says enough by itself, like an identifier
            marks[name] = value
    return marks


def _together(
    seen: Sequence[Alone],
    marks: Mapping[str, Any],
    keys: Mapping[str, tuple[str, ...]],
    *,
    probe: Probe,
    fits: Callable[[Mapping[str, Any]], bool],
    arguments: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """For each stored item that the marked arguments could lead to: their values."""
    told: list[dict[str, Any]] = []
    for alone in seen:
        for operation in alone.operations:
            looked_up = {*operation.footprint.items(), *_partitions(operation)}
            for item in sorted(looked_up, key=str):
                for image in probe.initial.get(item.table, ()):
                    key = [plain_value(image[name]) for name in keys.get(item.table, ()) if name in image]
                    values = _values(item, key, marks)
                    if values and values not in told and fits({**arguments, **values}):
                        told.append(values)
                        yield values


def _partitions(operation: Any) -> set[ItemId]:
    return {ItemId(one.table, (one.partition,)) for one in operation.footprint.ranges if one.partition is not None}


def _values(item: ItemId, key: Sequence[Any], marks: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with which the looked-up key would have been the stored one; nothing if it never is."""
    values: dict[str, Any] = {}
    for (_, looked_up), stored in zip(item.key, key, strict=False):
        text, goal = str(looked_up), str(stored)
        name = next((name for name, mark in marks.items() if str(mark) in text), None)
        if name is None:
            if text != goal:
                return {}
            continue
        before, _, after = text.partition(str(marks[name]))
        middle = goal[len(before) : len(goal) - len(after)]
        if goal != before + middle + after or not middle:
            return {}
        values[name] = int(middle) if isinstance(marks[name], int) and middle.isdigit() else middle
    return values


def _owns(alone: Alone, owner: str, mark: Any) -> bool:
    return any(
        change.after is not None and owner in change.after and plain_value(change.after[owner]) == mark
        for operation in alone.operations
        for change in operation.changes
    )
