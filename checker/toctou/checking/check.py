"""Checks models: every scenario of the scope, explored, confirmed on a second backend, and concluded.

This is what the command line, the pytest plugin and :func:`toctou.check` share.  Who explores is left to the caller
(:class:`Exploring`); what comes out does not depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Protocol

from toctou.checking.conclusion import Explored, concluded_model
from toctou.declaration.loading import LoadedModel, named
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.distribution.in_process import InProcess
from toctou.distribution.journal import Journal
from toctou.distribution.progress import Progress, Silent
from toctou.distribution.work_queue import Slot, WorkQueue
from toctou.errors import ModelError
from toctou.search.bench import Bench
from toctou.search.budget import Meter
from toctou.search.options import Options
from toctou.search.reachability import Reachability
from toctou.search.result import ModelResult, RunResult, ScenarioResult
from toctou.verdict import StopReason

_TELL_SECONDS = 0.5


class Exploring(Protocol):
    """Who explores."""

    def explore(self, work_queue: WorkQueue, options: Options, meter: Meter) -> Generator[None]:
        """Explore what is on a work queue; yields whenever something may have been recorded."""

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
    """Check models one after the other; one that turns out to be wrong on the way ends its own exploration only.

    Args:
        models: what to check.
        options: how.
        progress: is told how it comes along.
        exploring: who explores; this process, if nobody else does.
        journal: what was explored before; takes what is explored now.

    Raises:
        BadInput: an option that cannot be used; a model that cannot, if nothing was explored of any other.
    """
    meter = options.budget.started()
    work_queue = WorkQueue(models, options, meter, journal)
    progress, exploring = progress or Silent(), exploring or InProcess()
    conclusion = _Conclusion(work_queue, progress)
    try:
        conclusion.go_on()
        with closing(exploring.explore(work_queue, options, meter)) as advances:
            for _ in advances:
                conclusion.go_on()
    except KeyboardInterrupt:
        work_queue.interrupt()
        conclusion.go_on()
    concluded: list[ModelResult] = []
    for results in exploring.finish([(one.loaded, tuple(one.results)) for one in conclusion.explored], options):
        concluded.append(concluded_model(conclusion.explored[len(concluded)], results, options))
        progress.end_model(concluded[-1])
    _check_any_explored(concluded, work_queue.refusals)
    return RunResult(
        models=tuple(concluded),
        backend=options.backend,
        strategy=options.strategy,
        reads=options.reads,
        requests=options.requests,
        seed=options.seed,
        seconds=meter.seconds,
    )


def _check_any_explored(models: Sequence[ModelResult], refusals: Sequence[ModelError]) -> None:
    """Refuse a run in which every model was refused before anything was found out about it."""
    scenarios = [scenario for model in models for scenario in model.scenarios]
    if refusals and all(scenario.stop_reason is StopReason.REFUSED for scenario in scenarios):
        raise refusals[0]


def check_model(model: type[Model], **options: Any) -> ModelResult:
    """Check one model, as ``toctou check`` does, and return what came out.

    Args:
        model: the model's class.
        options: fields of :class:`~toctou.search.options.Options`, for example ``requests=3``.

    Raises:
        BadInput: the model, or an option, cannot be used.
    """
    return check([named(model)], Options(**options)).models[0]


def check_scenario(loaded: LoadedModel, scenario: Scenario, options: Options) -> ScenarioResult:
    """Explore one scenario of a model, without confirming what is found on a second backend.

    Raises:
        BadInput: an option that cannot be used.
    """
    with closing(Bench(options)) as bench:
        return bench.explorer(loaded.model, options.budget.started()).explore(scenario)


class _Conclusion:
    """Turns what has become final into results, model by model.

    Attributes:
        explored: one for each model that was begun.
    """

    def __init__(self, work_queue: WorkQueue, progress: Progress) -> None:
        self.explored: list[Explored] = []
        self._agenda = work_queue
        self._progress = progress
        self._told = time.monotonic()
        self._begin(work_queue.current())

    def go_on(self) -> None:
        """Conclude what can be concluded now."""
        for slot, tally in self._agenda.final():
            self._begin(slot)
            of_model = self.explored[-1]
            of_model.reached.add(tally.reached)
            of_model.seconds += tally.seconds
            of_model.results.append(replace(tally.result(slot.scenario), stands_for=slot.stands_for))
            self._progress.end_scenario(slot.loaded.name, of_model.results[-1])
            self._begin(self._agenda.current())
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS and (status := self._agenda.status()) is not None:
            self._told = now
            self._progress.status(status)

    def _begin(self, slot: Slot | None) -> None:
        """The slot's model is begun, unless it was already."""
        if slot is not None and not (self.explored and self.explored[-1].loaded is slot.loaded):
            total = self._agenda.total(slot.loaded)
            self.explored.append(Explored(slot.loaded, Reachability(slot.loaded.model), total))
            self._progress.begin_model(slot.loaded.name, total)
