"""Checks models: every scenario of the scope, explored, confirmed on a second backend, and concluded.

The command line, the pytest plugin and :func:`toctou.check` share this.  The result does not depend on :class:`Exploring`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from toctou import real_time
from toctou.checking.conclusion import Explored, concluded_model, without_conclusion
from toctou.checking.coverage import coverage_of
from toctou.declaration.loading import LoadedModel, named
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.distribution.in_process import InProcess
from toctou.distribution.journal import Journal
from toctou.distribution.progress import Progress, Silent
from toctou.distribution.work_queue import Slot, WorkQueue
from toctou.errors import contained
from toctou.execution.kept_memory import may_separate, memory_kept
from toctou.remediation.trying import with_remedies
from toctou.search.bench import Bench
from toctou.search.budget import Budget, Meter
from toctou.search.options import Options
from toctou.search.reachability import Reachability
from toctou.search.result import ModelResult, RunResult, ScenarioResult
from toctou.search.work_item import WorkItem
from toctou.verdict import StopReason

_STATUS_SECONDS = 0.5


class Exploring(Protocol):
    """Explores in this process, or in others."""

    def explore(self, work_queue: WorkQueue, options: Options, meter: Meter) -> Generator[None]:
        """Explore a work queue; yields whenever an outcome may have been recorded."""

    def finish(
        self, models: Sequence[tuple[LoadedModel, tuple[ScenarioResult, ...]]], options: Options
    ) -> Iterator[tuple[ScenarioResult, ...]]:
        """Replay on a second backend what was found in these models, in order."""


def check(
    models: Sequence[LoadedModel],
    options: Options,
    progress: Progress | None = None,
    exploring: Exploring | None = None,
    journal: Journal | None = None,
) -> RunResult:
    """Check models one after the other; an invalid model ends only its own exploration.

    Args:
        models: what to check.
        options: how to check.
        progress: receives the progress.
        exploring: explores; in-process by default.
        journal: what was explored before; records what is explored now.

    Raises:
        BadInput: an option that cannot be used; an invalid model, if nothing was explored of any other.
    """
    with memory_kept(one.model for one in models if may_separate(one.model, options.isolation)):
        return _checked(models, options, progress or Silent(), exploring or InProcess(), journal)


def _checked(
    models: Sequence[LoadedModel], options: Options, progress: Progress, exploring: Exploring, journal: Journal | None
) -> RunResult:
    meter = options.started()
    work_queue = WorkQueue(models, options, meter, journal)
    conclusion = _Conclusion(work_queue, progress)
    try:
        conclusion.proceed()
        # Closing cancels tasks that are under way, also after an interrupt.
        with closing(exploring.explore(work_queue, options, meter)) as advances:
            for _ in advances:
                conclusion.proceed()
    except KeyboardInterrupt:
        work_queue.interrupt()
        conclusion.proceed()
    concluded: list[ModelResult] = []
    explored = [(one.loaded, tuple(one.results)) for one in conclusion.explored]
    try:
        for confirmed in exploring.finish(explored, options):
            loaded = explored[len(concluded)][0]
            trying = partial(with_remedies, loaded, confirmed, options, conclusion.fixing, conclusion.faults)
            results = contained("trying fixes", trying, confirmed, conclusion.faults)
            concluded.append(conclusion.concluded(len(concluded), results, options))
    except KeyboardInterrupt:  # what was found stands, if it is not confirmed
        rest = explored[len(concluded) :]
        concluded += [conclusion.concluded(len(concluded) + at, one, options) for at, (_, one) in enumerate(rest)]
    scenarios = [scenario for model in concluded for scenario in model.scenarios]
    if work_queue.refusals and all(scenario.stop_reason is StopReason.REFUSED for scenario in scenarios):
        raise work_queue.refusals[0]
    return RunResult(
        models=tuple(concluded),
        backend=options.backend,
        strategy=options.strategy,
        reads=options.reads,
        requests=options.requests,
        seed=options.seed,
        seconds=meter.seconds,
        faults=tuple(conclusion.faults),
        stored=work_queue.stored,
    )


def check_model(
    model: type[Model], *, max_schedules: int | None = None, max_seconds: float | None = None, **options: Any
) -> ModelResult:
    """Check one model, as ``toctou check`` does.

    Args:
        model: the model's class.
        max_schedules: per scenario; ``None`` for no limit.
        max_seconds: of the whole check; ``None`` for no limit.
        options: other fields of :class:`~toctou.search.options.Options`, for example ``requests=3``.

    Raises:
        BadInput: the model, or an option, cannot be used.
    """
    options.setdefault("budget", Budget(max_schedules, max_seconds))
    return check([named(model)], Options(**options)).models[0]


def check_scenario(loaded: LoadedModel, scenario: Scenario, options: Options) -> ScenarioResult:
    """Explore one scenario of a model, without a second backend.

    Raises:
        BadInput: an option that cannot be used.
    """
    meter, work_item = options.started(), WorkItem(scenario, symmetry=options.symmetric)
    with closing(Bench(options)) as bench:
        explorer = bench.explorer(loaded.model)
        while (advance := explorer.advance(work_item, meter)).again is not None:
            work_item = advance.again
    return advance.tally.result(scenario)


class _Conclusion:
    """Turns what has become final into results; ``explored`` has one entry for each model that was begun."""

    def __init__(self, work_queue: WorkQueue, progress: Progress) -> None:
        self.explored: list[Explored] = []
        self.faults: list[str] = []
        self._work_queue = work_queue
        self._progress = progress
        self._reported = real_time.seconds()
        self._begin(work_queue.current())

    def proceed(self) -> None:
        """Turn what has become final into results."""
        for slot, tally in self._work_queue.final():
            self._begin(slot)
            of_model = self.explored[-1]
            if of_model.first is slot:  # the model has begun again
                of_model = self.explored[-1] = Explored(slot.loaded, Reachability(slot.loaded.model), of_model.total)
            of_model.first = of_model.first or slot
            of_model.reached.add(tally.reached)
            of_model.accesses.add(tally.accesses)
            of_model.seconds += tally.seconds
            of_model.results.append(replace(tally.result(slot.scenario), stands_for=slot.represents))
            self._show(partial(self._progress.end_scenario, slot.loaded.name, of_model.results[-1]))
            self._begin(self._work_queue.current())
        now = real_time.seconds()
        if now - self._reported >= _STATUS_SECONDS and (status := self._work_queue.status()) is not None:
            self._reported = now
            self._show(partial(self._progress.status, status))

    def concluded(self, at: int, results: Sequence[ScenarioResult], options: Options) -> ModelResult:
        """The result of the model that was begun as that one, from 0, with its scenarios confirmed."""
        explored, faults = self.explored[at], list[str]()
        concluded = contained("the conclusion", partial(concluded_model, explored, results, options), None, faults)
        result = concluded or without_conclusion(explored, results, faults[0])
        covers = partial(
            coverage_of, explored.loaded.model, explored.accesses, result.scenarios, explored.total, options
        )
        result = replace(result, coverage=contained("the account of what was covered", covers, None, self.faults))
        self._show(partial(self._progress.end_model, result))
        return result

    def fixing(self, at: int, total: int) -> None:
        """Report that a fix is about to be tried for a finding."""
        self._show(partial(self._progress.fixing, at, total))

    def _show(self, show: Callable[[], None]) -> None:
        contained("the display of the progress", show, None, self.faults)

    def _begin(self, slot: Slot | None) -> None:
        if slot is not None and not (self.explored and self.explored[-1].loaded is slot.loaded):
            total = self._work_queue.total(slot.loaded)
            self.explored.append(Explored(slot.loaded, Reachability(slot.loaded.model), total))
            self._show(partial(self._progress.begin_model, slot.loaded.name, total))
