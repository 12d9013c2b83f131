"""Binds the picks of one execution to its strategy, and keeps them for the schedule.

A step that has alternatives (a read, a relay) picks one here.  Outside of a schedule, or after an execution was given up, no
strategy is bound, and the pick is 0, which is what a service at rest would do.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Protocol

from toctou.history.picks.concurrent_call import CONCURRENT_CALL
from toctou.history.picks.pick_kind import PickKind
from toctou.history.schedule import Choice

_MOST_CHOICES = 1024


class Picking(Protocol):
    """What strategies are to :class:`Choices`."""

    def pick(self, kind: PickKind, count: int) -> int:
        """See :meth:`toctou.scheduling.strategies.strategy.Strategy.pick`."""


class Script:
    """Given answers to the questions of one run, and 0 to those that follow.

    Attributes:
        counts: how many alternatives there were at each question so far.
    """

    def __init__(self, answers: Sequence[int]) -> None:
        self.counts: list[int] = []
        self._answers = answers

    def answer(self, count: int) -> int:
        """The answer to a question with so many alternatives."""
        at = len(self.counts)
        self.counts.append(count)
        return self._answers[at] if at < len(self._answers) else 0


class Choices:
    """The picks of the current execution.

    Attributes:
        script: of a serial run, in which what a thread is working on is not interrupted by another thread of its request.
        settled: whether the current step reads what is stored, because time has passed; see :attr:`PickKind.settles`.
    """

    def __init__(self) -> None:
        self.bind(None)

    def bind(self, picking: Picking | None) -> None:
        """From now on let this strategy pick; ``None`` for the default."""
        self._picking = picking
        self._picks: dict[str, int] = {}
        self._last: dict[int, Hashable] = {}
        self.settled = False
        self.script: Script | None = None

    def pick(self, kind: PickKind, count: int) -> int:
        """Which of ``count`` alternatives the current step takes, from 0."""
        if count == 1 or self._picking is None or (self.settled and kind.settles):
            return 0
        picked = self._picks[kind.name] = self._picking.pick(kind, count)
        return picked

    def pick_thread(self, request: int, units: Sequence[Hashable]) -> int:
        """Which of a request's threads takes its turn, by what each of them is working on.

        In a serial run that is the one that has taken the last turn, as long as it goes on.
        """
        if self.script is None:
            return self.pick(CONCURRENT_CALL, len(units))
        last = self._last.get(request)
        at = units.index(last) if last in units else self.script.answer(len(units))
        self._last[request] = units[at]
        return at

    def taken(self, request: int) -> Choice:
        """The choice that the current step of a request made; later picks belong to the next step."""
        if not self._picks:
            return plain_choice(request)
        picks, self._picks = self._picks, {}
        return Choice.of(request, **picks)


@lru_cache(maxsize=_MOST_CHOICES)
def plain_choice(request: int) -> Choice:
    """The choice of a request whose step has no alternatives; each is made once."""
    return Choice(request)
