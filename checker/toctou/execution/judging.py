"""The oracles of a model, in the order in which a person wants to hear of them; a new one is a line here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from toctou.analysis.explain import anomalies
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory, made
from toctou.history.finding import Finding
from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Response
from toctou.oracles.invariant import Invariant
from toctou.oracles.linearizability import Linearizability
from toctou.oracles.no_exception import NoException
from toctou.oracles.no_partial_effect import NoPartialEffect
from toctou.oracles.oracle import Oracle
from toctou.oracles.ownership import Ownership
from toctou.oracles.serial_runs import SerialRuns

REAL_TIME = frozenset({Linearizability.name})
"""Oracles whose judgement depends on which request had answered before which other one began."""

MOST_RUNS = 5_000
"""Sequential runs that are remembered, each with what was stored at its end; ten requests have ten million."""


def oracles_of(model: type[Model], laboratory: Laboratory, scenario: Scenario) -> list[Oracle]:
    """What judges the executions of one scenario."""
    instance = made(model)
    oracles: list[Oracle] = []
    if model.owner is not None or model.owns is not Model.owns:
        oracles.append(Ownership(instance.owns, model.owner))
    if model.reference is not None:
        oracles.append(Linearizability(model.reference, model.retryable))
    else:
        oracles.append(SerialRuns(_Remembered(laboratory, scenario), model.retryable))
    oracles += [NoPartialEffect(), NoException()]
    oracles += [
        Invariant(name, partial(rule.predicate, instance), rule.at, _first_line(rule.predicate.__doc__))
        for name, rule in model.invariants().items()
    ]
    return oracles


class Judges:
    """Keeps the oracles of the last scenario, because what they remember of it serves its other work items too."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._of: tuple[Scenario, str, bool] | None = None
        self._oracles: list[Oracle] = []

    def of(self, scenario: Scenario, *, own_numbers: bool) -> list[Oracle]:
        """What judges the executions of a scenario, whose requests have generators of their own or not."""
        asked = scenario, str(scenario), own_numbers  # `1` and `True` are equal
        if self._of != asked:
            self._of = asked
            self._oracles = oracles_of(self._laboratory.model, self._laboratory, scenario)
        return self._oracles

    def forget(self) -> None:
        """What was remembered does not hold any more, such as runs of a service that is started anew from now on."""
        self._of = None


def _first_line(text: str | None) -> str:
    """The first sentence of a docstring, without its full stop."""
    return (text or "").strip().partition("\n")[0].rstrip(".")


class _Remembered:
    """Sequential runs of a scenario's requests, each order run once."""

    def __init__(self, laboratory: Laboratory, scenario: Scenario) -> None:
        self._laboratory = laboratory
        self._scenario = scenario
        self._known: dict[tuple[int, ...], tuple[Sequence[Response], StoredImages]] = {}

    def __call__(self, order: tuple[int, ...]) -> tuple[Sequence[Response], StoredImages]:
        if order not in self._known:
            if len(self._known) >= MOST_RUNS:
                self._known.clear()
            self._known[order] = self._laboratory.serial(self._scenario, order)
        return self._known[order]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding with its counterexample, before anybody has explained it, which takes longer than running the schedule.

    Attributes:
        finding, execution, occurrences: see :class:`Violation`.
    """

    finding: Finding
    execution: Execution
    occurrences: int = 1


def sightings(execution: Execution, oracles: Sequence[Oracle]) -> Iterator[tuple[object, Sighting]]:
    """What the oracles find, by what makes two violations the same: who broke what, by which anomaly."""
    findings = list(judged(execution, oracles))
    for finding, anomaly in zip(findings, anomalies(execution, findings), strict=True):
        yield (signature(finding), anomaly), Sighting(finding, execution)


def judged(execution: Execution, oracles: Sequence[Oracle]) -> Iterator[Finding]:
    """What the oracles find in one execution."""
    for oracle in oracles:
        yield from oracle.judge(execution)


def signature(finding: Finding) -> tuple[str, tuple[int, ...]]:
    """What makes two findings of one scenario the same."""
    return finding.oracle, finding.requests
