"""Explores the schedules of one scenario: the main loop of the checker.

Let the strategy choose a schedule, execute it, let the oracles judge it, keep the clearest counterexample of each distinct
finding; at the end, run again what counts as evidence.  What may be concluded is not decided here: the evidence goes to
:func:`toctou.verdict.certify`.  Where something turns out that was assumed otherwise, the scenario begins again
(:class:`~toctou.scheduling.restart.Restart`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from toctou.counterexample.violation import clarity
from toctou.declaration.scenario import Scenario
from toctou.errors import UncontrolledHandler
from toctou.execution.judging import Judges, dependence_of
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.scheduling.restart import Reason, Restart
from toctou.scheduling.strategies.strategy import Shareable, Strategy
from toctou.search.budget import Meter, spent
from toctou.search.exploration import Exploration
from toctou.search.name_independence import NameIndependence, RenamedScenarios
from toctou.search.reachability import Reachability
from toctou.search.recovery import FAULTS, check_memory, reported
from toctou.search.repetition import repeat
from toctou.search.result import ScenarioResult
from toctou.search.symmetry import interchangeable_requests
from toctou.search.tally import Tally
from toctou.search.work_item import Advance, WorkItem
from toctou.verdict import StopReason

NewStrategy = Callable[[int, Dependent, Interchangeable], Strategy]
"""Makes a strategy that has run nothing yet, given the number of a block of schedules (0 unless it is a random strategy), when
two steps depend on each other, and which requests are interchangeable."""

Pause = Callable[[], bool]
"""Asked before each schedule but the first whether to end there and hand back what is left."""


def no_pause() -> bool:
    """No pause."""
    return False


def pausing_at(until: float) -> Pause:
    """Ends at a time, by ``time.perf_counter``."""
    return lambda: time.perf_counter() >= until


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
            work_item: where to continue.
            pause: whether to end early.
            pieces: into how many work items to cut what is left then, if it can be cut.
            alone: no other process explores the scenario, and what is left is continued in order; then what is kept does not
                depend on where the scenario was cut.

        Raises:
            ModelError: a handler that is declared read-only has written.
        """
        begun = time.perf_counter()
        exploration = self._begun(work_item, alone=alone)
        tally = exploration.tally
        try:
            self._explore(exploration, pause)
        except Restart as restart:
            if restart.reason not in (Reason.STEP_TOUCHES_MORE, Reason.NUMBERS_SHARED, Reason.NOT_INTERCHANGEABLE):
                self._judges.forget()  # serial runs may come out differently from now on
            again = replace(work_item, interchangeable=exploration.interchangeable).restarted(restart)
            return Advance(tally, again=again)
        finally:
            tally.seconds = time.perf_counter() - begun
            tally.apart = frozenset(exploration.renamed.apart)
        if exploration.left is None or tally.stop_reason is not None:
            return Advance(tally, pieces=pieces, last=exploration.last)
        tally.coverage = exploration.left.covers
        following = replace(
            work_item,
            interchangeable=exploration.interchangeable,
            before=work_item.before + tally.schedules,
            known=work_item.known if alone else tally.best(),
            sighted=exploration.sighted if alone else {},
        )
        rest = tuple(replace(following, strategy=one) for one in _divided(exploration.left, pieces))
        return Advance(tally, rest, pieces=pieces)

    def _begun(self, work_item: WorkItem, *, alone: bool) -> Exploration:
        sighted = work_item.sighted if alone else {}
        known = {**work_item.known, **{key: clarity(one.execution) for key, one in sighted.items()}}
        if work_item.own_numbers:
            self._laboratory.own_numbers()
        return Exploration(
            work_item,
            self._judges.of(work_item.scenario, own_numbers=work_item.own_numbers),
            self._depends,
            Tally(Reachability(self._laboratory.model), known=known),
            RenamedScenarios(self._name_independence, work_item.scenario, work_item.renamings),
            sighted,
            work_item.interchangeable,
        )

    def _explore(self, exploration: Exploration, pause: Pause) -> None:
        """Run schedules, and what counts as evidence once more, also of schedules that a fault has ended."""
        tally = exploration.tally
        parts = partial(self._run, exploration, pause), partial(repeat, self._laboratory, exploration, self._backend)
        for part in parts:
            try:
                part()
                check_memory(self._laboratory)
            except UncontrolledHandler as fault:
                certain = reported(self._laboratory, fault)
                tally.stop_reason, tally.detail = FAULTS[type(certain)], str(certain)
            except KeyboardInterrupt:
                tally.stop_reason, tally.detail = StopReason.INTERRUPTED, "interrupted"

    def _run(self, exploration: Exploration, pause: Pause) -> None:
        """The main loop: run schedules until the strategy, the budget, or the caller's patience ends."""
        work_item, tally = exploration.work_item, exploration.tally
        strategy = work_item.strategy
        part = strategy if isinstance(strategy, Shareable) else None
        if strategy is None:
            if work_item.symmetry:
                exploration.interchangeable = interchangeable_requests(self._laboratory, work_item.scenario)
            strategy = self._new_strategy(work_item.block, self._depends, exploration.interchangeable)
        begun = False
        while True:
            if begun and pause():
                exploration.left = strategy
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
            self._check_clock_reads(exploration)
            if execution is None:
                tally.redundant += 1
            else:
                exploration.see(execution, strategy)
        tally.coverage = strategy.covers
        exploration.last = part

    def _check_clock_reads(self, exploration: Exploration) -> None:
        """Clocks and random numbers depend on a request's index: no request that reads them is like another one."""
        if (exploration.interchangeable or exploration.renamed) and self._laboratory.take_clock_reads():
            if exploration.interchangeable:
                raise Restart(Reason.NOT_INTERCHANGEABLE)
            exploration.renamed.tell_apart()


def _divided(strategy: Strategy, pieces: int) -> list[Strategy]:
    """The strategy in as many pieces, in the order in which one process would run them; fewer if it has no more."""
    given: list[Strategy] = []
    while len(given) + 1 < pieces and (last := strategy.divide()) is not None:
        given.append(last)
    return [strategy, *reversed(given)]
