"""Every interleaving, one after the other: the strategy that needs no theory, to hold the others against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from checker.scheduling.strategies.strategy import Step


class BruteForce:
    """Counts through the choices like an odometer."""

    name: ClassVar[str] = "brute force"
    complete = True

    def __init__(self) -> None:
        self._digits: list[list[int]] = []
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
        if self._depth == len(self._digits):
            self._digits.append(list(enabled))
        return self._digits[self._depth][0]

    def performed(self, request: int, step: Step) -> None:
        self._depth += 1
