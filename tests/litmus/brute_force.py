"""Every interleaving, one after the other: the strategy that needs no theory, to hold the others against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from toctou.history.picks.pick_kind import PickKind
from toctou.scheduling.strategies.strategy import Strategy
from toctou.verdict import Coverage


class BruteForce(Strategy):
    """Counts through the choices like an odometer."""

    name: ClassVar[str] = "brute force"
    ends = True
    covers = Coverage.EVERYTHING

    def __init__(self) -> None:
        super().__init__()
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

    def pick(self, kind: PickKind, count: int) -> int:
        return self._choice(range(count))

    def _choice(self, alternatives: Sequence[int]) -> int:
        if self._depth == len(self._digits):
            self._digits.append(list(alternatives))
        self._depth += 1
        return self._digits[self._depth - 1][0]
