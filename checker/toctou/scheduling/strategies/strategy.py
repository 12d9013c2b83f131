"""What every strategy offers: the choice of the request that takes the next step, and the picks of that step.

A strategy knows nothing of handlers or of DynamoDB.  After each step it learns what the step read and wrote, and what was
observed of it, and it decides when there is nothing left to run.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from toctou.history.footprint import Footprint, dependent
from toctou.history.picks.pick_kind import PickKind
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.verdict import Coverage


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


class Strategy(ABC):
    """Chooses schedules, one execution after another.

    Between two executions it can be pickled, and goes on in another process as it would have in this one.

    Args:
        seed: of the random numbers that it draws, if it draws any.
        depends: whether the order of two steps matters.
        interchangeable: which requests are.
        bound: see :attr:`default_bound`; ``None`` for that.
    """

    name: ClassVar[str]
    """As on the command line."""

    ends: ClassVar[bool] = False
    """Whether it ends by itself; one that does not draws schedules for as long as it is asked for them."""

    covers: ClassVar[Coverage] = Coverage.NOTHING
    """What has been run when it has ended by itself."""

    symmetric: ClassVar[bool] = False
    """Whether it leaves out what differs from a class only in which of several interchangeable requests did what."""

    default_bound: ClassVar[int | None] = None
    """What ``NAME:K`` sets on the command line, if nothing is given; ``None`` if the strategy takes no bound."""

    bounded_by: ClassVar[str] = ""
    """What the bound counts, such as ``delay``."""

    def __init__(
        self,
        seed: int = 0,
        depends: Dependent = dependent,
        interchangeable: Interchangeable = (),
        bound: int | None = None,
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._depends = depends
        self._interchangeable = interchangeable
        self._bound = self.default_bound if bound is None else bound

    @staticmethod
    def chance(requests: int, steps: int) -> tuple[float, str] | None:  # noqa: ARG004
        """A lower bound of the probability that one execution shows something, and what; ``None`` if there is none to state.

        Args:
            requests: how many there are.
            steps: that all of them take together, at most.
        """
        return None

    @property
    def taken_for(self) -> Sequence[Footprint] | None:
        """What the steps of the last execution are taken to touch as far as classes go; ``None`` if that is what they touched."""
        return None

    @property
    def mirrored(self) -> bool:
        """Whether the last execution was the mirror image of an earlier one, run for the sake of what follows from it."""
        return False

    @abstractmethod
    def begin(self) -> bool:
        """Get ready for the next execution; ``False`` if there is none left.

        Raises:
            Restart: what was run so far was redundant.
        """

    @abstractmethod
    def choose(self, enabled: Sequence[int]) -> int | None:
        """The request that takes the next step; ``None`` to give this execution up as redundant.

        Args:
            enabled: requests that have not ended, ascending, never empty.
        """

    def pick(self, kind: PickKind, count: int) -> int:  # noqa: ARG002
        """The answer to a question of the chosen step, from 0; any is as likely as another, unless a strategy decides otherwise.

        Called between :meth:`choose` and :meth:`performed`, at most once for each kind.

        Args:
            kind: what is asked.
            count: how many answers there are; at least 2.
        """
        return self._random.randrange(count)

    def performed(self, request: int, step: Step) -> None:  # noqa: B027 - most strategies learn nothing
        """The chosen request has taken its step.

        Raises:
            NondeterministicHandler: the step differs from the one observed after the same choices before.
        """

    def left(self) -> float:
        """An estimate, 0 to 1, of how much of the scenario is left in its part; between two executions."""
        return 1.0

    def divide(self) -> Self | None:
        """Give away the part that would be explored last, as a strategy of its own; ``None`` if there is none to give.

        Called between two executions.  Together the two run exactly the executions that the one would have run, the
        part that is kept before the part that is given away.
        """
        return None


Place = tuple[tuple[int, frozenset[int] | None], ...]
"""The steps that lead to the end of a branch: each a request, and which answers of a weak read are meant; ``None`` for all."""

Noted = dict[Hashable, Any]
"""What a part has found that concerns others, each thing once and in order."""


class Shareable(Strategy):
    """A strategy that explores branches one after the other, of which each may lead to more, and can tell what is left.

    A branch that is known can be explored by others ahead of its turn, as a strategy of its own: a part.  Between two executions
    the search stands before a branch, which is next, or has gone through all.
    """

    @abstractmethod
    def current(self) -> Place:
        """The branch that is next, or that somebody is exploring in its turn."""

    @abstractmethod
    def pending(self) -> Iterator[tuple[int, Place]]:
        """Branches that are known and come later, in this order, each with the number of steps before it."""

    @abstractmethod
    def part(self, place: Place) -> Self | None:
        """The search of a branch that comes later, as one process would come to it; ``None`` if it would not."""

    @abstractmethod
    def rest(self, depth: int) -> Self:
        """Give away what is left of the current branch at the last of so many steps; of everything for 0."""

    @abstractmethod
    def noted(self) -> Noted:
        """What a part has found that concerns others, since this was last asked."""

    @abstractmethod
    def learn(self, part: Self) -> None:
        """Take in what a part has learned about steps.

        Raises:
            Restart: it does not agree with what was known.
        """

    @abstractmethod
    def push(self, part: Self) -> None:
        """It is the turn of this part, which has run something."""

    @abstractmethod
    def reverse(self, noted: Noted) -> None:
        """Take in what was noted by the part whose turn it is."""

    @abstractmethod
    def merge(self, part: Self) -> bool:
        """Go on where the part stands whose turn it is; ``False`` if nothing is left."""

    @abstractmethod
    def pop(self) -> bool:
        """Go on behind the part whose turn it is, of which nothing more will be known; ``False`` if nothing is left."""
