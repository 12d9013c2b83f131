"""What handlers were seen to write while a model was explored, who judged that, and which of it was unguarded.

Everything here is a union or a sum over executions, so that it does not depend on which process has run which of them.
:mod:`toctou.checking.coverage` concludes from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from toctou.client.access_tracker import Watched
from toctou.history.footprint import ALL, EXISTENCE, Attributes, dependent
from toctou.history.item import ItemId
from toctou.history.operation import Execution, Operation
from toctou.history.request import Request, Response, SourceLine
from toctou.history.wording import changed_attributes
from toctou.oracles.invariant import plain_tables
from toctou.oracles.oracle import Oracle
from toctou.scheduling.dependence import Dependent
from toctou.search.windows import Keys, OpenWindow, condition, distant_windows, same_item_windows

MOST = 20_000
"""Local states of requests that are remembered, so that each is analysed once."""


class Call(NamedTuple):
    """A place in the code that makes a call."""

    action: str
    source: SourceLine | None


class WriteSite(NamedTuple):
    """A place at which a handler writes items of a table."""

    handler: str
    call: Call
    table: str


class WindowSite(NamedTuple):
    """A place at which a handler reads, and one at which it writes without a condition that covers what it has read."""

    handler: str
    read: Call
    write: Call


class Guard(NamedTuple):
    """A condition on other items: of the write itself, or of an earlier write of the same request."""

    call: Call
    table: str
    earlier: bool


class Changed(NamedTuple):
    """A kind of change.

    Attributes:
        attributes: those whose values changed.
        created: whether there was no such item before.
        judged: by oracle, those of the attributes that it judges, if there are any.
    """

    attributes: Attributes
    created: bool
    judged: frozenset[tuple[str, Attributes]]


@dataclass(slots=True)
class Write:
    """What was written at a place.

    Attributes:
        attributes: those that a call set or removed, whether their values changed or not.
        changes: what this changed.
    """

    attributes: set[str] = field(default_factory=set)
    changes: set[Changed] = field(default_factory=set)

    def add(self, other: Write) -> None:
        """Merge what was seen of the same place elsewhere."""
        self.attributes |= other.attributes
        self.changes |= other.changes


@dataclass(slots=True)
class SeenWindow:
    """What was seen of a window.

    Attributes:
        read: by table, the attributes that were read and are not covered.
        written: tables of the write.
        condition: what the write's condition covers instead, key attributes left out; ``EXISTENCE`` if it covers only that.
        distant: whether the write never was of an item that was read.
        schedules: in how many executions it occurred.
        interleaved: in how many of these, or in equivalent ones, another request wrote what had been read, before the write.
        beside: the handlers of these.
        guards: conditions on other items that held whenever it occurred.
    """

    read: dict[str, set[str]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    condition: set[str] = field(default_factory=set)
    distant: bool = True
    schedules: int = 0
    interleaved: int = 0
    beside: set[str] = field(default_factory=set)
    guards: frozenset[Guard] | None = None

    def add(self, other: SeenWindow) -> None:
        """Merge what was seen of the same window elsewhere."""
        _merge(self.read, other.read)
        self.written |= other.written
        self.condition |= other.condition
        self.distant = self.distant and other.distant
        self.schedules += other.schedules
        self.interleaved += other.interleaved
        self.beside |= other.beside
        if other.guards is not None:
            self.guards = other.guards if self.guards is None else self.guards & other.guards


@dataclass(slots=True)
class Accesses:
    """What was seen of the handlers of a model.

    Attributes:
        looked: by oracle that asks a function of the model about stored items, the attributes it looked at, by table.
        used: by handler and read, what the handler looked at in the result where it ran alone, by table.
        tables: those of which a request has read or written something.
        refused: handlers that refused a request, or failed.
        clocks: handlers that read the clock or random numbers before a call.
        varying: what was left out of comparisons with serial runs because it varies by itself, as texts.
    """

    writes: dict[WriteSite, Write] = field(default_factory=dict)
    windows: dict[WindowSite, SeenWindow] = field(default_factory=dict)
    looked: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    used: dict[tuple[str, Call], dict[str, set[str]]] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    clocks: set[str] = field(default_factory=set)
    varying: set[str] = field(default_factory=set)

    def add(self, later: Accesses) -> None:
        """Merge what was seen of other executions."""
        for site, write in later.writes.items():
            self.writes.setdefault(site, Write()).add(write)
        for window, seen in later.windows.items():
            self.windows.setdefault(window, SeenWindow()).add(seen)
        for oracle, by_table in later.looked.items():
            _merge(self.looked.setdefault(oracle, {}), by_table)
        for read, by_table in later.used.items():
            _merge(self.used.setdefault(read, {}), by_table)
        self.tables |= later.tables
        self.refused |= later.refused
        self.clocks |= later.clocks
        self.varying |= later.varying


def _merge(known: dict[str, set[str]], more: Mapping[str, Iterable[str]]) -> None:
    for table, attributes in more.items():
        known.setdefault(table, set()).update(attributes)


_Windows = Sequence[tuple[WindowSite, OpenWindow]]


class Observer:
    """Collects :class:`Accesses` of the executions of a scenario; what a request does in one local state is analysed once."""

    def __init__(
        self, accesses: Accesses, oracles: Sequence[Oracle], keys: Keys, depends: Dependent = dependent
    ) -> None:
        self.accesses = accesses
        self._oracles = oracles
        self._keys = keys
        self._depends = depends
        # With the operations, so that no other ones get their identity.
        self._known: dict[tuple[object, ...], tuple[Sequence[Operation], _Windows]] = {}

    def see(self, execution: Execution) -> None:
        """Collect what one execution shows."""
        positions: list[list[int]] = [[] for _ in execution.requests]
        for at, operation in enumerate(execution.operations):
            positions[operation.request].append(at)
        occurred: dict[WindowSite, set[str]] = {}
        for index, own in enumerate(positions):
            for site, window in self._windows(execution, index, own):
                beside = occurred.setdefault(site, set())
                beside |= _beside(execution, index, own[window.read], own[window.write], self._depends)
        for site, beside in occurred.items():
            seen = self.accesses.windows[site]
            seen.schedules += 1
            seen.interleaved += bool(beside)
            seen.beside |= beside

    def end(self) -> None:
        """Collect what oracles left out in the executions that were seen."""
        for oracle in self._oracles:
            self.accesses.varying.update(oracle.varying)

    def look(self, execution: Execution) -> None:
        """Note what the model's own functions look at of the items at both ends of an execution."""
        for oracle in self._oracles:
            if (rule := oracle.rule(execution)) is None:
                continue
            looked = self.accesses.looked.setdefault(oracle.name, {})
            for stored in (execution.initial, execution.final):
                with suppress(Exception):  # what is wrong with it shows where it judges
                    rule(_watched(plain_tables(stored), looked))

    def see_uses(self, execution: Execution) -> None:
        """Note what handlers looked at in results, of an execution in which that was tracked."""
        for operation in execution.operations:
            if operation.accessed is not None:
                read = execution.requests[operation.request].handler, _call(operation)
                used = self.accesses.used.setdefault(read, {})
                for item, attributes in operation.accessed.items():
                    if item is not None:
                        _merge(used, {item.table: attributes})

    def _windows(self, execution: Execution, index: int, positions: Sequence[int]) -> _Windows:
        """The windows of a request, which is analysed if it was not seen to do this before."""
        operations = [execution.operations[at] for at in positions]
        request, response = execution.requests[index], execution.responses[index]
        key = (request.handler, response.status, *map(id, operations))
        if key not in self._known:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = operations, self._analysed(request, response, operations)
        return self._known[key][1]

    def _analysed(self, request: Request, response: Response, operations: Sequence[Operation]) -> _Windows:
        accesses, handler = self.accesses, request.handler
        if response.refused:
            accesses.refused.add(handler)
        writes = False
        for operation in operations:
            footprint = operation.footprint
            accesses.tables |= {one.table for one in footprint.items()} | {one.table for one in footprint.ranges}
            if operation.reads_clock:
                accesses.clocks.add(handler)
            if footprint.writes_something:
                self._see_write(request, operation)
                writes = True
        if not writes or len(operations) == 1:
            return ()
        return [
            (self._seen(handler, window, operations), window)
            for found in (same_item_windows, distant_windows)
            for window in found(operations, self._keys)
        ]

    def _see_write(self, request: Request, operation: Operation) -> None:
        footprint, call = operation.footprint, _call(operation)
        for touched in (footprint.writes, footprint.increments):
            for item, attributes in touched.items():
                self._write(request, call, item).attributes |= attributes
        for change in operation.changes:
            write = self._write(request, call, change.item)
            changed = frozenset(changed_attributes(change))
            judged = ((one.name, one.judges(request, change, changed)) for one in self._oracles)
            by_oracle = frozenset((name, attributes) for name, attributes in judged if attributes)
            write.changes.add(Changed(changed, change.before is None, by_oracle))

    def _write(self, request: Request, call: Call, item: ItemId) -> Write:
        return self.accesses.writes.setdefault(WriteSite(request.handler, call, item.table), Write())

    def _seen(self, handler: str, window: OpenWindow, operations: Sequence[Operation]) -> WindowSite:
        read, write = operations[window.read], operations[window.write]
        site = WindowSite(handler, _call(read), _call(write))
        written = {*write.footprint.writes, *write.footprint.increments}
        covered = window.condition - self._keys.get(window.item.table, frozenset())
        self.accesses.windows.setdefault(site, SeenWindow()).add(
            SeenWindow(
                read={window.item.table: set(window.unchecked)},
                written={one.table for one in written},
                condition=set(covered or (window.condition and {EXISTENCE})),
                distant=window.distant,
                guards=frozenset(_guards(window, operations)),
            )
        )
        return site


