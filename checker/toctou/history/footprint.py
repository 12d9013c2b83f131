"""Footprints: what an operation read and wrote, and when the order of two operations can matter.

Which schedules are run depends on :func:`dependent`, and every edge of an explanation on :func:`conflicts`.  Footprints are taken
after an operation has been performed, so they are exact: a conditional write whose condition failed has only read.

The unit is an attribute of an item, with its existence as an attribute of its own.  A query reads a key range as well as the
items in it, because an item that is put into the range later would have been read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from toctou.history.item import ItemId

ALL = "*"
"""Every attribute that an item has or could have, but not its existence."""

EXISTENCE = ""
"""Whether the item is there at all; DynamoDB has no attribute with an empty name."""

Attributes = frozenset[str]
_EXISTENCE_ONLY: Attributes = frozenset({EXISTENCE})
_NOTHING: Mapping[ItemId, Attributes] = {}  # a plain dictionary, because footprints travel between processes


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A set of keys that an operation queried.

    Attributes:
        table: its name.
        partition: the partition key ``(type, value)``; ``None`` for the whole table, and for a read through a secondary index,
            because a write may move an item into any index partition.
        sort: the condition on the sort key as written, for reports only; ``None`` for the whole partition.
        attributes: the attributes that the operation returned or filtered by; ``{ALL}`` for whole items.
    """

    table: str
    partition: tuple[str, Any] | None = None
    sort: str | None = None
    attributes: Attributes = frozenset({ALL})

    def covers(self, item: ItemId) -> bool:
        """Whether the item's key lies in the partition, or could."""
        return item.table == self.table and (self.partition is None or item.key[0] == self.partition)

    def __str__(self) -> str:
        inside = "*" if self.partition is None else f"{self.partition[1]}, {self.sort or '*'}"
        return f"{self.table}[{inside}]"


class Footprint(NamedTuple):
    """What one operation did.

    Attributes:
        reads: attributes whose values the operation, or its caller through the response, could see.
        writes: attributes that were set or removed.
        increments: attributes that were added to, by an operation that did not report the sum; two of them commute.
        ranges: key ranges that were queried.
        judged: attributes that neither the operation nor its caller saw, but that an oracle, or a stale read, observes when the
            operation takes effect.  They decide which orders matter, like reads, but explain nothing to the handler.
        judged_ranges: key ranges of whose items an oracle observes those attributes when the operation takes effect.
    """

    reads: Mapping[ItemId, Attributes] = _NOTHING
    writes: Mapping[ItemId, Attributes] = _NOTHING
    increments: Mapping[ItemId, Attributes] = _NOTHING
    ranges: tuple[KeyRange, ...] = ()
    judged: Mapping[ItemId, Attributes] = _NOTHING
    judged_ranges: tuple[KeyRange, ...] = ()

    @property
    def writes_something(self) -> bool:
        """Whether anything was stored."""
        return bool(self.writes or self.increments)

    def items(self) -> frozenset[ItemId]:
        """Every item named in the footprint."""
        return frozenset(self.reads) | frozenset(self.writes) | frozenset(self.increments)


EMPTY = Footprint()


class EdgeKind(StrEnum):
    """Why one operation comes before another; the last two are not data dependencies."""

    WR = "wr"
    WW = "ww"
    RW = "rw"
    PO = "po"
    RT = "rt"

    __hash__ = str.__hash__  # Enum's own is written in Python


@dataclass(frozen=True, slots=True)
class Conflict:
    """One reason why the order of two operations matters.

    Attributes:
        kind: ``WR`` if the earlier wrote and the later read, ``RW`` the other way round, ``WW`` if both wrote.
        item: the item that both access; for a key range, the item whose write touches it.
        attributes: those that both access; may hold ``ALL`` and ``EXISTENCE``.
        range: the key range, if the reader queried one.
    """

    kind: EdgeKind
    item: ItemId
    attributes: Attributes
    range: KeyRange | None = None


def overlap(left: Attributes, right: Attributes) -> Attributes:
    """The attributes two sets share; ``ALL`` matches every attribute but not ``EXISTENCE``."""
    shared = left & right
    if ALL in left:
        shared |= right - {EXISTENCE}
    if ALL in right:
        shared |= left - {EXISTENCE}
    return shared


def _conflicts_on(
    kind: EdgeKind, first: Mapping[ItemId, Attributes], second: Mapping[ItemId, Attributes]
) -> Iterator[Conflict]:
    if not first or not second:
        return
    for item, attributes in first.items():
        others = second.get(item)
        if others and (shared := overlap(attributes, others)):
            yield Conflict(kind, item, shared)


def _conflicts_in(kind: EdgeKind, ranges: tuple[KeyRange, ...], writer: Footprint) -> Iterator[Conflict]:
    for key_range in ranges:
        for written in (writer.writes, writer.increments):
            for item, attributes in written.items():
                # An item that appears in the range, or leaves it, was or would have been read: existence counts.
                if key_range.covers(item) and (
                    shared := overlap(attributes, key_range.attributes) | (attributes & {EXISTENCE})
                ):
                    yield Conflict(kind, item, shared, key_range)


