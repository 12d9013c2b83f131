"""Decides which operations of an execution depend on which, adjacent dependencies only.

Adya's three kinds (*Weak consistency: a generalized theory and optimistic implementations for distributed
transactions*, MIT 1999), taken between operations and per attribute of an item: a read depends on the write whose
value it returned (``wr``), a write on the one that it overwrote (``ww``), and the write that overwrites what a read
has seen depends on that read (``rw``, the anti-dependency).  Only a plain write of the same attribute in between
makes two operations not adjacent; increments do not, since they commute.

Departures: an item's existence counts as an attribute.  A range is read as all items, present or not, whose keys lie
in it; a range of an index as all items that the index holds there at any time, with the attributes of the index's key.
Operations that an oracle found wrong may be *judged*: the property reads the item as it was just before the write, as if the
write had read it, and so depends on the last writer (:attr:`Dependency.judged`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from toctou.analysis.versions import Versions
from toctou.history.footprint import EXISTENCE, Attributes, EdgeKind, KeyRange
from toctou.history.item import ItemId
from toctou.history.wording import changed_attributes


class Dependency(NamedTuple):  # many are made for each violation, and this is made soonest
    """One operation comes before another, because of one item.

    Attributes:
        kind: ``WR``, ``WW``, ``RW``, or ``RT`` for two requests of which one had answered before the other was invoked.
        earlier, later: positions of the operations.  Only an ``RW`` of a read that returned a stale version has
            ``earlier > later``.
        item: the item on which they meet; ``None`` for ``RT``.
        attributes: what they share, each attribute by name where names are known; may hold ``EXISTENCE``.
        changed: those whose stored value the writer really changed (for ``WW``, the later writer).
        range: the key range, if the reader queried one and the item was not among what it found.
        judged: the later operation did not read the item, but is judged by what it was.
    """

    kind: EdgeKind
    earlier: int
    later: int
    item: ItemId | None = None
    attributes: Attributes = frozenset()
    changed: Attributes = frozenset()
    range: KeyRange | None = None
    judged: bool = False

    @property
    def stale(self) -> bool:
        """Whether the reader returned an old version although the newer one had been written."""
        return self.kind is EdgeKind.RW and self.earlier > self.later


_NONE: Attributes = frozenset()
_ORDER: Mapping[EdgeKind, int] = {kind: index for index, kind in enumerate(EdgeKind)}


@dataclass(slots=True)
class _Access:
    """What one operation did to one item; attributes by name."""

    position: int
    seen: int
    """Writes from this position on are not in what the operation read: its own position, less for a stale read."""
    reads: Attributes
    writes: Attributes
    increments: Attributes
    changed: Attributes = _NONE
    range: KeyRange | None = None

    @property
    def written(self) -> Attributes:
        return self.writes | self.increments if self.increments else self.writes


class Accesses:
    """What the operations of an execution did to each item, and the dependencies that follow from it."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        operations = versions.execution.operations
        items = sorted({item for one in operations for item in one.footprint.items()}, key=str)
        self._order = {item: place for place, item in enumerate(items)}
        self._of_items = {item: list(_accesses(versions, item)) for item in items}
        self._found = [one for item, accesses in self._of_items.items() for one in _of_item(item, accesses)]

    def dependencies(self, judged: Sequence[int] = ()) -> tuple[Dependency, ...]:
        """Every adjacent data dependency, those within one request included, in the order of time.

        Operations at the positions ``judged`` count as having read the items that they changed.
        """
        found = [*self._found, *self._of_judged(judged)] if judged else self._found
        order = self._order
        return tuple(
            sorted(found, key=lambda one: (one.later, one.earlier, _ORDER[one.kind], order[cast("ItemId", one.item)]))
        )

    def _of_judged(self, judged: Sequence[int]) -> Iterator[Dependency]:
        """What a judged operation found that it did not read itself."""
        for item, accesses in self._of_items.items():
            names = self._versions.attributes(item) | {EXISTENCE}
            for place, access in enumerate(accesses):
                if access.position in judged and access.changed:
                    yield from _last_writers(item, accesses[:place], access, names - access.reads)


