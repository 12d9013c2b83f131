"""What every strategy offers: the choice of the request that takes the next step.

A strategy knows nothing of handlers or of DynamoDB.  It is told after each step what the step read and wrote, and what was
observed of it, and it decides when there is nothing left to run.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from toctou.history.footprint import Footprint


class StartOver(Exception):
    """What a strategy has learned shows that it must begin again; what was run so far is to be forgotten.

    Attributes:
        strategy: how to begin.
    """

    def __init__(self, strategy: Strategy) -> None:
        super().__init__()
        self.strategy = strategy


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did.

    Attributes:
        footprint: decides which other steps it commutes with.
        observed: anything comparable that must be equal when the same schedule is run again.
        seen: what the request itself saw of the step, whatever its index; equal for two interchangeable requests that have
            come equally far.
    """

    footprint: Footprint
    observed: Any
    seen: Any = None


class Strategy(Protocol):
    """Chooses schedules, one execution after another.

    Between two executions it can be pickled, and goes on in another process as it would have in this one.
    """

    name: ClassVar[str]
    """As on the command line."""

    complete: ClassVar[bool]
    """Whether a ``False`` from :meth:`begin` means that every class of schedules has been run."""

    symmetric: ClassVar[bool]
    """Whether it leaves out what differs from a class only in which of several interchangeable requests did what."""

    @staticmethod
    def bound(requests: int, steps: int) -> tuple[float, str] | None:
        """A lower bound of the probability that one execution shows something, and what; ``None`` if there is none to state.

        Args:
            requests: how many there are.
            steps: that all of them take together, at most.
        """

    @property
    def taken_for(self) -> Sequence[Footprint] | None:
        """What the steps of the last execution are taken to touch as far as classes go; ``None`` if that is what they touched."""

    @property
    def mirrored(self) -> bool:
        """Whether the last execution was the mirror image of an earlier one, run for the sake of what follows from it."""

    def begin(self) -> bool:
        """Get ready for the next execution; ``False`` if there is none left.

        Raises:
            StartOver: what was run so far was run in vain.
        """

    def choose(self, enabled: Sequence[int]) -> int | None:
        """The request that takes the next step; ``None`` to give this execution up as redundant.

        Args:
            enabled: requests that have not ended, ascending, never empty.
        """

    def choose_age(self, count: int) -> int:
        """Which of ``count`` different answers the weak read of the chosen step returns; 0 for the newest.

        Called between :meth:`choose` and :meth:`performed`, at most once, and only if there are two answers or more.
        """

    def choose_call(self, count: int) -> int:
        """Which of ``count`` calls that the chosen request has made at once is performed; their order is canonical.

        Called between :meth:`choose` and :meth:`performed`, at most once, and only if there are two calls or more.
        """

    def performed(self, request: int, step: Step) -> None:
        """The chosen request has taken its step.

        Raises:
            NondeterministicHandler: the step differs from the one observed after the same choices before.
        """


@runtime_checkable
class Complete(Strategy, Protocol):
    """A strategy that comes to an end, and can tell about when."""

    def left(self) -> float:
        """An estimate, 0 to 1, of how much of the scenario is left in its part; between two executions."""


@runtime_checkable
class Divisible(Complete, Protocol):
    """A strategy that can share what it has left with another process."""

    def divide(self) -> Self | None:
        """Give away the part that would be explored last, as a strategy of its own; ``None`` if there is none to give.

        Called between two executions.  Together the two run exactly the executions that the one would have run, the
        part that is kept before the part that is given away.
        """


Place = tuple[tuple[int, frozenset[int] | None], ...]
"""The steps that lead to the end of a branch: each a request, and which answers of a weak read are meant; ``None`` for all."""

Noted = dict[Hashable, Any]
"""What a part has found that concerns others, each thing once and in order."""


@runtime_checkable
class Shareable(Complete, Protocol):
    """A strategy that explores branches one after the other, of which each may lead to more, and can tell what is left.

    A branch that is known can be explored by others ahead of its turn, as a strategy of its own: a part.  Between two executions
    the search stands before a branch, which is next, or has gone through all.
    """

    def current(self) -> Place:
        """The branch that is next, or that somebody is exploring in its turn."""

    def pending(self) -> Iterator[tuple[int, Place]]:
        """Branches that are known and come later, in this order, each with the number of steps before it."""

    def part(self, place: Place) -> Self | None:
        """The search of a branch that comes later, as one process would come to it; ``None`` if it would not."""

    def rest(self, depth: int) -> Self:
        """Give away what is left of the current branch at the last of so many steps; of everything for 0."""

    def noted(self) -> Noted:
        """What a part has found that concerns others, since this was last asked."""

    def learn(self, part: Self) -> None:
        """Take in what a part has learned about steps.

        Raises:
            StartOver: it does not agree with what was known.
        """

    def push(self, part: Self) -> None:
        """It is the turn of this part, which has run something."""

    def reverse(self, noted: Noted) -> None:
        """Take in what was noted by the part whose turn it is."""

    def merge(self, part: Self) -> bool:
        """Go on where the part stands whose turn it is; ``False`` if nothing is left."""

    def pop(self) -> bool:
        """Go on behind the part whose turn it is, of which nothing more will be known; ``False`` if nothing is left."""