def conflicts(earlier: Footprint, later: Footprint) -> Iterator[Conflict]:
    """Every reason why the order of two operations matters; nothing if they commute."""
    yield from _conflicts_on(EdgeKind.WW, earlier.writes, later.writes)
    yield from _conflicts_on(EdgeKind.WW, earlier.writes, later.increments)
    yield from _conflicts_on(EdgeKind.WW, earlier.increments, later.writes)
    yield from _conflicts_on(EdgeKind.WR, earlier.writes, later.reads)
    yield from _conflicts_on(EdgeKind.WR, earlier.increments, later.reads)
    yield from _conflicts_on(EdgeKind.RW, earlier.reads, later.writes)
    yield from _conflicts_on(EdgeKind.RW, earlier.reads, later.increments)
    yield from _conflicts_on(EdgeKind.WR, earlier.writes, later.judged)
    yield from _conflicts_on(EdgeKind.WR, earlier.increments, later.judged)
    yield from _conflicts_on(EdgeKind.RW, earlier.judged, later.writes)
    yield from _conflicts_on(EdgeKind.RW, earlier.judged, later.increments)
    yield from _conflicts_in(EdgeKind.WR, later.ranges + later.judged_ranges, earlier)
    yield from _conflicts_in(EdgeKind.RW, earlier.ranges + earlier.judged_ranges, later)


def dependent(left: Footprint, right: Footprint) -> bool:
    """Whether the order of two operations can matter (symmetric): whether there are any :func:`conflicts`."""
    return _disturbs(left, right) or _disturbs(right, left)


# Asked for every pair of steps, so it returns at the first conflict and builds none.
def _disturbs(writer: Footprint, other: Footprint) -> bool:
    """Whether the other operation read, queried, wrote or judged something that the writer wrote."""
    for item, attributes in writer.writes.items():
        for touched in (other.reads, other.writes, other.increments, other.judged):
            if item in touched and _share(attributes, touched[item]):
                return True
    for item, attributes in writer.increments.items():  # two increments commute
        for touched in (other.reads, other.writes, other.judged):
            if item in touched and _share(attributes, touched[item]):
                return True
    ranges = other.ranges + other.judged_ranges if other.judged_ranges else other.ranges
    return bool(ranges) and next(_conflicts_in(EdgeKind.WR, ranges, writer), None) is not None


def _share(left: Attributes, right: Attributes) -> bool:
    return (
        not left.isdisjoint(right)
        or (ALL in left and not right <= _EXISTENCE_ONLY)
        or (ALL in right and not left <= _EXISTENCE_ONLY)
    )


def observing(
    footprint: Footprint, items: Iterable[ItemId], attributes: Attributes, ranges: tuple[KeyRange, ...] = ()
) -> Footprint:
    """The footprint of an operation at which these attributes of some items, and these ranges, are judged as well."""
    judged = dict(footprint.judged)
    for item in items:
        judged[item] = judged.get(item, frozenset()) | attributes
    return footprint._replace(judged=judged, judged_ranges=footprint.judged_ranges + ranges)


def contains(whole: Footprint, part: Footprint) -> bool:
    """Whether one footprint includes another, so that it conflicts with everything that the other conflicts with."""
    return (
        _within(part.reads, whole.reads)
        and _within(part.writes, whole.writes)
        and _within(part.judged, whole.judged)
        and all(
            # A write conflicts with everything that an increment conflicts with.
            _within({item: names}, whole.increments) or _within({item: names}, whole.writes)
            for item, names in part.increments.items()
        )
        and set(part.ranges) <= set(whole.ranges)
        and set(part.judged_ranges) <= set(whole.judged_ranges)
    )


def _within(part: Mapping[ItemId, Attributes], whole: Mapping[ItemId, Attributes]) -> bool:
    return all(item in whole and names <= whole[item] for item, names in part.items())


def union(*footprints: Footprint) -> Footprint:
    """Everything that any of them reads or writes; an increment counts as a write, because it may not have been one."""
    reads, writes, judged = (dict[ItemId, Attributes]() for _ in range(3))
    ranges, judged_ranges = dict[KeyRange, None](), dict[KeyRange, None]()
    for one in footprints:
        for target, source in (
            (reads, one.reads),
            (writes, one.writes),
            (writes, one.increments),
            (judged, one.judged),
        ):
            for item, attributes in source.items():
                target[item] = target.get(item, frozenset()) | attributes
        ranges.update(dict.fromkeys(one.ranges))
        judged_ranges.update(dict.fromkeys(one.judged_ranges))
    return Footprint(reads, writes, {}, tuple(ranges), judged, tuple(judged_ranges))
