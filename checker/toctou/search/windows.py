"""Decides where a request reads, and then writes without a condition that covers what it has read.

A *window* is a read of an item followed, in the same request, by a write of it whose condition covers nothing that was read.
Existence does not count: it says nothing about the contents.  A window is *distant* if the write is of other items than those
that were read, and is not made in a transaction that checks them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toctou.engine.expressions.conditions import compiled_condition
from toctou.engine.service_error import ServiceError
from toctou.history.footprint import ALL, EXISTENCE, Attributes, KeyRange
from toctou.history.item import ItemId
from toctou.history.operation import Operation

Keys = Mapping[str, frozenset[str]]
"""The key attributes of each table, which no write changes."""


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A read that the condition of a later write does not cover.

    Attributes:
        item: the item that was read; of a distant one also the key range.
        read, write: positions of the two calls among those of the request.
        unchecked: attributes that were read and that the write's condition does not cover.
        condition: what its condition on that item covers instead, key attributes included; empty if it has none.
        distant: whether the write is of other items.
    """

    item: ItemId | KeyRange
    read: int
    write: int
    unchecked: Attributes
    condition: Attributes = frozenset()
    distant: bool = False


def same_item_windows(operations: Sequence[Operation], keys: Keys) -> Iterator[OpenWindow]:
    """The windows of one request whose write is of the item that was read, given its calls in order."""
    for at, write in enumerate(operations):
        for item in dict.fromkeys([*write.footprint.writes, *write.footprint.increments]):
            read_at = _last_read(operations[:at], item)
            if read_at is None:
                continue
            own = keys.get(item.table, frozenset())
            read = read_attributes(operations[read_at], item) - own
            covered = condition(write, item)
            bound = covered - own - {EXISTENCE}
            if covered and any(change.item == item and change.before is None for change in write.changes):
                continue  # there was nothing but that it was not there, and the condition covers that
            if not bound & read and not (ALL in read and bound):
                yield OpenWindow(item, read_at, at, read - bound, covered)


def distant_windows(operations: Sequence[Operation], keys: Keys) -> Iterator[OpenWindow]:
    """The windows of one request whose write is of other items than those that were read."""
    for at, write in enumerate(operations):
        footprint = write.footprint
        if not footprint.writes_something:
            continue
        written = {*footprint.writes, *footprint.increments}
        for read_at, read in enumerate(operations[:at]):
            if read.footprint.writes_something:
                continue
            ranges = read.footprint.ranges
            for item, attributes in read.footprint.reads.items():
                if any(one.covers(item) for one in ranges):  # the range stands for what was found in it
                    continue
                checked = footprint.reads.get(item, frozenset()) - {EXISTENCE}
                if item not in written and not checked and _last_read(operations[:at], item) == read_at:
                    yield OpenWindow(item, read_at, at, attributes - keys.get(item.table, frozenset()), distant=True)
            for one in ranges:
                if not any(one.covers(item) for item in written):
                    seen = one.attributes - keys.get(one.table, frozenset()) or frozenset({EXISTENCE})
                    yield OpenWindow(one, read_at, at, seen, distant=True)


def condition(operation: Operation, item: ItemId) -> frozenset[str]:
    """The attributes of an item that the condition of a write covers, key attributes included."""
    # Any part of a transaction on the item's table counts: one condition makes the whole transaction fail.
    parts: list[Mapping[str, Any]] = [operation.parameters]
    for entry in operation.parameters.get("TransactItems", ()):
        parts += [part for part in entry.values() if part.get("TableName", "").rpartition("/")[2] == item.table]
    found: set[str] = set()
    for part in parts:
        text = part.get("ConditionExpression")
        if text:
            try:
                found |= compiled_condition("ConditionExpression", text, part.get("ExpressionAttributeNames", {})).reads
            except ServiceError:  # an invalid condition protects nothing: DynamoDB rejects the whole call
                continue
        found |= set(part.get("Expected", {}))  # the legacy form of a condition
    return frozenset(found)


def read_attributes(operation: Operation, item: ItemId) -> Attributes:
    """What of an item a call could see, or of whether it is there."""
    footprint = operation.footprint
    found = footprint.reads.get(item, frozenset())
    return found.union(*(one.seen - {EXISTENCE} for one in footprint.ranges if one.covers(item)))


def _last_read(operations: Sequence[Operation], item: ItemId) -> int | None:
    """The last call that read the item; ``None`` if the request has written it since."""
    for at in range(len(operations) - 1, -1, -1):
        footprint = operations[at].footprint
        if item in footprint.writes or item in footprint.increments:  # that write has ended the earlier window
            return None
        if read_attributes(operations[at], item):
            return at
    return None


def named(attributes: Attributes) -> tuple[str, ...]:
    """Attributes as texts, sorted."""
    if ALL in attributes:
        return ("the whole item",)
    return tuple(sorted(one if one != EXISTENCE else "existence" for one in attributes))
