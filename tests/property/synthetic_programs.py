"""Programs of a few requests on a dictionary, small enough to run every interleaving of them.

A request is a list of steps; a step reads some cells and then writes some, atomically.  What it writes depends on everything
that its request has read, and a step may be skipped because of that too, so that two interleavings that differ in any
way that a handler could notice differ in their outcome.
"""

from __future__ import annotations

import copy
import itertools
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from toctou.history.footprint import EXISTENCE, Footprint
from toctou.history.item import ItemId
from toctou.history.picks.staleness import STALENESS
from toctou.scheduling.restart import Restart
from toctou.scheduling.strategies.strategy import Step, Strategy

Cell = tuple[str, str]
"""An item and one of its attributes."""


@dataclass(frozen=True)
class Touch:
    """One step.

    Attributes:
        reads, writes: cells.
        skippable: it is not performed if what the request has read so far has an odd checksum.
        conditional: it writes only if what it reads has an even checksum, like a conditional write.
        weak: each cell that it reads may be as it was before its last change.
    """

    reads: tuple[Cell, ...] = ()
    writes: tuple[Cell, ...] = ()
    skippable: bool = False
    conditional: bool = False
    weak: bool = False


Program = tuple[tuple[Touch, ...], ...]
Event = tuple[int, int, int]
"""A request, how many steps it had performed before, and which answer its weak read returned."""


@dataclass(frozen=True)
class Run:
    """One interleaving of a program, run to its end.

    Attributes:
        choices: the request that took each step.
        ages: which answer the weak read of each step returned.
        footprints: what each step did.
        seen: by request, everything that it read.
        final: every cell at the end.
    """

    choices: tuple[int, ...]
    ages: tuple[int, ...]
    footprints: tuple[Footprint, ...]
    seen: tuple[tuple[int, ...], ...]
    final: tuple[tuple[Cell, int], ...]

    @property
    def outcome(self) -> object:
        return self.seen, self.final

    @property
    def steps(self) -> list[tuple[int, Footprint]]:
        return list(zip(self.choices, self.footprints, strict=True))


class Machine:
    """A program in the middle of a run."""

    def __init__(self, program: Program, *, anonymous: bool = False) -> None:
        self._program = program
        self._anonymous = anonymous
        self._at = [0] * len(program)
        self._seen: list[list[int]] = [[] for _ in program]
        self._cells: dict[Cell, list[int]] = {}
        self._choices: list[int] = []
        self._ages: list[int] = []
        self._footprints: list[Footprint] = []
        for request in range(len(program)):
            self._skip(request)

    def copy(self) -> Machine:
        """Another one in the same state."""
        other = copy.copy(self)
        other._at = self._at[:]
        other._seen = [seen[:] for seen in self._seen]
        other._cells = {cell: versions[:] for cell, versions in self._cells.items()}
        other._choices = self._choices[:]
        other._ages = self._ages[:]
        other._footprints = self._footprints[:]
        return other

    def enabled(self) -> list[int]:
        return [request for request, steps in enumerate(self._program) if self._at[request] < len(steps)]

    def answers(self, request: int) -> list[list[int]]:
        """What the request's next step may read, the newest first."""
        touch = self._program[request][self._at[request]]
        cells = self._cells
        if not touch.weak:
            return [[cells[cell][-1] if cell in cells else 0 for cell in touch.reads]]
        versions = [[0, *cells.get(cell, ())][-2:][::-1] for cell in touch.reads]
        found: list[list[int]] = []
        for values in map(list, itertools.product(*versions)):
            if values not in found:
                found.append(values)
        return found

    def step(self, request: int, age: int = 0) -> Step:
        touch = self._program[request][self._at[request]]
        values = self.answers(request)[age]
        self._at[request] += 1
        self._seen[request] += values
        written = () if touch.conditional and _checksum(values) % 2 else touch.writes
        for cell in written:
            author = self._program[request] if self._anonymous else request
            self._cells.setdefault(cell, []).append(_checksum((author, self._at[request], cell, self._seen[request])))
        self._choices.append(request)
        self._ages.append(age)
        footprint = _footprint(touch.reads, written)
        self._footprints.append(footprint)
        self._skip(request)
        return Step(footprint, values, values)

    def _skip(self, request: int) -> None:
        steps = self._program[request]
        while self._at[request] < len(steps) and steps[self._at[request]].skippable:
            if not self._seen[request] or _checksum(self._seen[request]) % 2 == 0:
                return
            self._at[request] += 1

    def run(self) -> Run:
        return Run(
            tuple(self._choices),
            tuple(self._ages),
            tuple(self._footprints),
            tuple(tuple(seen) for seen in self._seen),
            tuple(sorted((cell, versions[-1]) for cell, versions in self._cells.items())),
        )


