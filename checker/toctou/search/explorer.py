"""Explores the scenarios of one model and concludes.

The loop is: let the strategy choose a schedule, execute it, let the oracles judge it, keep the clearest counterexample of
each distinct finding.  What may be concluded is not decided here: the evidence goes to :func:`toctou.verdict.certify`.

Two things are easy to overlook.  A strategy runs one execution per class of equivalent schedules, so every judgement that
depends on more than the class (the real-time order of requests) is made for its siblings too
(:func:`toctou.scheduling.dependence.real_time_siblings`).  And an execution counts as evidence only if running it again
gives the same history: the first schedule of a scenario is repeated at its end, every counterexample before it is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from toctou.counterexample.candidates import Following
from toctou.counterexample.minimization import simplest
from toctou.counterexample.presentation import presented
from toctou.counterexample.violation import clarity
from toctou.declaration.scenario import Scenario
from toctou.errors import (
    LateCall,
    NondeterministicHandler,
    OperationLimit,
    OutsideControl,
    ScheduleDiverged,
    ServiceCrashed,
    SilentHandler,
    ToctouError,
    ToolMissing,
    UncontrolledHandler,
    UnsupportedAction,
)
from toctou.execution.judging import Judges, Sighting, dependence_of, judged, oracles_for, sightings, signature
from toctou.execution.laboratory import Laboratory, RandomNumbersShared
from toctou.execution.replaying import check_same, different, reordered, replayed, steps_of
from toctou.history.footprint import EMPTY
from toctou.history.operation import Execution
from toctou.history.schedule import Schedule
from toctou.oracles.oracle import Oracle
from toctou.scheduling.dependence import (
    Dependent,
    Interchangeable,
    Shape,
    interleavings,
    mirror_images,
    real_time_siblings,
    shape,
)
from toctou.scheduling.strategies.strategy import Shareable, StartOver, Strategy
from toctou.search.budget import Meter
from toctou.search.name_independence import NameIndependence, RenamedScenarios
from toctou.search.reachability import Reachability
from toctou.search.result import ScenarioResult
from toctou.search.tally import Tally
from toctou.search.work_item import Advance, WorkItem
from toctou.verdict import StopReason

NewStrategy = Callable[[int, Dependent, Interchangeable], Strategy]
"""Makes a strategy that has run nothing yet, given the number of a block of schedules (0 unless it is a random strategy), when
two steps depend on each other, and which requests are interchangeable."""

Pause = Callable[[], bool]
"""Asked before each schedule but the first whether to end there and hand back what is left."""

MOST_JUDGED = 2_000
"""Executions of which it is remembered what oracles found."""

RUNS_WHEN_TAINTED = 3
"""How often a schedule is run again once there is doubt: one that goes otherwise every other time must not pass."""

_Judged = tuple[Execution, list[tuple[object, Sighting]]]

FAULTS: dict[type[UncontrolledHandler], StopReason] = {
    NondeterministicHandler: StopReason.NONDETERMINISTIC,
    OperationLimit: StopReason.OPERATION_LIMIT,
    SilentHandler: StopReason.SILENT_HANDLER,
    OutsideControl: StopReason.OUTSIDE_CONTROL,
    UnsupportedAction: StopReason.UNSUPPORTED_ACTION,
    LateCall: StopReason.NONDETERMINISTIC,
    ServiceCrashed: StopReason.SERVICE_CRASHED,
    ToolMissing: StopReason.TOOL_MISSING,
}


@dataclass(slots=True)
class _Seen:
    """What is known of a work item while it is explored, and no longer.

    Attributes:
        interchangeable: which requests are interchangeable.
        first: its first schedule, which is run again at its end.
        others: the scenarios that this one may stand for.
        sighted: violations as they were come across, by what makes two the same, those of earlier work items included.
        judged: what oracles found in executions that a strategy may choose again, by their operations.
        left: the strategy, if it was interrupted.
        last: the same if it came to the end of what it was given.
    """

    interchangeable: tuple[int, ...]
    others: RenamedScenarios
    sighted: Mapping[object, Sighting]
    first: Execution | None = None
    judged: dict[object, _Judged] = field(default_factory=dict)
    left: Strategy | None = None
    last: Shareable | None = None


class _NotInterchangeable(Exception):
    """A request has asked for the time or for a number, so that its like may do otherwise; begin again without symmetry."""


class _MeetsAnother(Exception):
    """What serves the requests elsewhere is met in another way from now on; begin again."""


def no_pause() -> bool:
    """No pause."""
    return False


class Explorer:
    """Explores scenarios in an open laboratory."""

    def __init__(
        self,
        laboratory: Laboratory,
        new_strategy: NewStrategy,
        meter: Meter,
        backend: str,
        *,
        symmetry: bool = False,
        name_independence: NameIndependence | None = None,
        judges: Judges | None = None,
        depends: Dependent | None = None,
    ) -> None:
        self._laboratory = laboratory
        self._new_strategy = new_strategy
        self._meter = meter
        self._backend = backend
        self._symmetry = symmetry
        self._name_independence = name_independence or NameIndependence(laboratory)
        self._judges = judges or Judges(laboratory)
        self._depends = depends or dependence_of(laboratory.model)

    def explore(self, scenario: Scenario) -> ScenarioResult:
        """Explore one scenario until the strategy or the budget ends."""
        work_item = WorkItem(scenario, symmetry=self._symmetry)
        while (advance := self.advance(work_item)).again is not None:
            work_item = advance.again
        return advance.tally.result(scenario)

    def advance(self, work_item: WorkItem, pause: Pause = no_pause, pieces: int = 1, *, alone: bool = False) -> Advance:
        """Explore a work item until it, the budget, or the caller's patience ends.

        Args:
            work_item: where to go on.
            pause: whether to end early.
            pieces: into how many work items to cut what is left then, if it can be cut.
            alone: nobody else explores the scenario, and what is left is gone on with in order; then what is kept does not
                depend on where the scenario was cut.

        Raises:
            ModelError: a handler that is declared read-only has written.
        """
        begun = time.perf_counter()
        before = work_item.sighted if alone else {}
        known = {**work_item.known, **{key: clarity(one.execution) for key, one in before.items()}}
        tally = Tally(Reachability(self._laboratory.model), known=known)
        seen = _Seen(
            work_item.interchangeable,
            RenamedScenarios(self._name_independence, work_item.scenario, work_item.renamings),
            before,
        )
        if work_item.own_numbers:
            self._laboratory.own_numbers()
        try:
            self._run_and_repeat(work_item, pause, tally, seen)
        except RandomNumbersShared:
            return Advance(tally, again=replace(work_item.beginning, own_numbers=True))
        except _MeetsAnother:
            self._judges.forget()
            return Advance(tally, again=work_item.beginning)
        except _NotInterchangeable:
            return Advance(tally, again=replace(work_item.beginning, symmetry=False))
        except StartOver as over:
            return Advance(
                tally, again=replace(work_item.beginning, strategy=over.strategy, interchangeable=seen.interchangeable)
            )
        finally:
            tally.seconds = time.perf_counter() - begun
            tally.apart = frozenset(seen.others.apart)
        if seen.left is None or tally.stop_reason is not None:
            return Advance(tally, pieces=pieces, last=seen.last)
        tally.coverage = seen.left.covers
        following = replace(
            work_item,
            interchangeable=seen.interchangeable,
            before=work_item.before + tally.schedules,
            known=work_item.known if alone else tally.best(),
            sighted=seen.sighted if alone else {},
        )
        rest = tuple(replace(following, strategy=one) for one in _divided(seen.left, pieces))
        return Advance(tally, rest, pieces=pieces)

    def _run_and_repeat(self, work_item: WorkItem, pause: Pause, tally: Tally, seen: _Seen) -> None:
        oracles = self._judges.of(work_item.scenario, own_numbers=work_item.own_numbers)
        for part in (partial(self._run, work_item, pause), partial(self._repeat, work_item.scenario)):
            try:
                part(oracles, tally, seen)
                if self._laboratory.tainted:
                    self._disable_memoisation()
                    raise _MeetsAnother
            except UncontrolledHandler as fault:
                told = self._told_unless_met_otherwise(fault)
                tally.stop_reason, tally.detail = FAULTS[type(told)], str(told)
            except KeyboardInterrupt:
                tally.stop_reason, tally.detail = StopReason.INTERRUPTED, "interrupted"

    def _told_unless_met_otherwise(self, fault: UncontrolledHandler) -> UncontrolledHandler:
        """The fault to be told.

        Raises:
            _MeetsAnother: it is worth trying with more patience for calls that come at once, with every step run, or with a
                service that has just been started.
        """
        if isinstance(fault, LateCall):
            raise _MeetsAnother from fault
        if isinstance(fault, NondeterministicHandler):
            try:
                if self._disable_memoisation() or self._laboratory.isolate():
                    raise _MeetsAnother from fault
            except UncontrolledHandler as certain:
                return certain
        return fault

    def _disable_memoisation(self) -> bool:
        """Run every step from now on; ``False`` if that is so already, or if nothing was run that could come out again.

        Handlers may share memory that is reset before each schedule, and then a schedule comes out as before.  Where that
        cannot be seen, they are not given the benefit of the doubt.

        Raises:
            UncontrolledHandler: it does not.
        """
        first = self._laboratory.disable_memoisation()
        for execution in first:
            for _ in range(RUNS_WHEN_TAINTED):
                self._again(Scenario.of(execution), execution)
        return bool(first)

    def _run(self, work_item: WorkItem, pause: Pause, oracles: Sequence[Oracle], tally: Tally, seen: _Seen) -> None:
        strategy = work_item.strategy
        part = strategy if isinstance(strategy, Shareable) else None
        if strategy is None:
            seen.interchangeable = self._interchangeable(work_item.scenario) if work_item.symmetry else ()
            strategy = self._new_strategy(work_item.block, self._depends, seen.interchangeable)
        begun = False
        while True:
            if begun and pause():
                seen.left = strategy
                return
            if not strategy.begin():
                break
            begun = True
            schedules = work_item.before + tally.schedules
            if work_item.until is not None and schedules >= work_item.until:
                return
            tally.stop_reason = self._meter.spent(schedules)
            if tally.stop_reason is not None:
                tally.detail = spent(tally.stop_reason, schedules)
                return
            execution = self._laboratory.execute(work_item.scenario, strategy)
            if (seen.interchangeable or seen.others) and self._laboratory.take_clock_reads():
                if seen.interchangeable:
                    raise _NotInterchangeable
                seen.others.tell_apart()
            if execution is None:
                tally.redundant += 1
                continue
            self._count(execution, strategy, oracles, tally, seen)
        tally.coverage = strategy.covers
        seen.last = part

    def _interchangeable(self, scenario: Scenario) -> tuple[int, ...]:
        """For each request the first one that is the same in everything but its index; empty if there are no such two.

        Requests that are equal still have clocks and numbers of their own.  They are taken for interchangeable if they do the
        same when they run alone, and for as long as none of them asks for the time or for a number.
        """
        groups = tuple(scenario.requests.index(request) for request in scenario.requests)
        if len(set(groups)) == len(groups):
            return ()
        self._laboratory.take_clock_reads()
        interchangeable = tuple(
            first if first == at or self._alone(scenario, first) == self._alone(scenario, at) else at
            for at, first in enumerate(groups)
        )
        return () if self._laboratory.take_clock_reads() else interchangeable

    def _alone(self, scenario: Scenario, request: int) -> object:
        responses, stored = self._laboratory.serial(scenario, (request,))
        operations, _, _ = self._laboratory.progress()
        return responses, stored, [(one.action, one.parameters, one.result, one.error) for one in operations]

    def _count(
        self, execution: Execution, strategy: Strategy, oracles: Sequence[Oracle], tally: Tally, seen: _Seen
    ) -> None:
        seen.first = seen.first or execution
        tally.schedules += 1
        tally.longest = max(tally.longest, len(execution.schedule.choices))
        tally.reached.see(execution)
        order = self._order(execution, strategy)
        if not strategy.mirrored:
            tally.interleavings += interleavings(order) * (
                mirror_images(order, seen.interchangeable) if seen.interchangeable else 1
            )
        known = None if strategy.ends else seen.judged
        self._judge(execution, oracles, tally, known)
        siblings = [reordered(execution, one) for one in real_time_siblings(order, len(execution.requests))]
        for sibling in siblings:
            self._judge(sibling, oracles, tally, known)
        if seen.others:
            seen.others.see(execution, siblings)

    def _order(self, execution: Execution, strategy: Strategy) -> Shape:
        """The partial order that makes up the execution's class, as the strategy understands classes."""
        steps = steps_of(execution)
        footprints = strategy.taken_for or [one.footprint if one else EMPTY for _, one in steps]
        return shape([(request, one) for (request, _), one in zip(steps, footprints, strict=True)], self._depends)

    def _judge(
        self,
        execution: Execution,
        oracles: Sequence[Oracle],
        tally: Tally,
        known: dict[object, _Judged] | None,
    ) -> None:
        """Keep the clearest counterexample of each distinct violation; see :attr:`_Seen.judged` for what is known."""
        if known is None:
            for key, sighting in sightings(execution, oracles):
                tally.see(key, sighting)
            return
        same = tuple(map(id, execution.operations)), execution.endings
        if same not in known:
            if len(known) >= MOST_JUDGED:
                known.clear()
            # It holds on to the operations, so that no others get their identities.
            known[same] = execution, list(sightings(execution, oracles))
        for key, sighting in known[same][1]:
            tally.see(key, sighting)

    def _repeat(self, scenario: Scenario, oracles: Sequence[Oracle], tally: Tally, seen: _Seen) -> None:
        """Run every counterexample and the first schedule again; what does not come out again does not count."""
        sighted, tally.sighted = tally.sighted, {}
        if seen.sighted and sighted:
            tally.decided = frozenset(seen.sighted)
            sighted = {**seen.sighted, **sighted}
            for key in tally.decided:
                since = tally.repeated.pop(key, 0) if sighted[key] is seen.sighted[key] else sighted[key].occurrences
                sighted[key] = replace(sighted[key], occurrences=seen.sighted[key].occurrences + since)
        seen.sighted = sighted or {
            key: replace(one, occurrences=one.occurrences + tally.repeated[key]) for key, one in seen.sighted.items()
        }
        for key, sighting in simplest(sighted, partial(self._shown, scenario, oracles)).items():
            again = self._again(scenario, sighting.execution)
            if signature(sighting.finding) not in {signature(one) for one in judged(again, oracles)}:
                raise different(sighting.finding.statement, "no such finding")
            small = self._with_small_arguments(key, sighting, seen.others)
            tally.kept[key] = presented(self._laboratory, small, self._backend)
            tally.replayed += 1
        if seen.first is not None:
            self._again(scenario, seen.first)
            tally.replayed += 1

    def _with_small_arguments(self, key: object, sighting: Sighting, others: RenamedScenarios) -> Sighting:
        """The sighting as it is in another scenario that this one stands for, if that has smaller arguments."""
        scenario = others.smaller()
        if scenario is None:
            return sighting
        try:
            execution = replayed(self._laboratory, scenario, sighting.execution.schedule)
            oracles = oracles_for(self._laboratory, scenario)
            found = dict(sightings(execution, oracles)).get(key, sighting)
        except ToctouError:
            return sighting
        return replace(found, occurrences=sighting.occurrences)

    def _shown(
        self, scenario: Scenario, oracles: Sequence[Oracle], schedule: Schedule
    ) -> tuple[Execution, Callable[[], dict[object, Sighting]]] | None:
        """What a schedule shows, if it can be run; see :mod:`toctou.counterexample.minimization`."""
        following = Following(schedule)
        following.begin()
        try:
            execution = self._laboratory.execute(scenario, following)
        except UncontrolledHandler:
            return None
        assert execution is not None  # noqa: S101 - nothing is given up
        return execution, lambda: dict(sightings(execution, oracles))

    def _again(self, scenario: Scenario, execution: Execution) -> Execution:
        try:
            again = replayed(self._laboratory, scenario, execution.schedule)
        except ScheduleDiverged as diverged:
            raise different(f"the schedule {execution.schedule} ran to its end", diverged.observed) from None
        check_same(execution, again)
        return again


def pausing_at(until: float) -> Pause:
    """Ends at a time, by ``time.perf_counter``."""
    return lambda: time.perf_counter() >= until


def _divided(strategy: Strategy, pieces: int) -> list[Strategy]:
    """The strategy in as many pieces, in the order in which one process would run them; fewer if it has no more."""
    given: list[Strategy] = []
    while len(given) + 1 < pieces and (last := strategy.divide()) is not None:
        given.append(last)
    return [strategy, *reversed(given)]


def spent(reason: StopReason, schedules: int) -> str:
    """What a person is told whose budget has ended."""
    option = "--max-schedules" if reason is StopReason.MAX_SCHEDULES else "--max-seconds"
    return f"the budget ended after {schedules} schedules; raise {option} to explore the rest"