def _accesses(versions: Versions, item: ItemId) -> Iterator[_Access]:
    """What each operation did to an item that it touched at all."""
    named = versions.named
    for position, operation in enumerate(versions.execution.operations):
        footprint = operation.footprint
        reads = named(item, footprint.reads.get(item, _NONE))
        found: KeyRange | None = None
        for one in footprint.ranges:
            if versions.covers(one, item):
                reads |= named(item, one.seen)
                found = found or one
        writes = named(item, footprint.writes.get(item, _NONE))
        increments = named(item, footprint.increments.get(item, _NONE))
        if not (reads or writes or increments):
            continue
        access = _Access(position, versions.seen(position, item), reads, writes, increments)
        if operation.changes:
            changed = [changed_attributes(change) for change in operation.changes if change.item == item]
            access.changed = frozenset(changed[0]).union(*changed[1:]) if changed else _NONE
        if found is not None and item not in footprint.reads:
            access.range = found
        yield access


def _alike(accesses: Sequence[_Access]) -> list[Attributes]:
    """The attributes of an item, those together to which every operation did the same; in alphabetical order of the first."""
    every = [(access.reads, access.writes, access.increments, access.changed) for access in accesses]
    blocks: list[Attributes] = [frozenset[str]().union(*(part for parts in every for part in parts[:3]))]
    for part in {part for parts in every for part in parts if part}:
        blocks = [one for block in blocks for one in (block & part, block - part) if one]
    return sorted(blocks, key=min) if len(blocks) > 1 else [block for block in blocks if block]


def _of_item(item: ItemId, accesses: Sequence[_Access]) -> Iterator[Dependency]:
    """One dependency for all attributes on which the same two operations meet in the same way."""
    shared: dict[tuple[EdgeKind, int, int], tuple[Attributes, Attributes]] = {}
    ranges: dict[tuple[EdgeKind, int, int], KeyRange] = {}
    for names in _alike(accesses):
        for kind, earlier, later, changed in _of_attributes(names, accesses):
            meeting = kind, earlier.position, later.position
            known = shared.get(meeting)
            shared[meeting] = (names, changed) if known is None else (known[0] | names, known[1] | changed)
            if kind is EdgeKind.RW and earlier.range is not None:
                ranges[meeting] = earlier.range
    for meeting, (attributes, changed) in shared.items():
        yield Dependency(*meeting, item, attributes, changed, ranges.get(meeting))


_Meeting = tuple[EdgeKind, _Access, _Access, Attributes]
"""Kind, earlier, later, and what the writer, of two the later one, changed."""


def _of_attributes(names: Attributes, accesses: Sequence[_Access]) -> Iterator[_Meeting]:
    """Where operations meet on attributes to which each of them did the same.

    Two of them are adjacent unless there is a plain write in between, so the writers next to one are gone through up to
    the first plain write.
    """
    attribute = next(iter(names))
    writers = [(access, attribute in access.writes) for access in accesses if attribute in access.written]
    for access in accesses:
        if attribute in access.reads:
            yield from _around(access, writers, names)
    for place, (access, _) in enumerate(writers):
        adds = attribute in access.increments
        for writer, plain in reversed(writers[:place]):
            if not (adds and attribute in writer.increments):
                yield EdgeKind.WW, writer, access, names & access.changed
            if plain:
                break


def _around(reader: _Access, writers: Sequence[tuple[_Access, bool]], names: Attributes) -> Iterator[_Meeting]:
    """The writers next to what a reader has seen, each of which may be a plain one, on both sides."""
    for writer, plain in reversed(writers):
        if writer.position < reader.seen:
            yield EdgeKind.WR, writer, reader, names & writer.changed
            if plain:
                break
    for writer, plain in writers:
        if writer.position >= reader.seen:
            if writer is not reader:
                yield EdgeKind.RW, reader, writer, names & writer.changed
            if plain:
                break


def _last_writers(item: ItemId, before: Sequence[_Access], judged: _Access, names: Attributes) -> Iterator[Dependency]:
    """Who had written what a judged operation found."""
    shared: dict[int, tuple[Attributes, Attributes]] = {}
    for name in names:
        for writer in reversed(before):
            if name in writer.written:
                known, changed = shared.get(writer.position, (_NONE, _NONE))
                shared[writer.position] = known | {name}, changed | ({name} & writer.changed)
                if name in writer.writes:
                    break
    for position, (attributes, changed) in shared.items():
        yield Dependency(EdgeKind.WR, position, judged.position, item, attributes, changed, judged=True)
