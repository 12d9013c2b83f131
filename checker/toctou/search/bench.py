"""Where work items are explored: a laboratory that stays open as long as work items of the same model arrive.

A process has one bench at a time, because an open laboratory replaces the clock, the random numbers and the DynamoDB clients
of its whole process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from toctou.analysis.edits import Edit
from toctou.client.backends import backend_named
from toctou.counterexample.confirmation import confirmed
from toctou.declaration.fingerprint import Inputs
from toctou.declaration.isolation import isolation_name, isolation_of
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.errors import ModelError, contained
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.strategies import selected
from toctou.search.budget import Meter
from toctou.search.explorer import Explorer, Pause
from toctou.search.options import Options
from toctou.search.renaming import Renaming
from toctou.search.result import ScenarioResult
from toctou.search.work_item import Advance, WorkItem, given_up
from toctou.verdict import StopReason

BLOCK = 1000
"""Schedules that a random strategy draws from one seed; several processes draw different blocks."""


class Bench:
    """Keeps one explorer at a time; close it at the end.

    Args:
        options: how to explore.
        edits: a remedy that is applied to the calls of handlers.
    """

    def __init__(self, options: Options, edits: Sequence[Edit] = ()) -> None:
        self._options, self._edits = options, edits
        self._stack = ExitStack()
        self._explorer: Explorer | None = None
        self._inputs = Inputs()

    def explorer(self, model: type[Model]) -> Explorer:
        """An explorer of the model's scenarios, in its open laboratory.

        Raises:
            BadInput: the backend, or the model, cannot be used.
        """
        if self._explorer is None or self._explorer.model is not model:
            self.close()
            backend = self._stack.enter_context(closing(backend_named(self._options.backend, self._options.reads)))
            isolation = isolation_of(model, self._options.isolation)
            opened = Laboratory(model, backend, self._options.limits, isolation, self._edits).opened()
            laboratory = self._stack.enter_context(opened)
            laboratory.memoise(taken=not self._options.every_step)
            self._explorer = Explorer(laboratory, self._options)
        return self._explorer

    def advance(
        self,
        model: type[Model],
        work_item: WorkItem,
        meter: Meter,
        pause: Pause,
        pieces: int = 1,
        *,
        alone: bool = False,
    ) -> Advance:
        """Explore a work item of a model; see :meth:`~toctou.search.explorer.Explorer.advance`.

        An invalid model ends only its own exploration (``StopReason.REFUSED``), and so does a fault of ours
        (``StopReason.INTERNAL_ERROR``).

        Raises:
            BadInput: the backend cannot be used.
        """
        return replace(self._advance(model, work_item, meter, pause, pieces, alone=alone), files=self._inputs.new())

    def _advance(
        self, model: type[Model], work_item: WorkItem, meter: Meter, pause: Pause, pieces: int, *, alone: bool
    ) -> Advance:
        faults: list[str] = []
        try:
            advance = contained(
                "the exploration",
                lambda: self.explorer(model).advance(work_item, meter, pause, pieces, alone=alone),
                None,
                faults,
            )
        except ModelError as fault:
            self.close()
            return replace(given_up(model, StopReason.REFUSED, str(fault)), refusal=fault)
        if advance is not None:
            return advance
        contained("the end of the exploration", self.close, None, faults)
        return given_up(model, StopReason.INTERNAL_ERROR, "\n".join(faults))

    def close(self) -> None:
        """Restore clock, random numbers and clients."""
        self._explorer = None
        self._stack.close()


def beginning(scenario: Scenario, options: Options, renamings: Iterable[Renaming] = ()) -> Sequence[WorkItem]:
    """All of a scenario, in as many work items as can be separated without running anything.

    ``renamings`` lead to the scenarios that it may represent.
    """
    whole = WorkItem(scenario, symmetry=options.symmetric, renamings=tuple(renamings))
    count = options.schedule_budget.max_schedules
    if selected(options.strategy).kind.ends or count is None:
        return [whole]
    limits = [*range(BLOCK, count, BLOCK), None]
    return [replace(whole, before=at * BLOCK, until=limit, block=at) for at, limit in enumerate(limits)]


def with_confirmations(
    model: type[Model], results: Sequence[ScenarioResult], options: Options
) -> tuple[ScenarioResult, ...]:
    """The results of one model, each violation replayed on the second backend, unless ``options`` disable that."""
    if not options.confirm or not any(one.violations for one in results):
        return tuple(results)
    faults: list[str] = []
    try:
        found = contained(
            f"the confirmation on {options.second_backend}", lambda: _confirmed(model, results, options), None, faults
        )
    except ModelError as fault:  # such as an item that the second backend rejects
        return unconfirmed(results, options, fault.observed)
    return unconfirmed(results, options, "it could not be asked", faults) if found is None else found


def _confirmed(model: type[Model], results: Sequence[ScenarioResult], options: Options) -> tuple[ScenarioResult, ...]:
    name = options.second_backend
    isolation = isolation_name(isolated=any(one.isolated for one in results))
    with (
        closing(backend_named(name)) as backend,
        Laboratory(model, backend, options.limits, isolation).opened() as laboratory,
    ):
        return tuple(replace(one, violations=confirmed(laboratory, one.violations, name)) for one in results)


def unconfirmed(
    results: Sequence[ScenarioResult], options: Options, why: str, faults: Sequence[str] = ()
) -> tuple[ScenarioResult, ...]:
    """The results of one model, whose violations could not be replayed on the second backend."""
    difference = f"{options.second_backend}: {why}"
    return tuple(
        replace(
            result,
            violations=tuple(
                replace(one, difference=difference, faults=(*one.faults, *faults)) for one in result.violations
            ),
        )
        for result in results
    )
