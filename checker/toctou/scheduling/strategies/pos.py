"""Partial-order sampling: random priorities of steps, drawn anew for those that lose a race.

Yuan, Yang, Gu, *Partial Order Aware Concurrency Sampling*, CAV 2018.  Every pending step has a random priority and the
highest steps; each pending step that races with the step taken draws a new one.  Steps that commute keep theirs, so that the
sample is spread over classes of schedules rather than over schedules.  The text's bound on the probability of a class depends
on that class, so none is reported.

Departure from the text: what a pending step touches is known only once it has been performed.  Until then it is assumed to be
what that request's step of the same number touched last, and to race with everything if there was none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from toctou.history.footprint import Footprint
from toctou.scheduling.strategies.strategy import Step, Strategy


class Pos(Strategy):
    """Partial-order sampling, reproducible by its seed."""

    name: ClassVar[str] = "pos"

    def _prepare(self) -> None:
        self._seen: dict[tuple[int, int], Footprint] = {}

    def begin(self) -> bool:
        """There is always another sample."""
        self._taken: dict[int, int] = {}
        self._priorities: dict[int, float] = {}
        return True

    def choose(self, enabled: Sequence[int]) -> int | None:
        """The request whose pending step has the highest priority."""
        for request in enabled:
            self._priorities.setdefault(request, self._random.random())
        return max(enabled, key=self._priorities.__getitem__)

    def performed(self, request: int, step: Step) -> None:
        """Draw anew for the request's next step, and for the pending steps that raced with this one."""
        number = self._taken.get(request, 0)
        self._taken[request] = number + 1
        self._seen[request, number] = step.footprint
        for other in self._priorities:
            pending = self._seen.get((other, self._taken.get(other, 0)))
            if other == request or pending is None or self._depends(step.footprint, pending):
                self._priorities[other] = self._random.random()
