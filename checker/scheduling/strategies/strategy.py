"""What every strategy offers: the choice of the request that takes the next step.

A strategy knows nothing of handlers or of DynamoDB.  It is told after each step what the step read and wrote, and what was
observed of it, and it decides when there is nothing left to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from checker.history.footprint import Footprint


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
class Divisible(Strategy, Protocol):
    """A strategy that can share what it has left with another process."""

    def divide(self) -> Self | None:
        """Give away the part that would be explored last, as a strategy of its own; ``None`` if there is none to give.

        Called between two executions.  Together the two run exactly the executions that the one would have run, the
        part that is kept before the part that is given away.
        """

    def explored(self) -> float:
        """An estimate, 0 to 1, of how much of its own part it has explored: it takes the branches of a node for equally large.

        Knuth, *Estimating the efficiency of backtrack programs*, Mathematics of Computation 29, 1975.
        """
