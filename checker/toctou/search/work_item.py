"""Work items of a scenario: what one process explores in one go, and what it hands back.

A work item is a scenario and a position in the search of its schedules.  The position is the strategy itself, between two
executions; a strategy can be pickled there, and goes on in another process as it would have in this one.  ``None`` is the
beginning.  A strategy may give away (:meth:`~toctou.scheduling.strategies.strategy.Strategy.divide`) the part of the tree
that it would come to last, as a strategy of its own, so that two processes go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from toctou.counterexample.violation import Clarity
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.errors import ModelError
from toctou.execution.judging import Sighting
from toctou.scheduling.restart import Reason, Restart
from toctou.scheduling.strategies.strategy import Shareable, Strategy
from toctou.search.reachability import Reachability
from toctou.search.renaming import Renaming
from toctou.search.tally import Tally
from toctou.verdict import StopReason


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A part of the schedules of one scenario.

    Attributes:
        scenario: whose schedules.
        symmetry: leave out what differs only in which of several interchangeable requests did what.
        own_numbers: every request has a generator of random numbers of its own, because one of them draws from it.
        strategy: where the search stands; ``None`` at the beginning.
        interchangeable: which requests are interchangeable, as found out at the beginning.
        before: schedules of the scenario that were run before this work item, as far as the budget is concerned.
        until: end before that many schedules of the scenario have been run; ``None`` to end where the strategy does.
        known: see :attr:`toctou.search.tally.Tally.known`.
        sighted: violations as they were come across before this work item, if all of that was explored by one process.
        block: which block of a random strategy's schedules this is; each has a seed of its own.
        renamings: each makes of the scenario another one that it may stand for.
    """

    scenario: Scenario
    symmetry: bool = False
    own_numbers: bool = False
    strategy: Strategy | None = None
    interchangeable: tuple[int, ...] = ()
    before: int = 0
    until: int | None = None
    known: Mapping[object, Clarity] = field(default_factory=dict)
    sighted: Mapping[object, Sighting] = field(default_factory=dict)
    block: int = 0
    renamings: tuple[Renaming, ...] = ()

    def restarted(self, restart: Restart) -> WorkItem:
        """The whole scenario, explored as it has to be from now on."""
        whole = replace(self, strategy=None, before=0, until=None, known={}, sighted={}, block=0)
        match restart.reason:
            case Reason.STEP_TOUCHES_MORE:
                return replace(whole, strategy=restart.strategy)
            case Reason.NUMBERS_SHARED:
                return replace(whole, interchangeable=(), own_numbers=True)
            case Reason.NOT_INTERCHANGEABLE:
                return replace(whole, interchangeable=(), symmetry=False)
        return replace(whole, interchangeable=())

    def again(self, how: WorkItem) -> WorkItem:
        """This beginning, explored as another work item of the scenario."""
        return replace(
            self,
            symmetry=how.symmetry,
            own_numbers=how.own_numbers,
            strategy=how.strategy,
            interchangeable=how.interchangeable,
        )


@dataclass(frozen=True, slots=True)
class Open:
    """A work item that has yet to be explored.

    Attributes:
        number: no other work item of the scenario has it.
    """

    number: int
    work_item: WorkItem

    @property
    def left(self) -> float:
        """An estimate of how much of the scenario it is, 0 to 1; all of it, if there is none."""
        strategy = self.work_item.strategy
        return 1.0 if strategy is None else strategy.left()


@dataclass(frozen=True, slots=True)
class Advance:
    """What became of a work item.

    Attributes:
        tally: what was seen.
        rest: what is left of it, in the order in which one process would go on; empty if nothing is.
        again: begin the whole scenario again like this, and forget all that was seen of it; ``None`` if all is well.
        pieces: into how many work items what is left is to be cut, by whoever knows of all of them.
        last: where the search ended, if it was a part of another one.
        refusal: what is wrong with the model, if that ended it.
    """

    tally: Tally
    rest: tuple[WorkItem, ...] = ()
    again: WorkItem | None = None
    pieces: int = 1
    last: Shareable | None = None
    refusal: ModelError | None = None


def given_up(model: type[Model], reason: StopReason, detail: str) -> Advance:
    """What became of a work item of which nothing will be known, for this reason."""
    tally = Tally(Reachability(model))
    tally.stop(reason, detail)
    return Advance(tally)


def refused(model: type[Model], fault: ModelError) -> Advance:
    """What became of a work item of a model that turned out to be wrong."""
    return replace(given_up(model, StopReason.REFUSED, str(fault)), refusal=fault)
