"""Every schedule that a deterministic scheduler takes if it is delayed at most so many times.

Emmi, Qadeer, Rakamarić, *Delay-Bounded Scheduling*, POPL 2011.  The scheduler keeps the requests in a queue, in the order of
the scenario, and lets the first one run to its end; each delay moves the first request to the end of the queue.  With no delay
there is one schedule; with ``K`` delays there are at most as many as ways to place ``K`` delays on the steps of an execution.
Races that need few preemptions show with few delays, so that a scope too large to exhaust is covered up to a stated bound.

Departures from the text: a request may be delayed at each of its scheduling points, not only where the code under test says
so; as many delays in a row as requests in the queue are left out.  Picks are not bounded: each alternative is explored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from toctou.history.picks.pick_kind import PickKind
from toctou.scheduling.strategies.strategy import Step, Strategy, diverged, diverged_step
from toctou.verdict import Coverage


class DelayBounded(Strategy):
    """Depth-first search over all placements of delays, each once."""

    name: ClassVar[str] = "delay"
    ends: ClassVar[bool] = True
    covers: ClassVar[Coverage] = Coverage.BOUND
    default_bound: ClassVar[int | None] = 2
    bounded_by: ClassVar[str] = "delay"

    def _prepare(self) -> None:
        # Each choice of the current execution in order, how often each step is delayed among them: which alternative, and of how
        # many.  The next execution increases the last one that can be increased, as an odometer does.
        self._answers: list[tuple[int, int]] = []
        self._steps: list[Step] = []
        self._begun = False

    def begin(self) -> bool:
        """Place the last delay that can be placed later, or add one."""
        if self._begun:
            while self._answers and self._answers[-1][0] + 1 >= self._answers[-1][1]:
                self._answers.pop()
            if not self._answers:
                return False
            answer, count = self._answers[-1]
            self._answers[-1] = answer + 1, count
        self._begun = True
        self._asked = self._depth = 0
        self._delays = self._bound or 0
        self._queue: list[int] = []
        return True

    def choose(self, enabled: Sequence[int]) -> int | None:
        """The first in the queue, after the delays of this step."""
        self._queue = [one for one in self._queue if one in enabled]
        self._queue += [
            one for one in enabled if one not in self._queue
        ]  # at first all, then those that were held back
        delayed = self._answer(min(self._delays, len(self._queue) - 1) + 1, "requests that could continue")
        self._delays -= delayed
        self._queue = self._queue[delayed:] + self._queue[:delayed]
        return self._queue[0]

    def pick(self, kind: PickKind, count: int) -> int:
        """Each alternative in turn, from 0."""
        return self._answer(count, kind.alternatives)

    def performed(self, request: int, step: Step) -> None:
        """Keep the step, or compare it with what it was after the same choices before."""
        if self._depth == len(self._steps):
            self._steps.append(step)
        elif self._asked < len(self._answers) and self._steps[self._depth].observed != step.observed:
            raise diverged_step(self._depth, request, self._steps[self._depth], step)
        else:
            self._steps[self._depth :] = [step]
        self._depth += 1

    def left(self) -> float:
        """What is left if all alternatives of a choice lead to equally many executions."""
        left, share = 0.0, 1.0
        for answer, count in self._answers:
            share /= count
            left += share * (count - 1 - answer)
        return left if self._begun else 1.0

    def _answer(self, count: int, what: str) -> int:
        if self._asked == len(self._answers):
            self._answers.append((0, count))
        answer, known = self._answers[self._asked]
        self._asked += 1
        if known != count:
            raise diverged(self._depth, f"there were {known} {what}", f"there are {count}")
        return answer
