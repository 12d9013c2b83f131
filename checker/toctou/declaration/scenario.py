"""Scenarios: what is explored as one thing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Request


@dataclass(frozen=True, slots=True)
class Scenario:
    """A set of concurrent requests on the tables and initial items of a model.

    Attributes:
        requests: the requests.
        left_out: items of the model that are not stored at the start.
    """

    requests: tuple[Request, ...]
    left_out: StoredImages = field(default_factory=dict)

    @classmethod
    def of(cls, execution: Execution) -> Scenario:
        """The scenario of an execution."""
        return cls(execution.requests, execution.left_out)

    def __str__(self) -> str:
        return " ‖ ".join(map(str, self.requests))


def scenarios(requests: Sequence[Request], size: int) -> Iterator[Scenario]:
    """Every multiset of one to ``size`` requests, smallest first.

    A single request is a scenario too: if it disagrees with the reference, the fault is not a race, and saying so with one
    request is the clearest way.
    """
    for count in range(1, size + 1):
        for chosen in combinations_with_replacement(requests, count):
            yield Scenario(chosen)
