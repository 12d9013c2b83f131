"""The oracles for a scenario in an open laboratory, which runs its requests one after the other, and once more, for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from toctou.declaration.scenario import Scenario
from toctou.errors import OperationLimit, OutsideControl
from toctou.execution.judging import oracles_of
from toctou.execution.laboratory import Laboratory
from toctou.execution.transition_system import same_request
from toctou.execution.variations import Variations
from toctou.history.operation import StoredImages
from toctou.history.request import Response, label
from toctou.oracles.oracle import Oracle
from toctou.oracles.serial_runs import Alternative

MOST_RUNS = 5_000
"""Sequential runs that are memoised, each with what was stored at its end; ten requests have ten million."""

MOST_ALTERNATIVES = 2_000
"""Orders in which the threads of requests, which run in one order, are run one after the other."""


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
    """Sequential runs of a scenario's requests, each order run once; several times if the order of threads matters."""

    def __init__(self, laboratory: Laboratory, scenario: Scenario, *, afresh: bool = False) -> None:
        self._laboratory = laboratory
        self._scenario = scenario
        self._afresh = afresh
        self._known: dict[tuple[int, ...], tuple[Sequence[Response], StoredImages]] = {}
        self._alternatives: dict[tuple[int, ...], _Alternatives] = {}

    def __call__(self, order: tuple[int, ...]) -> tuple[Sequence[Response], StoredImages]:
        """See :data:`Serial`."""
        if order not in self._known:
            if len(self._known) >= MOST_RUNS:
                self._known.clear()
            self._known[order] = self._laboratory.serial(self._scenario, order, afresh=self._afresh)
        return self._known[order]

    def alternatives(self, order: tuple[int, ...]) -> Iterator[Alternative]:
        """See :class:`~toctou.oracles.serial_runs.WithThreads`."""
        yield Alternative(*self(order))
        if not self._laboratory.concurrent:
            return
        if order not in self._alternatives:
            if len(self._alternatives) >= MOST_RUNS:
                self._alternatives.clear()
            self._alternatives[order] = _Alternatives(self._laboratory, self._scenario, order)
        yield from self._alternatives[order]


class _Alternatives:
    """What requests with threads do in one order, by the order of their threads, the first of which is left out."""

    def __init__(self, laboratory: Laboratory, scenario: Scenario, order: tuple[int, ...]) -> None:
        self._run = partial(laboratory.serial_run, scenario, order)
        self._order = order
        self._found: list[Alternative] = []
        self._script: tuple[int, ...] | None = ()

    def __iter__(self) -> Iterator[Alternative]:
        yield from self._found
        while self._script is not None:
            script = self._script
            try:
                responses, stored, counts = self._run(script)
            except OperationLimit:  # threads that poll for what another one does, which does not come meanwhile
                self._script = None
                return
            self._script = _following(script, counts)
            if not any(script):  # has been run as the only one
                continue
            if len(self._found) >= MOST_ALTERNATIVES:
                raise _too_many(self._order)
            self._found.append(Alternative(responses, stored, script))
            yield self._found[-1]


def _following(script: Sequence[int], counts: Sequence[int]) -> tuple[int, ...] | None:
    """The next answers in lexicographical order; ``None`` after the last."""
    answers = [*script, *[0] * (len(counts) - len(script))]
    for at in reversed(range(len(counts))):
        if answers[at] + 1 < counts[at]:
            return (*answers[:at], answers[at] + 1)
    return None


def _too_many(order: Sequence[int]) -> OutsideControl:
    return OutsideControl(
        f"the threads of {' and '.join(f'request {label(one)}' for one in order)} can run one after the other in more than "
        f"{MOST_ALTERNATIVES} orders, and none of those tried explains what was seen",
        expected="fewer threads",
        cause="a handler that starts many of them",
        remedy="let the model start fewer: two or three show the same races",
    )
