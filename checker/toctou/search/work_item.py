"""Work items of a scenario: what one process explores without interruption, and what it returns.

A work item is a scenario and a position in the search of its schedules: the strategy itself, pickled between two executions,
so that any process can continue it.
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
        symmetry: leave out what differs only in which of several interchangeable requests did what.
        own_numbers: every request has a generator of random numbers of its own, because one of them draws from it.
        polls_awake: a request that polls without sleep is held back, because one of them has made too many calls.
        strategy: where the search stands; ``None`` at the beginning.
        interchangeable: see :func:`~toctou.search.symmetry.interchangeable_requests`; empty before the beginning.
        before: schedules of the scenario that were run before this work item, as far as the budget is concerned.
        until: end before that many schedules of the scenario have been run; ``None`` to end where the strategy does.
        known: see :attr:`toctou.search.tally.Tally.known`.
        sighted: violations found before this work item, if one process explored all of that.
        block: which block of a random strategy's schedules this is.
        renamings: each leads to another scenario that this one may represent.
        sharing: what requests share besides DynamoDB, if that has shown; then every step is run.
        because: what has shown that requests have to be processes of their own, as text for the user; ``""`` for nothing.
    """

    scenario: Scenario
    symmetry: bool = False
    own_numbers: bool = False
    polls_awake: bool = False
    strategy: Strategy | None = None
    interchangeable: tuple[int, ...] = ()
    before: int = 0
    until: int | None = None
    known: Mapping[object, Clarity] = field(default_factory=dict)
    sighted: Mapping[object, Sighting] = field(default_factory=dict)
    block: int = 0
    renamings: tuple[Renaming, ...] = ()
    sharing: str = ""
    because: str = ""

    def restarted(self, restart: Restart) -> WorkItem:
        """The whole scenario, to be explored with what the restart has shown."""
        whole = replace(self, strategy=None, before=0, until=None, known={}, sighted={}, block=0)
        match restart.reason:
            case Reason.STEP_TOUCHES_MORE:
                return replace(whole, strategy=restart.strategy)
            case Reason.NUMBERS_SHARED:
                return replace(whole, interchangeable=(), own_numbers=True)
            case Reason.POLLS_AWAKE:
                return replace(whole, interchangeable=(), polls_awake=True)
            case Reason.NOT_INTERCHANGEABLE:
                return replace(whole, interchangeable=(), symmetry=False)
        return replace(whole, interchangeable=())

    def again(self, how: WorkItem) -> WorkItem:
        """This beginning, explored in the way of another work item of the scenario."""
        return replace(
            self,
            symmetry=how.symmetry,
            own_numbers=how.own_numbers,
            polls_awake=how.polls_awake,
            strategy=how.strategy,
            interchangeable=how.interchangeable,
            sharing=how.sharing,
            because=how.because,
        )


@dataclass(frozen=True, slots=True)
class Open:
    """A work item that has yet to be explored; its ``number`` is unique in the scenario."""

    number: int
    work_item: WorkItem

    @property
    def left(self) -> float:
        """An estimate of its share of the scenario, 0 to 1; 1 if there is none."""
        strategy = self.work_item.strategy
        return 1.0 if strategy is None else strategy.left()


@dataclass(frozen=True, slots=True)
class Advance:
    """The outcome of a work item.

    Attributes:
        rest: what is left of it, in the order of one process.
        again: begin the whole scenario again like this, and forget its tallies; ``None`` if all is well.
        pieces: into how many work items the coordinator should cut what is left.
        last: where the search ended, if it was a part of another one.
        refusal: what is wrong with the model, if that ended it.
        files: what it depends on, by path the digests of modules and data files that this process has not given before.
    """

    tally: Tally
    rest: tuple[WorkItem, ...] = ()
    again: WorkItem | None = None
    pieces: int = 1
    last: Shareable | None = None
    refusal: ModelError | None = None
    files: Mapping[str, str] = field(default_factory=dict)


def given_up(model: type[Model], reason: StopReason, detail: str) -> Advance:
    """The outcome of a work item that will not be explored, for this reason."""
    tally = Tally(Reachability(model))
    tally.stop(reason, detail)
    return Advance(tally)
