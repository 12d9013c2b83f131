"""Partial-order sampling: random priorities of steps, drawn anew for those that lose a race.

Yuan, Yang, Gu, *Partial Order Aware Concurrency Sampling*, CAV 2018.  Every pending step has a random priority and the
highest steps; whatever is pending and races with the step that was taken draws a new one.  Steps that commute keep theirs,
so that the sample is spread over classes of schedules rather than over schedules.  The text's bound on the probability of a
class depends on that class, so none can be stated beforehand, and none is reported.

Departure from the text: what a pending step touches is known only once it has been performed.  It is taken for what that
request's step of the same number touched when it was performed last; until then it is assumed to race with everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from toctou.history.footprint import Footprint, dependent
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.scheduling.strategies.strategy import Step, Strategy


class Pos(Strategy):
    """Partial-order sampling, reproducible by its seed."""

    name: ClassVar[str] = "pos"

    def __init__(
        self,
        seed: int = 0,
        depends: Dependent = dependent,
        interchangeable: Interchangeable = (),
        bound: int | None = None,
    ) -> None:
        super().__init__(seed, depends, interchangeable, bound)
        self._seen: dict[tuple[int, int], Footprint] = {}
        self._taken: dict[int, int] = {}
        self._priorities: dict[int, float] = {}

    def begin(self) -> bool:
        """There is always another sample."""
        self._taken = {}
        self._priorities = {}
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
