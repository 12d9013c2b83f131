"""Finds arguments that lead a request to stored items, by tracing marked values, and values that a condition needs.

Each argument gets a unique value, its mark.  If the mark occurs in a key that the request looks up, the argument carries the
key, possibly with a prefix or suffix (``ITEM#…``), and the stored items give its candidate values; if it is stored as an item's
owner, the argument carries a principal.  Further rounds find arguments that are used only once an item has been found.  If a
request that looks up an item is refused because of a condition (``If-Match``, a version), values stored in the item are tried
for its other arguments, those of attributes with a similar name first.  Values given by the model are used unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from toctou.history.item import ItemId, plain, plain_value
from toctou.history.request import Request
from toctou.scan.probe import Probe, SoloRun

_ROUNDS = 3  # of lookups that depend on each other, such as an order, its customer, and the customer's account
_ITEMS = 2
_MAX_CHOICES = 16
# Two lengths, because a schema may limit either end; both begin with letters that hardly any data contains.
_MARKS = ("zq{}x", "zq{}-toctou-mark")
_NUMBER = 90_071_992
_CONDITIONAL = frozenset({400, 409, 412, 422, 428})
_MOST_CONDITIONS = 24
_COMPARED = frozenset({"match", "etag", "version", "revision", "rev", "updated", "modified", "lock"})


@dataclass(slots=True)
class KnownArguments:
    """What is known about the arguments of an operation.

    Attributes:
        base: a valid value for each argument.
        given: values listed by the model.
        by_item: values that lead to one stored item; one mapping per item.
        principals: arguments that name a principal.
        marks: another valid value, where the document allows one.
    """

    base: Mapping[str, Any]
    given: Mapping[str, Sequence[Any]]
    by_item: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    principals: set[str] = field(default_factory=set)
    marks: dict[str, Any] = field(default_factory=dict)

    def choices(self, principals: Sequence[str]) -> list[dict[str, Any]]:
        """A limited number of arguments for requests, most promising first."""
        given = {name: list(values) for name, values in self.given.items() if name in self.base}
        given |= {name: list(principals) for name in self.principals if name not in given}
        made = [
            {**self.base, **item_values, **dict(zip(given, values, strict=True))}
            for item_values in self.by_item[:_ITEMS]
            for values in product(*given.values())
        ]
        return made[:_MAX_CHOICES]

    @property
    def free(self) -> list[str]:
        """The arguments that are known to lead neither to an item nor to a principal, and have no values given."""
        known = {*self.given, *self.principals, *(name for item_values in self.by_item for name in item_values)}
        return [name for name in self.base if name not in known]

    def variation(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with marks instead of values that are free, and that no condition needs."""
        free = {name: self.marks[name] for name in self.free if name in self.marks}
        return {**arguments, **{name: mark for name, mark in free.items() if arguments[name] == self.base[name]}}


def find(
    probe: Probe,
    make: Callable[[str, Mapping[str, Any]], Request],
    known: KnownArguments,
    *,
    keys: Mapping[str, tuple[str, ...]],
    owner: str | None,
    principals: Sequence[str],
    fits: Callable[[Mapping[str, Any]], bool],
) -> None:
    """Extend what is known about the arguments of an operation.

    Args:
        probe: runs requests.
        make: builds a request for a principal and arguments.
        known: modified in place.
        keys: the key attributes of each table.
        owner: the attribute that names an item's owner, if any.
        principals: to make requests for.
        fits: whether the document allows arguments.
    """
    marks = known.marks = _marks(known, fits)
    for _ in range(_ROUNDS):
        explained = {name for item_values in known.by_item for name in item_values} | known.principals
        open_marks = {name: value for name, value in marks.items() if name not in explained}
        if not open_marks:
            return
        tried = [{**choice, **open_marks} for choice in known.choices(principals)]
        seen = [probe.run(make(principal, arguments)) for principal in principals for arguments in tried]
        new_values = list(_values_by_item(seen, open_marks, keys, probe=probe, fits=fits, arguments=tried[0]))
        owners = {name for name, mark in open_marks.items() if owner and any(_owns(one, owner, mark) for one in seen)}
        if not new_values and not owners:  # another round would make the same requests
            return
        if new_values:
            known.by_item = [{**old, **new} for old in known.by_item for new in new_values]
        known.principals |= owners