def every_interleaving(program: Program) -> Iterator[Run]:
    """Brute force: wherever something else might be done, a copy of the machine does it later."""
    waiting = [Machine(program)]
    while waiting:
        machine = waiting.pop()
        while enabled := machine.enabled():
            *others, taken = [(request, age) for request in enabled for age in range(len(machine.answers(request)))]
            for other in others:
                waiting.append(machine.copy())
                waiting[-1].step(*other)
            machine.step(*taken)
        yield machine.run()


def executions(program: Program, strategy: Strategy, *, anonymous: bool = False) -> list[Run | None]:
    """What a strategy runs, but for what it wants forgotten; ``None`` for each execution that it gave up.

    Where requests are ``anonymous``, two with the same steps write the same, so that they are interchangeable.
    """
    runs: list[Run | None] = []
    try:
        while strategy.begin():
            runs.append(execution(program, strategy, anonymous=anonymous))
    except Restart as over:
        return executions(program, over.strategy, anonymous=anonymous)
    return runs


def execution(program: Program, strategy: Strategy, *, anonymous: bool = False) -> Run | None:
    """The next execution, once the strategy has begun it."""
    machine = Machine(program, anonymous=anonymous)
    while enabled := machine.enabled():
        request = strategy.choose(enabled)
        if request is None:
            return None
        count = len(machine.answers(request))
        age = strategy.pick(STALENESS, count) if count > 1 else 0
        strategy.performed(request, machine.step(request, age))
    return machine.run()


def serial_outcome(program: Program, order: Sequence[int]) -> object:
    """The outcome of the requests one after the other."""
    machine = Machine(program)
    for request in order:
        while request in machine.enabled():
            machine.step(request)
    return machine.run().outcome


def trace(run: Run) -> frozenset[tuple[Event, Event]]:
    """The Mazurkiewicz trace of a run, as its pairs of steps whose order matters, written down naively."""
    events: list[tuple[Event, Footprint]] = []
    counts: dict[int, int] = {}
    for (request, footprint), age in zip(run.steps, run.ages, strict=True):
        events.append(((request, counts.get(request, 0), age), footprint))
        counts[request] = counts.get(request, 0) + 1
    pairs = {((event), (event)) for event, _ in events}
    cells = [(event, _cells(footprint.reads), _cells(footprint.writes)) for event, footprint in events]
    for (one, reads, writes), (other, later_reads, later_writes) in itertools.combinations(cells, 2):
        if one[0] == other[0] or writes & (later_writes | later_reads) or later_writes & reads:
            pairs.add((one, other))
    return frozenset(pairs)


def orbit(of: frozenset[tuple[Event, Event]], program: Program) -> frozenset[frozenset[tuple[Event, Event]]]:
    """The traces that come out of one when requests with the same steps change places."""
    return frozenset(
        frozenset(((renamed[a], *m), (renamed[b], *n)) for (a, *m), (b, *n) in of)
        for renamed in itertools.permutations(range(len(program)))
        if all(program[one] == program[other] for one, other in enumerate(renamed))
    )


def real_time(choices: Sequence[int]) -> frozenset[tuple[int, int]]:
    """Pairs of requests of which the first ended before the second began."""
    last = {request: at for at, request in enumerate(choices)}
    first = {request: at for at, request in reversed(list(enumerate(choices)))}
    return frozenset((one, other) for one in last for other in first if last[one] < first[other])


@cache
def _footprint(reads: tuple[Cell, ...], writes: tuple[Cell, ...]) -> Footprint:
    return Footprint(reads=_by_item(reads), writes=_by_item(writes))


def _cells(part: Mapping[ItemId, frozenset[str]]) -> set[tuple[str, str]]:
    return {(item.key[0][1], attribute) for item, attributes in part.items() for attribute in attributes}


def _by_item(cells: Iterable[Cell]) -> dict[ItemId, frozenset[str]]:
    found: dict[ItemId, frozenset[str]] = {}
    for item, attribute in cells:
        key = ItemId("Items", (("S", item),))
        found[key] = found.get(key, frozenset()) | {attribute or EXISTENCE}
    return found


def _checksum(value: object) -> int:
    return zlib.crc32(repr(value).encode())
