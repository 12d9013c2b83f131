"""What is known of a work item while it is explored: counts executions, and lets the oracles judge them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from toctou.engine import MOST_STEPS, several
from toctou.execution.judging import Sighting, sightings
from toctou.execution.replaying import reordered, steps_of
from toctou.history.footprint import EMPTY
from toctou.history.operation import Execution
from toctou.oracles.oracle import Oracle
from toctou.scheduling.dependence import Dependent, Shape, interleavings, mirror_images, real_time_siblings, shape
from toctou.scheduling.strategies.strategy import Shareable, Strategy
from toctou.search.accesses import Observer
from toctou.search.name_independence import RenamedScenarios
from toctou.search.tally import Tally
from toctou.search.work_item import WorkItem
from toctou.verdict import Coverage

MOST_JUDGED = 2_000
"""Executions whose findings are memoised."""


@dataclass(slots=True)
class Exploration:
    """A work item that is being explored.

    Attributes:
        work_item: where it began.
        depends: whether the order of two steps matters to the oracles.
        renamed: the scenarios that this one may represent.
        sighted: violations by identity (signature, anomaly and cause), those of earlier work items included.
        interchangeable: see :func:`~toctou.search.symmetry.interchangeable_requests`.
        observer: collects what handlers read and write.
        first: its first execution, which is repeated at its end.
        left: the strategy, if it was interrupted.
        last: the strategy, if it has explored all of a part.
    """

    work_item: WorkItem
    oracles: Sequence[Oracle]
    depends: Dependent
    tally: Tally
    renamed: RenamedScenarios
    sighted: Mapping[object, Sighting]
    interchangeable: tuple[int, ...]
    observer: Observer
    first: Execution | None = None
    left: Strategy | None = None
    last: Shareable | None = None
    # What oracles found in executions that a strategy may choose again, by their operations; see `_sightings`.
    _judged: dict[object, tuple[Execution, list[tuple[object, Sighting]]]] = field(default_factory=dict)

    def see(self, execution: Execution, strategy: Strategy) -> None:
        """Count an execution that the strategy has chosen, and judge it."""
        tally = self.tally
        if self.first is None:
            self.first = execution
            if self.work_item.before == 0:  # the same execution, however many processes explore
                self.observer.look(execution)
        tally.schedules += 1
        tally.longest = max(tally.longest, len(execution.schedule.choices))
        tally.reached.see(execution)
        self.observer.see(execution)
        order = self._order(execution, strategy)
        if strategy.covers is not Coverage.EVERYTHING:
            tally.interleavings += 1  # others of its class may be run as well, or may not
        elif not strategy.mirrored:
            # Of several mirror images only one is run, but all of them are interleavings.
            images = mirror_images(order, self.interchangeable) if self.interchangeable else 1
            tally.interleavings += interleavings(order) * images
        # One execution represents its class of equivalent schedules, but real time differs within a class.
        siblings = [reordered(execution, one) for one in real_time_siblings(order, len(execution.requests))]
        for one in (execution, *siblings):
            found = self._sightings(one, once=strategy.ends)
            for key, sighting in found:
                tally.see(key, sighting)
            if not found:
                for oracle in self.oracles:
                    tally.remarks.update(dict.fromkeys(oracle.remarks(one)))
                tally.remarks.update(dict.fromkeys(_undivided(one)))
        if self.renamed:
            self.renamed.see(execution, siblings)

    def _order(self, execution: Execution, strategy: Strategy) -> Shape:
        """The partial order that identifies the execution's class, with the footprints of the strategy if it has any."""
        steps = steps_of(execution)
        footprints = strategy.taken_for or [one.footprint if one else EMPTY for _, one in steps]
        return shape([(request, one) for (request, _), one in zip(steps, footprints, strict=True)], self.depends)

    def _sightings(self, execution: Execution, *, once: bool) -> Sequence[tuple[object, Sighting]]:
        """What the oracles find; memoised, unless an execution occurs ``once`` only."""
        if once:
            return list(sightings(execution, self.oracles))
        same = tuple(map(id, execution.operations)), execution.endings
        if same not in self._judged:
            if len(self._judged) >= MOST_JUDGED:
                self._judged.clear()
            # Keeping the execution keeps its operations alive; otherwise new ones could get the same id().
            self._judged[same] = execution, list(sightings(execution, self.oracles))
        return self._judged[same][1]


def _undivided(execution: Execution) -> Iterator[str]:
    """Remarks on batches of which a step has several items."""
    for one in execution.operations:
        if one.error is None and several(one.action, one.parameters):
            handler = execution.requests[one.request].handler
            yield (
                f"{handler} makes a {one.action} of many items, which was explored in at most {MOST_STEPS} steps; on DynamoDB "
                "each item is a step of its own"
            )
