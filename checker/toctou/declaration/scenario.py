"""Scenarios: sets of concurrent requests, each explored as one unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Request


@dataclass(frozen=True, slots=True)
class Scenario:
    """Concurrent requests on the tables and initial items of a model, without the items ``left_out``."""

    requests: tuple[Request, ...]
    left_out: StoredImages = field(default_factory=dict)

    @classmethod
    def of(cls, execution: Execution) -> Scenario:
        """The scenario of an execution."""
        return cls(execution.requests, execution.left_out)

    def __str__(self) -> str:
        return " ‖ ".join(map(str, self.requests))


def scenarios(requests: Sequence[Request], size: int) -> Iterator[Scenario]:
    """Every multiset of one to ``size`` requests, smallest first."""
    # A single request that disagrees with the reference shows most clearly that the fault is no race.
    for count in range(1, size + 1):
        for chosen in combinations_with_replacement(requests, count):
            yield Scenario(chosen)
