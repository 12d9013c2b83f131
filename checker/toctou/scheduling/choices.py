"""Binds the questions of one execution to the strategy that answers them, and keeps the answers for the schedule.

Whatever can go several ways while a step is taken (a read, a relay) asks here.  Nobody answers between executions: what is
left of one that was given up, or runs outside of any schedule, gets what a service at rest would do, which is 0.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from toctou.history.picks.pick_kind import PickKind
from toctou.history.schedule import Choice

_MOST_CHOICES = 1024


class Picking(Protocol):
    """Answers the questions of an execution: what strategies are to :class:`Choices`."""

    def pick(self, kind: PickKind, count: int) -> int:
        """See :meth:`toctou.scheduling.strategies.strategy.Strategy.pick`."""


class Choices:
    """The choices of the execution that is under way."""

    def __init__(self) -> None:
        self._picking: Picking | None = None
        self._answers: dict[str, int] = {}

    def bind(self, picking: Picking | None) -> None:
        """From now on let this answer; ``None`` for nobody."""
        self._picking, self._answers = picking, {}

    def pick(self, kind: PickKind, count: int) -> int:
        """The answer to a question of the step that is being taken, which has ``count`` of them; from 0."""
        if count == 1 or self._picking is None:
            return 0
        answer = self._answers[kind.name] = self._picking.pick(kind, count)
        return answer

    def taken(self, request: int) -> Choice:
        """The choice that a request's step turned out to be; what is asked from now on is of the next step."""
        if not self._answers:
            return plain_choice(request)
        answers, self._answers = self._answers, {}
        return Choice.of(request, **answers)


@lru_cache(maxsize=_MOST_CHOICES)
def plain_choice(request: int) -> Choice:
    """The choice of a request whose step asks nothing; each is made once."""
    return Choice(request)
