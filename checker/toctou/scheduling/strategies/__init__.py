"""Strategies by the name they have on the command line; a new one is a file here and a line below."""

from __future__ import annotations

from typing import Protocol

from toctou.history.footprint import dependent
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.pct import Pct
from toctou.scheduling.strategies.pos import Pos
from toctou.scheduling.strategies.random_walk import RandomWalk
from toctou.scheduling.strategies.strategy import Strategy


class NewStrategy(Protocol):
    """A strategy's class: makes one that has run nothing yet."""

    name: str
    complete: bool
    symmetric: bool

    def bound(self, requests: int, steps: int) -> tuple[float, str] | None:
        """See :meth:`Strategy.bound`."""

    def __call__(
        self, seed: int = 0, depends: Dependent = dependent, interchangeable: Interchangeable = ()
    ) -> Strategy:
        """Make one from a seed, from what makes two steps dependent, and from which requests are interchangeable."""


STRATEGIES: dict[str, NewStrategy] = {strategy.name: strategy for strategy in (Exhaustive, Dpor, RandomWalk, Pct, Pos)}
