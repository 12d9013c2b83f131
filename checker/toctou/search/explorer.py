"""Explores the schedules of one scenario: the main loop of the checker.

The strategy chooses a schedule, the laboratory executes it, the oracles judge it, and the clearest counterexample of each
distinct finding is kept.  :func:`toctou.verdict.certify` alone concludes from the evidence.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from toctou import real_time
from toctou.client.patches import Patches
from toctou.counterexample.violation import clarity
from toctou.declaration.model import Model
from toctou.errors import UncontrolledHandler, contained
from toctou.execution.judges import Judges
from toctou.execution.judging import dependence_of
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.restart import Reason, Restart
from toctou.scheduling.strategies import selected
from toctou.scheduling.strategies.strategy import Shareable, Strategy
from toctou.search.accesses import Observer
from toctou.search.budget import Meter, spent
from toctou.search.exploration import Exploration
from toctou.search.name_independence import NameIndependence, RenamedScenarios
from toctou.search.options import Options
from toctou.search.reachability import Reachability
from toctou.search.recovery import FAULTS, check_files, check_memory, reported
from toctou.search.repetition import repeat
from toctou.search.symmetry import interchangeable_requests
from toctou.search.tally import Tally
from toctou.search.work_item import Advance, WorkItem
from toctou.verdict import StopReason

HELD_BACK = (
    "requests that poll (read, wait, read the same) went on only when what they read had been written, or when nothing else "
    "could run: what they do if others take longer than that, such as a time-out, was not explored beside those others"
)
"""The remark on a scenario in which a request was held back; see :mod:`toctou.scheduling.polling`."""


def separated(because: str) -> str:
    """The remark on a scenario whose requests turned out to need processes of their own; ``because`` is what has shown it."""
    return f"each request was run in a process of its own: {because.partition(chr(10))[0]}"


Pause = Callable[[], bool]
"""Asked before each schedule but the first whether to end there and return what is left."""


def no_pause() -> bool:
    """No pause."""
    return False


def pausing_at(until: float) -> Pause:
    """Ends at a time, by ``real_time.seconds``."""
    return lambda: real_time.seconds() >= until


class Explorer:
    """Explores scenarios of a model in its open laboratory."""

    def __init__(self, laboratory: Laboratory, options: Options) -> None:
        self._laboratory = laboratory
        self._options = options
        self._name_independence = NameIndependence(laboratory)
        self._judges = Judges(laboratory)
        self._depends = dependence_of(laboratory.model)

    @property
    def model(self) -> type[Model]:
        """The model whose laboratory is open."""
        return self._laboratory.model

    @property
    def patches(self) -> Patches:
        """The remedy that is applied."""
        return self._laboratory.patches

    def advance(
        self, work_item: WorkItem, meter: Meter, pause: Pause = no_pause, pieces: int = 1, *, alone: bool = False
    ) -> Advance:
        """Explore a work item until it ends, the budget is spent, or ``pause`` says so.

        Args:
            work_item: where to continue.
            meter: the budget of the run.
            pause: whether to end early.
            pieces: into how many work items to cut what is left then, if it can be cut.
            alone: no other process explores the scenario, and what is left is continued in order; then what is kept does not
                depend on where the scenario was cut.

        Raises:
            ModelError: a handler that is declared read-only has written.
        """
        begun = real_time.seconds()
        exploration = self._begun(work_item, alone=alone)
        tally = exploration.tally
        try:
            self._explore(exploration, meter, pause)
        except Restart as restart:
            if restart.reason not in (Reason.STEP_TOUCHES_MORE, Reason.NUMBERS_SHARED, Reason.NOT_INTERCHANGEABLE):
                self._judges.forget()  # from now on, serial runs may behave differently
            shown = replace(work_item, interchangeable=exploration.interchangeable, **self._shown())
            again = shown.restarted(restart)
            return Advance(tally, again=again)
        finally:
            tally.seconds = real_time.seconds() - begun
            exploration.observer.end()
            tally.apart = frozenset(exploration.renamed.apart)
            tally.sharing, tally.isolated = self._laboratory.sharing, self._laboratory.isolated
            tally.undone = self._laboratory.undone.of({one.handler for one in work_item.scenario.requests})
            if self._laboratory.because:
                tally.remarks[separated(self._laboratory.because)] = None
        if exploration.left is None or tally.stop_reason is not None:
            return Advance(tally, pieces=pieces, last=exploration.last)
        tally.coverage = exploration.left.covers
        following = replace(
            work_item,
            interchangeable=exploration.interchangeable,
            before=work_item.before + tally.schedules,
            known=work_item.known if alone else tally.best(),
            sighted=exploration.sighted if alone else {},
            **self._shown(),
        )
        rest = tuple(replace(following, strategy=one) for one in _divided(exploration.left, pieces))
        return Advance(tally, rest, pieces=pieces)

    def _shown(self) -> dict[str, Any]:
        """What has shown of the requests' memory, as fields of a work item."""
        return {"sharing": self._laboratory.sharing, "because": self._laboratory.because}

    def _begun(self, work_item: WorkItem, *, alone: bool) -> Exploration:
        sighted = work_item.sighted if alone else {}
        known = {**work_item.known, **{key: clarity(one.execution) for key, one in sighted.items()}}
        self._laboratory.polls_awake = work_item.polls_awake
        if work_item.own_numbers:
            self._laboratory.own_numbers()
        if work_item.because:
            self._laboratory.separate(work_item.because)
        if work_item.sharing:
            self._laboratory.run_every_step(work_item.sharing)
        oracles = self._judges.of(work_item.scenario, own_numbers=work_item.own_numbers)
        tally = Tally(Reachability(self._laboratory.model), known=known)
        keys = {
            table: frozenset(part.name for part in one.key.attributes)
            for table, one in self._laboratory.schemas.items()
        }
        return Exploration(
            work_item,
            oracles,
            self._depends,
            tally,
            RenamedScenarios(self._name_independence, work_item.scenario, work_item.renamings),
            sighted,
            work_item.interchangeable,
            Observer(tally.accesses, oracles, keys, self._depends),
        )

    def _explore(self, exploration: Exploration, meter: Meter, pause: Pause) -> None:
        tally = exploration.tally
        # What counts as evidence is run once more even if a fault has ended the schedules.
        evidence = partial(repeat, self._laboratory, exploration, self._options.backend)
        for part in (partial(self._run, exploration, meter, pause), evidence):
            faults: list[str] = []
            try:
                contained("the exploration", partial(self._checked, part), None, faults)
            except UncontrolledHandler as fault:
                certain = reported(self._laboratory, fault)
                tally.stop_reason, tally.detail = FAULTS[type(certain)], str(certain)
            except KeyboardInterrupt:
                tally.stop_reason, tally.detail = StopReason.INTERRUPTED, "interrupted"
            if faults:
                tally.stop(StopReason.INTERNAL_ERROR, faults[0])

    def _checked(self, part: Callable[[], None]) -> None:
        part()
        check_memory(self._laboratory)
        check_files()

    def _run(self, exploration: Exploration, meter: Meter, pause: Pause) -> None:
        """The main loop: run schedules until the strategy ends, the budget is spent, or ``pause`` says so."""
        work_item, tally = exploration.work_item, exploration.tally
        strategy = work_item.strategy
        part = strategy if isinstance(strategy, Shareable) else None
        if strategy is None:
            if work_item.symmetry:
                exploration.interchangeable = interchangeable_requests(self._laboratory, work_item.scenario)
            # Every block needs a seed of its own, or several processes would draw the same schedules.
            block, seed = work_item.block, self._options.seed
            seed = zlib.crc32(f"{seed}/{block}".encode()) if block else seed
            strategy = selected(self._options.strategy).new(seed, self._depends, exploration.interchangeable)
        first = True
        while first or not pause():
            if not strategy.begin():
                tally.coverage = strategy.covers
                exploration.last = part
                return
            first = False
            schedules = work_item.before + tally.schedules
            if work_item.until is not None and schedules >= work_item.until:
                return
            tally.stop_reason = meter.spent(schedules)
            if tally.stop_reason is not None:
                tally.detail = spent(tally.stop_reason, schedules)
                return
            execution = self._laboratory.execute(work_item.scenario, strategy)
            self._check_clock_reads(exploration)
            if self._laboratory.take_held_back():
                tally.remarks[HELD_BACK] = None
            if execution is None:
                tally.redundant += 1
            else:
                exploration.see(execution, strategy)
            tally.remarks.update(self._laboratory.take_remarks())
        exploration.left = strategy

    def _check_clock_reads(self, exploration: Exploration) -> None:
        # Clocks and random numbers depend on a request's index, so no other request is equal to one that reads them.
        if (exploration.interchangeable or exploration.renamed) and self._laboratory.take_clock_reads():
            if exploration.interchangeable:
                raise Restart(Reason.NOT_INTERCHANGEABLE)
            exploration.renamed.separate()


def _divided(strategy: Strategy, pieces: int) -> list[Strategy]:
    """At most so many pieces of the strategy, in the order in which one process would run them."""
    given: list[Strategy] = []
    while len(given) + 1 < pieces and (last := strategy.divide()) is not None:
        given.append(last)
    return [strategy, *reversed(given)]
