"""Decides which operations of an execution depend on which, adjacent dependencies only.

Adya's three kinds (*Weak consistency: a generalized theory and optimistic implementations for distributed
transactions*, MIT 1999), taken between operations and per attribute of an item: a read depends on the write whose
value it returned (``wr``), a write on the one that it overwrote (``ww``), and the write that overwrites what a read
has seen depends on that read (``rw``, the anti-dependency).  Only a plain write of the same attribute in between
makes two operations not adjacent; increments do not, since they commute.

Departures: an item's existence counts as an attribute.  A range is read as all items, present or not, whose keys lie
in it. Operations that an oracle found wrong may be *judged*: the property looks at the item as it was just before the
write, as if the write had read it, and so depends on whoever had written it (:attr:`Dependency.judged`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checker.analysis.versions import Versions
from checker.history.footprint import EXISTENCE, Attributes, EdgeKind, KeyRange
from checker.history.item import ItemId
from checker.history.operation import Execution, Operation
from checker.history.wording import changed_attributes


@dataclass(frozen=True, slots=True)
class Dependency:
    """One operation comes before another, because of one item.

    Attributes:
        kind: ``WR``, ``WW``, ``RW``, or ``RT`` for two requests of which one had answered before the other was invoked.
        earlier, later: positions of the operations.  Only an ``RW`` of a weak read that returned an old version has
            ``earlier > later``.
        item: the item on which they meet; ``None`` for ``RT``.
        attributes: what they share, each attribute by name where names are known; may hold ``EXISTENCE``.
        changed: those whose stored value the writer really changed (for ``WW``, the later writer).
        range: the key range, if the reader looked through one and the item was not among what it found.
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


_Meeting = tuple[EdgeKind, int, int, bool]
"""Kind, earlier, later and judged of a dependency."""


@dataclass(slots=True)
class _Access:
    """What one operation did to one item; attributes by name."""

    position: int
    reads: Attributes = frozenset()
    judged: Attributes = frozenset()
    writes: Attributes = frozenset()
    increments: Attributes = frozenset()
    changed: Attributes = frozenset()
    range: KeyRange | None = None
    seen: int = field(default=0)
    """Writes from this position on are not in what the operation read: its own position, less for a weak read."""


def dependencies(execution: Execution, judged: Sequence[int] = ()) -> tuple[Dependency, ...]:
    """Every adjacent data dependency, those within one request included, in the order of time.

    Args:
        execution: what happened.
        judged: positions of operations that count as having read the items that they changed.
    """
    versions = Versions(execution)
    found: list[Dependency] = []
    for item in _items(execution):
        accesses = [
            access
            for position, operation in enumerate(execution.operations)
            if (access := _access(versions, position, operation, item, is_judged=position in judged)) is not None
        ]
        found.extend(_of_item(item, accesses))
    return tuple(sorted(found, key=lambda one: (one.later, one.earlier, _ORDER[one.kind], str(one.item))))


def _items(execution: Execution) -> list[ItemId]:
    items = {item for operation in execution.operations for item in operation.footprint.items()}
    return sorted(items, key=str)


def _access(
    versions: Versions, position: int, operation: Operation, item: ItemId, *, is_judged: bool
) -> _Access | None:
    footprint = operation.footprint
    ranges = [one for one in footprint.ranges if one.covers(item)] if footprint.ranges else ()

    access = _Access(position, seen=versions.seen(position, item))
    access.writes = versions.named(item, footprint.writes.get(item, _NONE))
    access.increments = versions.named(item, footprint.increments.get(item, _NONE))
    if operation.changes:
        access.changed = frozenset(
            name for change in operation.changes if change.item == item for name in changed_attributes(change)
        )
    access.reads = versions.named(item, footprint.reads.get(item, _NONE))
    if item not in footprint.reads and ranges:
        access.range = ranges[0]
    for one in ranges:
        access.reads |= versions.named(item, one.attributes) | {EXISTENCE}
    if is_judged and access.changed:
        access.judged = (versions.attributes(item) | {EXISTENCE}) - access.reads
    return access if access.reads or access.judged or _written(access) else None


def _written(access: _Access) -> Attributes:
    return access.writes | access.increments


def _alike(accesses: Sequence[_Access]) -> Iterator[Attributes]:
    """The attributes of an item, those together to which every operation did the same; in alphabetical order of the first."""
    groups: dict[tuple[tuple[bool, ...], ...], list[str]] = {}
    for name in sorted({name for access in accesses for name in (access.reads | _written(access))}):
        done = tuple(
            (
                name in access.reads,
                name in access.judged,
                name in access.writes,
                name in access.increments,
                name in access.changed,
            )
            for access in accesses
        )
        groups.setdefault(done, []).append(name)
    return map(frozenset, groups.values())


def _of_item(item: ItemId, accesses: Sequence[_Access]) -> Iterator[Dependency]:
    """One dependency for all attributes on which the same two operations meet in the same way."""
    shared: dict[_Meeting, tuple[Attributes, Attributes]] = {}
    ranges: dict[_Meeting, KeyRange] = {}
    for names in _alike(accesses):
        for meeting, changed, key_range in _of_attributes(names, accesses):
            known = shared.get(meeting)
            shared[meeting] = (names, changed) if known is None else (known[0] | names, known[1] | changed)
            if key_range is not None:
                ranges.setdefault(meeting, key_range)
    for meeting, (attributes, changed) in shared.items():
        kind, earlier, later, judged = meeting
        yield Dependency(kind, earlier, later, item, attributes, changed, ranges.get(meeting), judged)


def _of_attributes(
    names: Attributes, accesses: Sequence[_Access]
) -> Iterator[tuple[_Meeting, Attributes, KeyRange | None]]:
    """Where operations meet on attributes to which each of them did the same, and what the writer changed."""
    attribute = next(iter(names))
    writers = [access for access in accesses if attribute in _written(access)]
    plain = [access.position for access in writers if attribute in access.writes]
    for access in accesses:
        reads, judged = attribute in access.reads, attribute in access.judged
        increments, writes = attribute in access.increments, attribute in access.writes
        for writer in writers:
            at = writer.position
            if reads or judged:
                if at < access.seen and not _between(plain, at, access.seen):
                    yield (EdgeKind.WR, at, access.position, judged), names & writer.changed, None
                if access.seen <= at != access.position and not judged and not _between(plain, access.seen - 1, at):
                    yield (EdgeKind.RW, access.position, at, False), names & writer.changed, access.range
            adds = increments and attribute in writer.increments
            overwrites = (writes or increments) and at < access.position and not adds
            if overwrites and not _between(plain, at, access.position):
                yield (EdgeKind.WW, at, access.position, False), names & access.changed, None


def _between(positions: Sequence[int], low: int, high: int) -> bool:
    return any(low < position < high for position in positions)
