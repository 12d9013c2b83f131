"""The oracles for a scenario in an open laboratory, which runs its requests one after the other, and once more, for them."""

from __future__ import annotations

from collections.abc import Sequence

from toctou.declaration.scenario import Scenario
from toctou.execution.judging import oracles_of
from toctou.execution.laboratory import Laboratory
from toctou.execution.transition_system import same_request
from toctou.execution.variations import Variations
from toctou.history.operation import StoredImages
from toctou.history.request import Response
from toctou.oracles.oracle import Oracle

MOST_RUNS = 5_000
"""Sequential runs that are memoised, each with what was stored at its end; ten requests have ten million."""


def oracles_for(laboratory: Laboratory, scenario: Scenario, *, afresh: bool = False) -> list[Oracle]:
    """The oracles for a scenario in an open laboratory; ``afresh`` to run every step of the sequential runs."""
    serial = MemoisedSerialRuns(laboratory, scenario, afresh=afresh)
    return oracles_of(laboratory.model, serial, Variations(laboratory, scenario))


class Judges:
    """Keeps the oracles of the last scenario, because what they memoise serves its other work items too."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._of: tuple[Scenario, bool] | None = None
        self._oracles: list[Oracle] = []

    def of(self, scenario: Scenario, *, own_numbers: bool) -> list[Oracle]:
        """The oracles for a scenario, whose requests have generators of their own or not."""
        key = scenario, own_numbers
        # Requests that are equal may still differ, and so would their serial runs.
        if self._of != key or not all(map(same_request, self._of[0].requests, scenario.requests)):
            self._of = key
            self._oracles = oracles_for(self._laboratory, scenario)
        return self._oracles

    def forget(self) -> None:
        """Drop what was memoised, such as runs of a service that is started anew from now on."""
        self._of = None


class MemoisedSerialRuns:
    """Sequential runs of a scenario's requests, each order run once."""

    def __init__(self, laboratory: Laboratory, scenario: Scenario, *, afresh: bool = False) -> None:
        self._laboratory = laboratory
        self._scenario = scenario
        self._afresh = afresh
        self._known: dict[tuple[int, ...], tuple[Sequence[Response], StoredImages]] = {}

    def __call__(self, order: tuple[int, ...]) -> tuple[Sequence[Response], StoredImages]:
        """See :data:`Serial`."""
        if order not in self._known:
            if len(self._known) >= MOST_RUNS:
                self._known.clear()
            self._known[order] = self._laboratory.serial(self._scenario, order, afresh=self._afresh)
        return self._known[order]
