"""Where portions are explored: an open laboratory, kept open for as long as portions of the same model come.

A process has one bench at a time, because an open laboratory takes the clock, the numbers and the DynamoDB clients of its
whole process.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial

from checker.client.backends import backend_named
from checker.errors import ModelError
from checker.exploration.budget import Budget, Meter
from checker.exploration.explorer import Explorer, Pause, dependence_of, never
from checker.exploration.judges import Judges
from checker.exploration.laboratory import Laboratory
from checker.exploration.likeness import Likeness
from checker.exploration.model import Model
from checker.exploration.options import Options
from checker.exploration.portion import Advance, Portion, refused
from checker.exploration.renaming import Renaming
from checker.exploration.scenario import Scenario
from checker.scheduling.dependence import Dependent, Twins
from checker.scheduling.strategies import STRATEGIES
from checker.scheduling.strategies.strategy import Strategy

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
        self._likeness: Likeness
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
                laboratory.remember()
            self._likeness = Likeness(laboratory)
            self._judges = Judges(laboratory)
            self._depends = dependence_of(model)
            self._model = model
        return Explorer(
            self._laboratory,
            partial(_new_strategy, self._options),
            Meter(_budget(self._options), meter.begun),
            self._options.backend,
            symmetry=self._options.symmetric,
            likeness=self._likeness,
            judges=self._judges,
            depends=self._depends,
        )

    def advance(
        self,
        model: type[Model],
        meter: Meter,
        portion: Portion,
        pause: Pause = never,
        pieces: int = 1,
        *,
        alone: bool = False,
    ) -> Advance:
        """Explore a portion of a model; see :meth:`~checker.exploration.explorer.Explorer.advance`.

        A model that turns out to be wrong ends it (``StopReason.REFUSED``), since others may be right.

        Raises:
            BadInput: the backend cannot be used.
        """
        try:
            return self.explorer(model, meter).advance(portion, pause, pieces, alone=alone)
        except ModelError as fault:
            self.close()
            return refused(model, fault)

    def close(self) -> None:
        """Give clock, numbers and clients back."""
        self._model = None
        self._stack.close()


def beginning(scenario: Scenario, options: Options, renamings: Iterable[Renaming] = ()) -> Sequence[Portion]:
    """All of a scenario, in as many portions as can be told apart without running anything.

    Args:
        scenario: what to explore.
        options: how.
        renamings: each makes of it another scenario that it may stand for.
    """
    strategy = STRATEGIES[options.strategy]
    whole = Portion(scenario, symmetry=options.symmetric, renamings=tuple(renamings))
    count = _budget(options).max_schedules
    if strategy.complete or count is None:
        return [whole]
    ends = [*range(BLOCK, count, BLOCK), None]
    return [replace(whole, before=at * BLOCK, until=end, block=at) for at, end in enumerate(ends)]


def _new_strategy(options: Options, block: int, depends: Dependent, twins: Twins) -> Strategy:
    seed = zlib.crc32(f"{options.seed}/{block}".encode()) if block else options.seed
    return STRATEGIES[options.strategy](seed, depends, twins)


def _budget(options: Options) -> Budget:
    if STRATEGIES[options.strategy].complete or options.budget.max_schedules is not None:
        return options.budget
    return replace(options.budget, max_schedules=SAMPLES)
