"""What every strategy offers: the choice of the request that takes the next step, and the picks of that step.

A strategy knows nothing of handlers or of DynamoDB: after each step it learns a footprint and what was observed.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from toctou.errors import NondeterministicHandler
from toctou.history.footprint import Footprint, dependent
from toctou.history.picks.pick_kind import PickKind
from toctou.history.request import label
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.verdict import Coverage


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did.

    Attributes:
        footprint: decides which other steps it commutes with.
        observed: anything comparable that must be equal when the same schedule is run again.
        seen: what the request itself saw of the step, without its index; equal for two interchangeable requests in the same
            local state.
    """

    footprint: Footprint
    observed: Any
    seen: Any = None


class Strategy(ABC):
    """Chooses schedules, one execution after another.

    Between two executions it can be pickled, and continues in another process as it would have in this one.

    Args:
        seed: of its random numbers.
        depends: whether the order of two steps matters.
        interchangeable: which requests are.
        bound: ``None`` for :attr:`default_bound`.
    """

    name: ClassVar[str]
    """As on the command line."""

    ends: ClassVar[bool] = False
    """Whether it ends by itself; one that does not draws schedules as long as it is asked for them."""

    covers: ClassVar[Coverage] = Coverage.NOTHING
    """What has been run when it has ended by itself."""

    symmetric: ClassVar[bool] = False
    """Whether it leaves out what differs from a class only in which of several interchangeable requests did what."""

    fair: ClassVar[bool] = True
    """Whether requests that poll are held back from it (:mod:`toctou.scheduling.polling`)."""

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
        self._prepare()

    def _prepare(self) -> None:  # noqa: B027 - some strategies keep nothing
        """Set up what the strategy keeps between executions."""

    @staticmethod
    def chance(requests: int, steps: int) -> tuple[float, str] | None:  # noqa: ARG004
        """A lower bound of the probability that one execution shows something, and what; ``None`` if there is none to state.

        ``steps`` is the largest number that all ``requests`` take together.
        """
        return None

    @property
    def taken_for(self) -> Sequence[Footprint] | None:
        """What the steps of the last execution count as touching when classes are compared; ``None`` if what they touched."""
        return None

    @property
    def mirrored(self) -> bool:
        """Whether the last execution was the mirror image of an earlier one, run because of its races."""
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

        ``enabled`` are the requests that have not ended, ascending, never empty; if it is fair, without those held back.
        """

    def held_back(self) -> None:  # noqa: B027 - most strategies need not know
        """The next choice is without a request that has not ended.

        Raises:
            Restart: another strategy takes over.
        """

    def pick(self, kind: PickKind, count: int) -> int:  # noqa: ARG002
        """Which of ``count`` alternatives, at least 2, the chosen step takes, from 0; at random, unless a strategy overrides it.

        Called between :meth:`choose` and :meth:`performed`, at most once for each kind.
        """
        return self._random.randrange(count)

    def performed(self, request: int, step: Step) -> None:  # noqa: B027 - most strategies learn nothing
        """The chosen request has taken its step.

        Raises:
            NondeterministicHandler: the step differs from the one observed after the same choices before.
        """

    def left(self) -> float:
        """An estimate, 0 to 1, of how much of the scenario is left in its part; called between two executions."""
        return 1.0

    def divide(self) -> Self | None:
        """Split off the part that would be explored last, as a strategy of its own; ``None`` if there is none.

        Called between two executions.  Together the two run exactly the executions that one would have run, the part that
        is kept before the part that is split off.
        """
        return None


Place = tuple[tuple[int, frozenset[int] | None], ...]
"""The steps that lead to the end of a branch: each a request, and which outcomes of its read are meant; ``None`` for all."""

Noted = dict[Hashable, Any]
"""Races of a part with steps before it, which other parts have to reverse: each once and in order."""


class Shareable(Strategy):
    """A strategy that explores branches one after the other, each of which may lead to more.

    A known branch can be explored ahead of its turn, as a strategy of its own: a part.  Between two executions the search is
    about to explore a branch, or has explored all.
    """

    @abstractmethod
    def current(self) -> Place:
        """The branch that is next, or that a part is exploring in its turn."""

    @abstractmethod
    def pending(self) -> Iterator[tuple[int, Place]]:
        """Branches that are known and come later, in this order, each with the number of steps before it."""

    @abstractmethod
    def part(self, place: Place) -> Self | None:
        """The search of a branch that comes later, as one process would come to it; ``None`` if it would not."""

    @abstractmethod
    def rest(self, depth: int) -> Self:
        """Split off what is left of the current branch at the last of ``depth`` steps; everything for 0."""

    @abstractmethod
    def noted(self) -> Noted:
        """What a part has found for others to reverse, since the last call."""

    @abstractmethod
    def learn(self, part: Self) -> None:
        """Merge what a part has learned about steps.

        Raises:
            Restart: it does not agree with what was known.
        """

    @abstractmethod
    def push(self, part: Self) -> None:
        """Make this part, which has run something, the current one."""

    @abstractmethod
    def reverse(self, noted: Noted) -> None:
        """Reverse what the current part has noted."""

    @abstractmethod
    def merge(self, part: Self) -> bool:
        """Continue where the current part is; ``False`` if nothing is left."""

    @abstractmethod
    def pop(self) -> bool:
        """Continue behind the current part, which is complete; ``False`` if nothing is left."""


def nondeterministic(observed: str) -> NondeterministicHandler:
    """The error for requests that behave differently under the same schedule."""
    return NondeterministicHandler(
        observed,
        expected="handlers that behave the same whenever they are given the same inputs and responses",
        cause="state kept between requests (a global, a cache), or an unordered set that decides",
        remedy="keep the state in DynamoDB, or reset it in the model's `setup`",
    )


def diverged(depth: int, before: str, now: str) -> NondeterministicHandler:
    """The error for a schedule that gave two histories, which differ after ``depth`` steps."""
    return nondeterministic(
        f"the same schedule gave two histories: after {depth} steps, the first time {before};\nthe second time {now}"
    )


def diverged_choice(depth: int, before: Sequence[int], now: Sequence[int]) -> NondeterministicHandler:
    """The error for other enabled requests than the last time."""
    first, second = (", ".join(map(label, requests)) or "none" for requests in (before, now))
    return diverged(depth, f"requests {first} could continue", f"{second} can")


def diverged_step(depth: int, request: int, before: Step, now: Step) -> NondeterministicHandler:
    """The error for a step that behaved differently than the last time."""
    return diverged(depth, f"request {label(request)} did\n{before.observed}", f"it does\n{now.observed}")
