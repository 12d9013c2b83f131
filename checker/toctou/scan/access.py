"""What an operation of an API does in DynamoDB, and where it checks and then acts without an atomic condition.

A *window* is a read of an item followed, in the same request, by a write of it whose condition covers nothing that was read.
Existence does not count: it says nothing about the contents.  A window deserves a review; exploring decides whether it is
harmful.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toctou.engine.expressions.conditions import compiled_condition
from toctou.engine.service_error import ServiceError
from toctou.history.footprint import ALL, EXISTENCE
from toctou.history.item import ItemId
from toctou.history.operation import Operation
from toctou.history.request import SourceLine

_EVERYTHING = "the whole item"
_EXISTENCE = "existence"


@dataclass(frozen=True, slots=True)
class Access:
    """One DynamoDB call of an operation, as observed.

    Attributes:
        action: such as ``UpdateItem``.
        items: ``Items[i1]``, or ``Items[*]`` for a range or a table.
        reads, conditions, writes: attributes that it returned or computed with, that its condition covers, that it set.
        source: the line that makes the call, if known.
    """

    action: str
    items: tuple[str, ...]
    reads: tuple[str, ...]
    conditions: tuple[str, ...]
    writes: tuple[str, ...]
    source: SourceLine | None


@dataclass(frozen=True, slots=True)
class Window:
    """A check and an act that are not atomic.

    Attributes:
        item: ``Items[i1]``.
        read, write: indexes of the two calls in the operation's accesses.
        unchecked: attributes that were read and that the write's condition does not cover.
        condition: what its condition covers instead; empty if it has none.
    """

    item: str
    read: int
    write: int
    unchecked: tuple[str, ...]
    condition: tuple[str, ...]


def access(operation: Operation, keys: Mapping[str, frozenset[str]]) -> Access:
    """What one call accessed; ``keys`` are the key attributes of each table, which no write changes."""
    footprint = operation.footprint
    items = [str(item) for item in sorted(footprint.items(), key=str)] + [str(one) for one in footprint.ranges]
    bound = frozenset(name for item in footprint.items() for name in condition(operation, item))
    ranged = [one.seen - {EXISTENCE} for one in footprint.ranges]
    reads = frozenset().union(*footprint.reads.values(), *ranged) - bound
    writes = frozenset().union(*footprint.writes.values(), *footprint.increments.values())
    reads = reads - {EXISTENCE} if writes else reads  # every write looks up its item, which checks nothing
    own = frozenset().union(*(keys.get(item.table, frozenset()) for item in footprint.items()))
    return Access(
        operation.action,
        tuple(dict.fromkeys(items)),
        _named(reads),
        _named(bound - own) or ((_EXISTENCE,) if bound else ()),
        _named(writes),
        operation.source,
    )


def windows(operations: Sequence[Operation], keys: Mapping[str, frozenset[str]]) -> Iterator[Window]:
    """The windows of one request, given its calls in order."""
    for at, write in enumerate(operations):
        for item in dict.fromkeys([*write.footprint.writes, *write.footprint.increments]):
            read_at = _last_read(operations[:at], item)
            if read_at is None:
                continue
            own = keys.get(item.table, frozenset())
            read = _read_attributes(operations[read_at], item) - own
            covered = condition(write, item)
            bound = covered - own - {EXISTENCE}
            if covered and any(change.item == item and change.before is None for change in write.changes):
                continue  # there was nothing but that it was not there, and the condition covers that
            if not bound & read and not (ALL in read and bound):
                # A condition on key attributes alone checks existence, whichever function it uses.
                instead = _named(covered - own) or ((_EXISTENCE,) if covered else ())
                yield Window(str(item), read_at, at, _named(read - bound), instead)


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


def _last_read(operations: Sequence[Operation], item: ItemId) -> int | None:
    """The last call that read the item; ``None`` if the request has written it since."""
    for at in range(len(operations) - 1, -1, -1):
        footprint = operations[at].footprint
        if item in footprint.writes or item in footprint.increments:  # that write has ended the earlier window
            return None
        if _read_attributes(operations[at], item):
            return at
    return None


def _read_attributes(operation: Operation, item: ItemId) -> frozenset[str]:
    footprint = operation.footprint
    found = footprint.reads.get(item, frozenset())
    return found.union(*(one.seen - {EXISTENCE} for one in footprint.ranges if one.covers(item)))


def _named(attributes: frozenset[str]) -> tuple[str, ...]:
    if ALL in attributes:
        return (_EVERYTHING,)
    return tuple(sorted(one if one != EXISTENCE else _EXISTENCE for one in attributes))
