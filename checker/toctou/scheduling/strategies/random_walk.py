"""Schedules drawn at random: at every scheduling point each request that can go on is equally likely.

For scopes beyond exhaustion.  A schedule of ``n`` requests with ``k`` steps in all is met with probability at least
``n ** -(k - 1)`` per execution, so a walk finds shallow races quickly and promises little: it never verifies.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from toctou.history.footprint import dependent
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.scheduling.strategies.strategy import Step


class RandomWalk:
    """Uniform random choice at each scheduling point, reproducible by its seed."""

    name: ClassVar[str] = "random"
    complete: ClassVar[bool] = False
    symmetric: ClassVar[bool] = False
    mirrored: ClassVar[bool] = False
    taken_for: ClassVar[None] = None

    def __init__(
        self,
        seed: int = 0,
        depends: Dependent = dependent,  # noqa: ARG002 - nothing is pruned
        interchangeable: Interchangeable = (),  # noqa: ARG002 - nothing is pruned
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311

    @staticmethod
    def bound(requests: int, steps: int) -> tuple[float, str]:
        """There is a choice of at most so many requests at each step but the last."""
        return float(requests) ** -max(steps - 1, 0), "any given interleaving"

    def begin(self) -> bool:
        """There is always another walk."""
        return True

    def choose(self, enabled: Sequence[int]) -> int | None:
        """Any of them."""
        return self._random.choice(enabled)

    def choose_age(self, count: int) -> int:
        """Any of them."""
        return self._random.randrange(count)

    def choose_call(self, count: int) -> int:
        """Any of them."""
        return self._random.randrange(count)

    def performed(self, request: int, step: Step) -> None:
        """Nothing is learned."""