def _watched(tables: Mapping[str, list[dict[str, Any]]], looked: dict[str, set[str]]) -> Watched:
    """Stored items that note by table which of their attributes are looked at."""

    def see(*names: str) -> None:
        for name in tables if ALL in names else names:
            looked.setdefault(name, set()).add(EXISTENCE)

    def note(table: str, *names: str) -> None:
        looked.setdefault(table, set()).update(names)

    return Watched(
        {table: [Watched(item, partial(note, table)) for item in items] for table, items in tables.items()}, see
    )


def _beside(execution: Execution, index: int, read_at: int, write_at: int, depends: Dependent) -> set[str]:
    """The handlers of other requests that wrote what was read after that, and not only after the write.

    Where their write commutes with it, an equivalent schedule has it in between.
    """
    read, found = execution.operations[read_at].footprint, set[str]()
    after, behind = {index}, [execution.operations[write_at].footprint]
    for at in range(read_at + 1, len(execution.operations)):
        one = execution.operations[at]
        if at > write_at and (one.request in after or any(depends(earlier, one.footprint) for earlier in behind)):
            after.add(one.request)
            behind.append(one.footprint)
        elif one.request != index and one.footprint.writes_something and dependent(read, one.footprint):
            found.add(execution.requests[one.request].handler)
    return found


def _guards(window: OpenWindow, operations: Sequence[Operation]) -> set[Guard]:
    """Conditions on other items than the one that was read, under which the write was made, its own among them."""
    found: set[Guard] = set()
    for at, operation in enumerate(operations[: window.write + 1]):
        footprint, here = operation.footprint, at == window.write
        if operation.error is not None or not footprint.writes_something:
            continue
        for item in footprint.items():
            if item != window.item and condition(operation, item):
                found.add(Guard(_call(operation), item.table, earlier=not here))
    return found


def _call(operation: Operation) -> Call:
    return Call(operation.action, operation.source)