def satisfying(
    probe: Probe,
    make: Callable[[str, Mapping[str, Any]], Request],
    known: KnownArguments,
    arguments: Mapping[str, Any],
    *,
    principals: Sequence[str],
    fits: Callable[[Mapping[str, Any]], bool],
) -> dict[str, Any]:
    """The arguments with a stored value for one of them, if a condition refuses them and holds for that value."""
    for principal in principals:
        run = probe.run(make(principal, arguments))
        if run.response is None or run.response.status not in _CONDITIONAL:
            continue
        for name, value in _stored_values(probe, run, known.free):
            changed = {**arguments, name: value}
            if fits(changed) and probe.run(make(principal, changed)).reached:
                return changed
    return dict(arguments)


def _stored_values(probe: Probe, run: SoloRun, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Arguments with values of the items that a request looked up, the likeliest first."""
    pairs = [
        (name, attribute, value)
        for name in names
        for image in probe.stored_for(run)
        for attribute, value in plain(image).items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    ]
    pairs.sort(key=lambda pair: -_likeness(*pair[:2]))
    for name, _, value in pairs[:_MOST_CONDITIONS]:
        yield name, value
        yield name, str(value)
        yield name, f'"{value}"'  # an entity tag: https://www.rfc-editor.org/rfc/rfc9110#name-etag


def _likeness(argument: str, attribute: str) -> int:
    """How likely a condition compares the attribute with the argument."""
    left, right = (set(re.findall("[a-z]+", name.lower().replace("e-tag", "etag"))) for name in (argument, attribute))
    return 2 * len(left & right) + bool(left & _COMPARED and right & _COMPARED)


def _marks(known: KnownArguments, fits: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """A recognisable value for each argument that may have one."""
    marks: dict[str, Any] = {}
    for number, (name, value) in enumerate(known.base.items()):
        if name in known.given or isinstance(value, bool) or value is None:  # no unique value is possible
            continue
        options = [mark.format(number) for mark in _MARKS] if isinstance(value, str) else [_NUMBER + number]
        fitting = [mark for mark in options if fits({**known.base, name: mark})]
        if fitting:
            marks[name] = fitting[0]
        elif len(str(value)) > 3:  # without a valid mark, a longer value is still recognisable
            marks[name] = value
    return marks


def _values_by_item(
    seen: Sequence[SoloRun],
    marks: Mapping[str, Any],
    keys: Mapping[str, tuple[str, ...]],
    *,
    probe: Probe,
    fits: Callable[[Mapping[str, Any]], bool],
    arguments: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """For each stored item that the marked arguments could lead to, their values."""
    found: list[dict[str, Any]] = []
    for run in seen:
        for operation in run.operations:
            looked_up = {*operation.footprint.items(), *_partitions(operation)}
            for item in sorted(looked_up, key=str):
                for image in probe.initial.get(item.table, ()):
                    key = [plain_value(image[name]) for name in keys.get(item.table, ()) if name in image]
                    values = _values(item, key, marks)
                    if values and values not in found and fits({**arguments, **values}):
                        found.append(values)
                        yield values


def _partitions(operation: Any) -> set[ItemId]:
    ranges = [one for one in operation.footprint.ranges if one.index is None]
    return {ItemId(one.table, (one.partition,)) for one in ranges if one.partition is not None}


def _values(item: ItemId, key: Sequence[Any], marks: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that turn the looked-up key into the stored one; empty if there are none."""
    values: dict[str, Any] = {}
    for (_, looked_up), stored in zip(item.key, key, strict=False):  # a query looks up the partition key only
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
        # What stands between prefix and suffix is the value; a numeric argument may be part of a string key.
        values[name] = int(middle) if isinstance(marks[name], int) and middle.isdigit() else middle
    return values


def _owns(run: SoloRun, owner: str, mark: Any) -> bool:
    return any(
        change.after is not None and owner in change.after and plain_value(change.after[owner]) == mark
        for operation in run.operations
        for change in operation.changes
    )
