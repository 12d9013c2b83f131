"""Schedules drawn at random: at every scheduling point each enabled request is equally likely.

A schedule of ``n`` requests with ``k`` steps in all is drawn with probability at least ``n ** -(k - 1)`` per execution, so a
walk finds shallow races quickly and never verifies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from toctou.scheduling.strategies.strategy import Strategy


class RandomWalk(Strategy):
    """Uniform random choice at each scheduling point, reproducible by its seed."""

    name: ClassVar[str] = "random"

    @staticmethod
    def chance(requests: int, steps: int) -> tuple[float, str]:
        """Each step but the last is a choice among at most ``requests``."""
        return float(requests) ** -max(steps - 1, 0), "any given interleaving"

    def begin(self) -> bool:
        """There is always another walk."""
        return True

    def choose(self, enabled: Sequence[int]) -> int | None:
        """Any of them."""
        return self._random.choice(enabled)
