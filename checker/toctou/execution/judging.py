"""The oracles of a model, and what they find in an execution; a new oracle is a line in :data:`ORACLES`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from typing import NamedTuple, NoReturn, Protocol

from toctou.analysis.explain import identities
from toctou.declaration.model import Model, made
from toctou.declaration.scenario import Scenario
from toctou.errors import InternalError
from toctou.history.finding import Finding
from toctou.history.footprint import dependent
from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Response
from toctou.oracles.invariant import Invariant
from toctou.oracles.linearizability import Linearizability
from toctou.oracles.no_exception import NoException
from toctou.oracles.no_partial_effect import NoPartialEffect
from toctou.oracles.oracle import Observes, Oracle, Ordered
from toctou.oracles.ownership import Ownership
from toctou.oracles.serial_runs import Serial, SerialRuns
from toctou.scheduling.dependence import Dependent, Remembered, in_order, writes_in_order

MOST_RUNS = 5_000
"""Sequential runs that are memoised, each with what was stored at its end; ten requests have ten million."""


class Judged(NamedTuple):
    """What oracles are made for."""

    model: type[Model]
    instance: Model
    serial: Serial


def _ownership(judged: Judged) -> Iterator[Oracle]:
    model = judged.model
    if model.owns is not Model.owns:
        yield Ownership(judged.instance.owns, model.owner)
    elif model.owner is not None:
        yield Ownership(judged.instance.owns, model.owner, attributes=frozenset({model.owner}))


def _linearizability(judged: Judged) -> Iterator[Oracle]:
    reference, retryable = judged.model.reference, judged.model.retryable
    yield SerialRuns(judged.serial, retryable) if reference is None else Linearizability(reference, retryable)


def _invariants(judged: Judged) -> Iterator[Oracle]:
    for name, rule in judged.model.invariants().items():
        meaning = (rule.predicate.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        yield Invariant(name, partial(rule.predicate, judged.instance), rule.at, meaning)


ORACLES: list[Callable[[Judged], Iterable[Oracle]]] = [
    _ownership,
    _linearizability,
    lambda _: [NoPartialEffect()],
    lambda _: [NoException()],
    _invariants,
]
"""The oracles of a model, in the order of reports."""


def oracles_of(model: type[Model], serial: Serial) -> list[Oracle]:
    """The oracles for one scenario of a model, whose requests ``serial`` runs one after the other."""
    judged = Judged(model, made(model), serial)
    return [oracle for entry in ORACLES for oracle in entry(judged)]


def observed(model: type[Model]) -> Observes:
    """What a model's oracles observe, together."""

    def serial(order: tuple[int, ...]) -> NoReturn:
        raise InternalError(f"an oracle has run the requests {order} before there was anything to judge")

    return reduce(or_, (oracle.observes for oracle in oracles_of(model, serial)), Observes())


def dependence_of(model: type[Model]) -> Dependent:
    """Whether the order of two steps matters to a model's oracles."""
    return Remembered(
        {Ordered.WRITES: writes_in_order, Ordered.OPERATIONS: in_order}.get(observed(model).order, dependent)
    )


class Serving(Protocol):
    """Runs requests of a model's scenarios; see :class:`toctou.execution.laboratory.Laboratory`."""

    model: type[Model]

    def serial(
        self, scenario: Scenario, order: Sequence[int], *, afresh: bool = False
    ) -> tuple[Sequence[Response], StoredImages]:
        """Responses, in that order, and stored items when only these requests run, one after the other."""


def oracles_for(laboratory: Serving, scenario: Scenario, *, afresh: bool = False) -> list[Oracle]:
    """The oracles for a scenario in an open laboratory; ``afresh`` to run every step of the sequential runs."""
    return oracles_of(laboratory.model, MemoisedSerialRuns(laboratory, scenario, afresh=afresh))


class Judges:
    """Keeps the oracles of the last scenario, because what they memoise serves its other work items too."""

    def __init__(self, laboratory: Serving) -> None:
        self._laboratory = laboratory
        self._of: tuple[Scenario, str, bool] | None = None
        self._oracles: list[Oracle] = []

    def of(self, scenario: Scenario, *, own_numbers: bool) -> list[Oracle]:
        """The oracles for a scenario, whose requests have generators of their own or not."""
        key = scenario, str(scenario), own_numbers  # with the text, because `1` and `True` are equal
        if self._of != key:
            self._of = key
            self._oracles = oracles_for(self._laboratory, scenario)
        return self._oracles

    def forget(self) -> None:
        """Drop what was memoised, such as runs of a service that is started anew from now on."""
        self._of = None


class MemoisedSerialRuns:
    """Sequential runs of a scenario's requests, each order run once."""

    def __init__(self, laboratory: Serving, scenario: Scenario, *, afresh: bool = False) -> None:
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


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding with its counterexample, before it is explained, which takes longer than running the schedule."""

    finding: Finding
    execution: Execution
    occurrences: int = 1


def sightings(execution: Execution, oracles: Sequence[Oracle]) -> Iterator[tuple[object, Sighting]]:
    """What the oracles find, by what makes two violations the same: property, requests, anomaly and cause.

    With the cause, because a weakness that shows more clearly would hide every other one of the same requests.
    """
    findings = list(judged(execution, oracles))
    for finding, identity in zip(findings, identities(execution, findings), strict=True):
        yield (signature(finding), identity), Sighting(finding, execution)


def judged(execution: Execution, oracles: Sequence[Oracle]) -> Iterator[Finding]:
    """What the oracles find in one execution."""
    for oracle in oracles:
        yield from oracle.judge(execution)


def signature(finding: Finding) -> tuple[str, tuple[int, ...]]:
    """What makes two findings of one scenario the same."""
    return finding.oracle, finding.requests
