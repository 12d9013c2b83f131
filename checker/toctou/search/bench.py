"""Where work items are explored: an open laboratory, kept open for as long as work items of the same model come.

A process has one bench at a time, because an open laboratory takes the clock, the numbers and the DynamoDB clients of its
whole process.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial

from toctou.client.backends import backend_named
from toctou.counterexample.confirmation import confirmed_on
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.errors import ModelError
from toctou.execution.judging import Judges, dependence_of
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.scheduling.strategies import selected
from toctou.scheduling.strategies.strategy import Strategy
from toctou.search.budget import Budget, Meter
from toctou.search.explorer import Explorer, Pause, no_pause
from toctou.search.name_independence import NameIndependence
from toctou.search.options import Options
from toctou.search.renaming import Renaming
from toctou.search.result import ScenarioResult
from toctou.search.work_item import Advance, WorkItem, refused

SAMPLES = 200
"""Schedules per scenario for a strategy that never ends by itself, if the user gave no number."""

BLOCK = 1000
"""Schedules that a random strategy draws from one seed; several processes draw different blocks."""


class Bench:
    """Hands out explorers; close it at the end."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stack = ExitStack()
        self._model: type[Model] | None = None
        self._laboratory: Laboratory
        self._name_independence: NameIndependence
        self._judges: Judges
        self._depends: Dependent

    def explorer(self, model: type[Model], meter: Meter) -> Explorer:
        """An explorer of the model's scenarios, in its open laboratory.

        Raises:
            BadInput: the backend, or the model, cannot be used.
        """
        if model is not self._model:
            self.close()
            backend = self._stack.enter_context(closing(backend_named(self._options.backend, self._options.reads)))
            laboratory = Laboratory(model, backend, self._options.limits)
            self._laboratory = self._stack.enter_context(laboratory.opened())
            if not self._options.every_step:
                laboratory.enable_memoisation()
            self._name_independence = NameIndependence(laboratory)
            self._judges = Judges(laboratory)
            self._depends = dependence_of(model)
            self._model = model
        return Explorer(
            self._laboratory,
            partial(_new_strategy, self._options),
            Meter(_budget(self._options), meter.begun),
            self._options.backend,
            symmetry=self._options.symmetric,
            name_independence=self._name_independence,
            judges=self._judges,
            depends=self._depends,
        )

    def advance(
        self,
        model: type[Model],
        meter: Meter,
        work_item: WorkItem,
        pause: Pause = no_pause,
        pieces: int = 1,
        *,
        alone: bool = False,
    ) -> Advance:
        """Explore a work item of a model; see :meth:`~toctou.search.explorer.Explorer.advance`.

        A model that turns out to be wrong ends it (``StopReason.REFUSED``), since others may be right.

        Raises:
            BadInput: the backend cannot be used.
        """
        try:
            return self.explorer(model, meter).advance(work_item, pause, pieces, alone=alone)
        except ModelError as fault:
            self.close()
            return refused(model, fault)

    def close(self) -> None:
        """Give clock, numbers and clients back."""
        self._model = None
        self._stack.close()


def beginning(scenario: Scenario, options: Options, renamings: Iterable[Renaming] = ()) -> Sequence[WorkItem]:
    """All of a scenario, in as many work items as can be told apart without running anything.

    Args:
        scenario: what to explore.
        options: how.
        renamings: each makes of it another scenario that it may stand for.
    """
    ends = selected(options.strategy).kind.ends
    whole = WorkItem(scenario, symmetry=options.symmetric, renamings=tuple(renamings))
    count = _budget(options).max_schedules
    if ends or count is None:
        return [whole]
    limits = [*range(BLOCK, count, BLOCK), None]
    return [replace(whole, before=at * BLOCK, until=limit, block=at) for at, limit in enumerate(limits)]


def _new_strategy(options: Options, block: int, depends: Dependent, interchangeable: Interchangeable) -> Strategy:
    seed = zlib.crc32(f"{options.seed}/{block}".encode()) if block else options.seed
    return selected(options.strategy).new(seed, depends, interchangeable)


def _budget(options: Options) -> Budget:
    if selected(options.strategy).kind.ends or options.budget.max_schedules is not None:
        return options.budget
    return replace(options.budget, max_schedules=SAMPLES)


def with_confirmations(
    model: type[Model], results: Sequence[ScenarioResult], options: Options
) -> tuple[ScenarioResult, ...]:
    """The results of one model, each violation replayed on the second backend, unless that is not wanted."""
    found = [result.violations for result in results]
    if not options.confirm or not any(found):
        return tuple(results)
    replayed = confirmed_on(model, found, options.second_backend, options.limits)
    return tuple(replace(result, violations=one) for result, one in zip(results, replayed, strict=True))
