"""The oracles of a model, and what they find in an execution; a new oracle is a line in :data:`ORACLES`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from typing import NamedTuple, NoReturn

from toctou.analysis.explain import Identity, identities
from toctou.declaration.model import Handler, Model, bound, made
from toctou.declaration.signatures import parameters
from toctou.errors import InternalError, contained
from toctou.history.finding import Finding
from toctou.history.footprint import dependent
from toctou.history.operation import Execution
from toctou.history.request import Request, Response
from toctou.oracles.exactly_once import ExactlyOnce
from toctou.oracles.ignored import Ignored
from toctou.oracles.invariant import Invariant
from toctou.oracles.linearizability import Linearizability
from toctou.oracles.no_exception import NoException
from toctou.oracles.no_partial_effect import NoPartialEffect
from toctou.oracles.oracle import Observes, Oracle, Ordered, ask
from toctou.oracles.overwrites import Overwrites
from toctou.oracles.ownership import Ownership
from toctou.oracles.refusals import Refusals
from toctou.oracles.serial_runs import Serial, SerialRuns, Vary
from toctou.scheduling.dependence import Dependent, Remembered, in_order, writes_in_order
from toctou.web.event_sources import delivered_again, without_failures


class Judged(NamedTuple):
    """What oracles are made for."""

    model: type[Model]
    instance: Model
    serial: Serial
    vary: Vary | None


def _ownership(judged: Judged) -> Iterator[Oracle]:
    model, owns = judged.model, judged.instance.owns
    if model.owns is not Model.owns:
        tables = [str(table.parameters["TableName"]) for table in model.tables]
        whole = len(parameters(model.owns)) > len(("principal", "item"))
        yield Ownership(owns, model.owner, tables=tables if whole else None)
    elif model.owner is not None:
        # Nobody owns what an event does; a principal of that name is somebody.
        nobody = {one for each in model.handlers().values() for one in each.acts_for_nobody} - {*model.principals}
        yield Ownership(
            lambda principal, item: principal in nobody or owns(principal, item), model.owner, by_owner=True
        )


def _exactly_once(judged: Judged) -> Iterator[Oracle]:
    if redelivered := _redelivered(judged):
        ignored, refusals = _ignored(judged), _refusals(judged)
        runs = SerialRuns(judged.serial, refusals, ignored=ignored, vary=judged.vary)
        yield ExactlyOnce(redelivered, runs, delivered_again, refusals)


def _redelivered(judged: Judged) -> list[str]:
    return [name for name, one in judged.model.handlers().items() if one.redelivered]


def _refusals(judged: Judged) -> Refusals:
    model = judged.model
    retryable = partial(_retryable, judged, model.handlers())
    return Refusals(retryable, exact=model.refusals == "exact", redelivered=_redelivered(judged))


def _ignored(judged: Judged) -> Ignored:
    return Ignored(judged.model.ignore, without_failures if _redelivered(judged) else None)


def _linearizability(judged: Judged) -> Iterator[Oracle]:
    model, ignored, refusals = judged.model, _ignored(judged), _refusals(judged)
    if model.reference is None:
        yield SerialRuns(judged.serial, refusals, ignored=ignored, vary=judged.vary)
    else:
        yield Linearizability(model.reference, refusals, ignored=ignored)


def _retryable(judged: Judged, handlers: Mapping[str, Handler], request: Request, response: Response) -> bool:
    of_handler = handlers[request.handler].retryable
    rule = judged.model.retryable if of_handler is None else of_handler
    if not callable(rule):
        return response.status in rule
    return bool(ask("`retryable` of the model", bound(rule, judged.instance), response))


def _invariants(judged: Judged) -> Iterator[Oracle]:
    for name, rule in judged.model.invariants().items():
        meaning = (rule.predicate.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        takes = parameters(rule.predicate)[1:]
        yield Invariant(name, bound(rule.predicate, judged.instance), rule.at, meaning, takes)


ORACLES: list[Callable[[Judged], Iterable[Oracle]]] = [
    _ownership,
    _exactly_once,
    _linearizability,
    lambda judged: [NoPartialEffect(_redelivered(judged))],
    lambda judged: [NoException(_redelivered(judged), judged.serial)],
    lambda judged: [Overwrites(violation=judged.model.overwrites == "violation")],
    _invariants,
]
"""The oracles of a model, in the order of reports."""


def oracles_of(model: type[Model], serial: Serial, vary: Vary | None = None) -> list[Oracle]:
    """The oracles for one scenario of a model, whose requests ``serial`` runs one after the other, and ``vary`` once more."""
    judged = Judged(model, made(model), serial, vary)
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
    # Where naming fails, so will the explanation, which then says so.
    unnamed: list[Identity] = [("", "", None, None)] * len(findings)
    named = contained("names of anomalies", lambda: identities(execution, findings), unnamed, [])
    for finding, identity in zip(findings, named, strict=True):
        yield (signature(finding), identity), Sighting(finding, execution)


def judged(execution: Execution, oracles: Sequence[Oracle]) -> Iterator[Finding]:
    """What the oracles find in one execution."""
    for oracle in oracles:
        yield from oracle.judge(execution)


def signature(finding: Finding) -> tuple[str, tuple[int, ...]]:
    """What makes two findings of one scenario the same."""
    return finding.oracle, finding.requests
