"""Every interleaving, one after the other: the strategy that needs no theory, to hold the others against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from toctou.scheduling.strategies.strategy import Step


class BruteForce:
    """Counts through the choices like an odometer."""

    name: ClassVar[str] = "brute force"
    complete = True

    def __init__(self) -> None:
        self._digits: list[list[int]] = []  # for each choice the alternatives still to be taken, the current one first
        self._depth = 0
        self._begun = False

    def begin(self) -> bool:
        self._depth = 0
        if not self._begun:
            self._begun = True
            return True
        while self._digits:
            self._digits[-1].pop(0)
            if self._digits[-1]:
                return True
            self._digits.pop()
        return False

    def choose(self, enabled: Sequence[int]) -> int | None:
        return self._choice(enabled)

    def choose_age(self, count: int) -> int:
        return self._choice(range(count))

    def choose_call(self, count: int) -> int:
        return self._choice(range(count))

    def performed(self, request: int, step: Step) -> None:
        """Nothing is learned."""

    def _choice(self, alternatives: Sequence[int]) -> int:
        if self._depth == len(self._digits):
            self._digits.append(list(alternatives))
        self._depth += 1
        return self._digits[self._depth - 1][0]
