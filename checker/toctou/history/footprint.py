"""Footprints: what an operation read and wrote, and when the order of two operations can matter.

Which schedules are run depends on :func:`dependent`, and every edge of an explanation on :func:`conflicts`.  Footprints are taken
after an operation has been performed, so they are exact: a conditional write whose condition failed has only read.

The unit is an attribute of an item, with its existence as an attribute of its own.  A query reads a key range as well as the
items in it, because an item that is put into the range later would have been read.  A range of an index is met by the entries
that a write left or changed there, the old one and the new one of an item that moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from toctou.history.item import Image, ItemId

ALL = "*"
"""Every attribute that an item has or could have, but not its existence."""

EXISTENCE = ""
"""Whether the item is there at all; DynamoDB has no attribute with an empty name."""

Attributes = frozenset[str]
_EXISTENCE_ONLY: Attributes = frozenset({EXISTENCE})
_NO_ATTRIBUTES: Attributes = frozenset()
_NOTHING: Mapping[ItemId, Attributes] = {}  # a plain dictionary, because footprints travel between processes

Partition = tuple[str, Any]
"""The partition key of a table or of an index: ``(type, value)``, as in :class:`ItemId`."""


class IndexKey(NamedTuple):
    """A secondary index by what decides where it holds an item.

    Attributes:
        name: the index's.
        attributes: names and types of the partition key and, if there is one, the sort key.
    """

    name: str
    attributes: tuple[tuple[str, str], ...]

    @property
    def names(self) -> Attributes:
        """The names of the attributes."""
        return frozenset(name for name, _ in self.attributes)

    def place(self, image: Image | None) -> tuple[tuple[str, Any], ...] | None:
        """The key under which the index holds an item; ``None`` if it does not hold it."""
        if image is None:
            return None
        found = []
        for name, kind in self.attributes:
            value = image.get(name)
            if value is None or kind not in value:
                return None
            found.append((kind, value[kind]))
        return tuple(found)


class Entry(NamedTuple):
    """Where an index holds an item that was written, or has held it until then.

    Attributes:
        index_name: the index's.
        partition: the partition key there.
        moved: whether the entry was made, removed, or given another key by the write.
    """

    index_name: str
    partition: Partition
    moved: bool


Entries = Mapping[ItemId, frozenset[Entry]]
_NO_ENTRIES: Entries = {}


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A set of keys that an operation queried.

    Attributes:
        table: its name.
        partition: the partition key in the table, or in the index; ``None`` for the whole table or index.
        sort: the condition on the sort key as written, for reports only; ``None`` for the whole partition.
        attributes: the attributes that the operation returned or filtered by, without keys; ``{ALL}`` for whole items.
        index: the secondary index that was queried; ``None`` for the table itself.
    """

    table: str
    partition: Partition | None = None
    sort: str | None = None
    attributes: Attributes = frozenset({ALL})
    index: IndexKey | None = None

    def covers(self, item: ItemId) -> bool:
        """Whether the item lies in the range, or could: where an index holds an item does not follow from the item's name."""
        if item.table != self.table:
            return False
        return self.partition is None or self.index is not None or item.key[0] == self.partition

    def holds(self, item: ItemId, image: Image | None) -> bool:
        """Whether the item lies in the range while it is stored like this; ``None`` is not stored."""
        if self.index is None or not self.covers(item):
            return image is not None and self.covers(item)
        place = self.index.place(image)
        return place is not None and self.partition in (None, place[0])

    @property
    def seen(self) -> Attributes:
        """The attributes of an item that show in what the operation found, whether it was found included."""
        return self.attributes | _EXISTENCE_ONLY | (_NO_ATTRIBUTES if self.index is None else self.index.names)

    def met(self, item: ItemId, attributes: Attributes, entries: Entries) -> Attributes:
        """Of the attributes of an item that were written, those that show in what the operation found.

        Args:
            item: the item that was written.
            attributes: those that were written.
            entries: where indexes hold the item, or have held it.
        """
        if not self.covers(item):
            return _NO_ATTRIBUTES
        # An item that appears in the range, or leaves it, was or would have been read: existence counts.
        shared = overlap(attributes, self.attributes) | (attributes & _EXISTENCE_ONLY)
        if self.index is None:
            return shared
        own = [one for one in entries.get(item, ()) if one.index_name == self.index.name]
        own = [one for one in own if self.partition in (None, one.partition)]
        if not own:
            return _NO_ATTRIBUTES
        return shared | self.index.names if any(one.moved for one in own) else shared

    def __str__(self) -> str:
        sort = self.sort or "*"
        if self.index is None:
            return f"{self.table}[{'*' if self.partition is None else f'{self.partition[1]}, {sort}'}]"
        more = "" if self.sort is None else f", {sort}"
        return f"{self.table}.{self.index.name}[{'*' if self.partition is None else f'{self.partition[1]!r}{more}'}]"


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
        entries: by item that was changed, or put again as it was, where indexes hold it and have held it.
    """

    reads: Mapping[ItemId, Attributes] = _NOTHING
    writes: Mapping[ItemId, Attributes] = _NOTHING
    increments: Mapping[ItemId, Attributes] = _NOTHING
    ranges: tuple[KeyRange, ...] = ()
    judged: Mapping[ItemId, Attributes] = _NOTHING
    judged_ranges: tuple[KeyRange, ...] = ()
    entries: Entries = _NO_ENTRIES

    @property
    def writes_something(self) -> bool:
        """Whether anything was stored."""
        return bool(self.writes or self.increments)

    def items(self) -> frozenset[ItemId]:
        """Every item named in the footprint."""
        return frozenset(self.reads) | frozenset(self.writes) | frozenset(self.increments)


EMPTY = Footprint()


def shown_items(footprint: Footprint) -> list[ItemId]:
    """The items that a reader has to know of: of another service its contents, or else the things that are meant, by name."""
    items = footprint.items()
    contents = [item for item in items if not item.is_thing]
    return contents or [item for item in items if item.key[0][1]]


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
    for item, attributes in first.items():
        others = second.get(item)
        if others and (shared := overlap(attributes, others)):
            yield Conflict(kind, item, shared)


def _conflicts_in(kind: EdgeKind, ranges: tuple[KeyRange, ...], writer: Footprint) -> Iterator[Conflict]:
    for key_range in ranges:
        for written in (writer.writes, writer.increments):
            for item, attributes in written.items():
                if shared := key_range.met(item, attributes, writer.entries):
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


def reads(footprint: Footprint, item: ItemId, name: str) -> bool:
    """Whether an operation, or its caller through the response, could see this attribute of an item."""
    names = frozenset({name})
    return bool(overlap(footprint.reads.get(item, frozenset()), names)) or any(
        one.covers(item) and overlap(one.attributes, names) for one in footprint.ranges
    )


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
        and _within(part.entries, whole.entries)
    )


def _within(part: Mapping[ItemId, frozenset[Any]], whole: Mapping[ItemId, frozenset[Any]]) -> bool:
    return all(item in whole and names <= whole[item] for item, names in part.items())


def union(*footprints: Footprint) -> Footprint:
    """Everything that any of them reads or writes; an increment counts as a write, because it may not have been one."""
    reads, writes, judged = (dict[ItemId, Attributes]() for _ in range(3))
    entries: dict[ItemId, frozenset[Entry]] = {}
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
        for item, own in one.entries.items():
            entries[item] = entries.get(item, frozenset()) | own
        ranges.update(dict.fromkeys(one.ranges))
        judged_ranges.update(dict.fromkeys(one.judged_ranges))
    return Footprint(reads, writes, {}, tuple(ranges), judged, tuple(judged_ranges), entries)
