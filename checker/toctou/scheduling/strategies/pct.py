"""Probabilistic concurrency testing: random priorities, lowered at a few random steps.

Burckhardt, Kothari, Musuvathi, Nagarakatti, *A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs*, ASPLOS
2010. The enabled request of highest priority steps; at ``depth - 1`` steps drawn beforehand, the request that is about to
step falls below all others.  A race that needs ``depth`` ordering constraints shows with probability at least ``1 / (n * k
** (depth - 1))`` in each execution of ``n`` requests and ``k`` steps.

``depth`` is 3 here: a check, a change by another request and a use are two constraints, and one is to spare.

Departure from the text: ``k`` is learned, as the number of steps of the longest execution so far.  So the first execution has
no point of change, and the bound holds only once the longest execution has been seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from toctou.scheduling.strategies.strategy import Step, Strategy

DEPTH = 3


class Pct(Strategy):
    """Priority-based random schedules, reproducible by their seed."""

    name: ClassVar[str] = "pct"

    def _prepare(self) -> None:
        self._steps = self._longest = 0

    @staticmethod
    def chance(requests: int, steps: int) -> tuple[float, str]:
        """The text's, with the longest execution seen for ``k``."""
        return 1 / (requests * steps ** (DEPTH - 1)), f"a violation that takes up to {DEPTH} ordering constraints"

    def begin(self) -> bool:
        """Draw new priorities and points of change."""
        self._longest = max(self._longest, self._steps)
        self._steps = 0
        self._priorities: dict[int, float] = {}
        points = self._random.sample(range(1, self._longest), min(DEPTH - 1, max(self._longest - 1, 0)))
        self._changes = {at: number for number, at in enumerate(points)}
        return True

    def choose(self, enabled: Sequence[int]) -> int | None:
        """The request of highest priority, after a change of priority if one is due."""
        for request in enabled:
            if request not in self._priorities:
                self._priorities[request] = DEPTH + self._random.random()
        chosen = max(enabled, key=self._priorities.__getitem__)
        lowered = self._changes.pop(self._steps, None)
        if lowered is not None:
            self._priorities[chosen] = DEPTH - 1 - lowered
            chosen = max(enabled, key=self._priorities.__getitem__)
        return chosen

    def performed(self, request: int, step: Step) -> None:  # noqa: ARG002
        """Count the step."""
        self._steps += 1
