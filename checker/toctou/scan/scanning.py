"""Scans a model by an OpenAPI document: runs every operation alone, then explores the pairs of requests that conflict.

Pairs without a conflict are not run (:meth:`~toctou.scan.probe.SoloRun.conflicts_with`).  An operation's verdict follows from
the scenarios with its requests.  A violation counts against the operation that caused it; the other operations of the scenario
are neither violated nor verified, because how they behave after the fix is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, combinations_with_replacement
from typing import Any

from toctou.checking.check import check
from toctou.counterexample.violation import Violation
from toctou.declaration.app import App
from toctou.declaration.arguments import Form
from toctou.declaration.loading import LoadedModel
from toctou.declaration.model import Handler, Model, check_model
from toctou.declaration.scenario import Scenario
from toctou.distribution.progress import Progress
from toctou.errors import DocumentError, contained
from toctou.history.request import Request
from toctou.openapi.document import Document
from toctou.openapi.operations import Operation, Unusable, operations
from toctou.scan.access import Access, Window, access, windows
from toctou.scan.arguments import find, satisfying
from toctou.scan.probe import Probe, SoloRun, key_attributes, probing
from toctou.scan.subject import Subject, match_operations
from toctou.search.options import Options
from toctou.search.result import ModelResult, RunResult, ScenarioResult
from toctou.verdict import Coverage, Evidence, StopReason, Verdict, certify

MOST_EXPLORED = 12
"""Requests of an operation that are explored besides those of its first form."""

_SHOWN = 3
# A scan says by itself what its requests have not done.
_VACUOUS = (None, StopReason.NEVER_WRITES, StopReason.NEVER_CALLED, StopReason.NOT_REACHED)
_NO_VALUE = "no request of the operation was accepted"


@dataclass(frozen=True, slots=True)
class ScannedOperation:
    """The result for one operation.

    Attributes:
        operation: of the document.
        handler: the model's handler that serves it.
        requests: its solo runs.
        optional: the optional arguments that its requests may have.
        accesses: the calls of its most informative request.
        windows: where that request checks and then acts without an atomic condition.
        verdict, stop_reason, detail: see :func:`toctou.verdict.certify`.
        scenarios: how many scenarios contain its requests.
        schedules: executions of those scenarios.
        violations: those it caused.
        unreached: why no request succeeded; empty if one did.
    """

    operation: Operation
    handler: str
    requests: tuple[SoloRun, ...]
    optional: tuple[str, ...]
    accesses: tuple[Access, ...]
    windows: tuple[Window, ...]
    verdict: Verdict
    stop_reason: StopReason | None
    detail: str
    scenarios: int
    schedules: int
    violations: tuple[Violation, ...]
    unreached: str

    @property
    def members(self) -> Members:
        """Which optional arguments its requests had."""
        reached = [one for one in self.requests if one.reached]
        explored = dict.fromkeys(one.members for one in reached if one.explored)
        alone = dict.fromkeys(one.members for one in reached if one.members not in explored)
        accepted = {*explored, *alone}
        sets = {frozenset(one) for one in accepted}
        needed = frozenset.intersection(*sets) if sets else frozenset[str]()
        refused = dict.fromkeys(one.members for one in self.requests if one.members not in accepted)
        return Members(
            explored=tuple(explored),
            alone=tuple(alone),
            refused=tuple(refused),
            unsent=tuple(one for one in self.optional if not any(one in members for members in accepted)),
            pairs=sum(needed.union(pair) not in sets for pair in combinations(self.optional, 2)),
        )


@dataclass(frozen=True, slots=True)
class Members:
    """Which optional arguments the requests of an operation had; each entry is a set of names, none included.

    Attributes:
        explored: accepted, and run concurrently with what they conflict with: a verdict holds for these.
        alone: accepted, and only run alone, because they act like an explored one, or because there are too many.
        refused: never accepted.
        unsent: the optional arguments that no accepted request had.
        pairs: how many pairs of optional arguments no accepted request had without a third that could be left out.
    """

    explored: tuple[tuple[str, ...], ...]
    alone: tuple[tuple[str, ...], ...]
    refused: tuple[tuple[str, ...], ...]
    unsent: tuple[str, ...]
    pairs: int


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The result of a scan.

    Attributes:
        document: name and version of the document.
        operations: those that could be run, in document order.
        unusable: those that could not, and why.
        idle_handlers: handlers of the model that serve no operation of the document.
        pairs: how many pairs of requests there are, and how many of them conflict.
        run: the result of exploring.
    """

    document: tuple[str, str]
    operations: tuple[ScannedOperation, ...]
    unusable: tuple[Unusable, ...]
    idle_handlers: tuple[str, ...]
    pairs: tuple[int, int]
    run: RunResult


def scan(loaded: LoadedModel, document: Document, options: Options, progress: Progress | None = None) -> ScanResult:
    """Scan the operations of a document that the handlers of a model serve.

    Raises:
        BadInput: the document or the model cannot be used.
    """
    model = loaded.model
    if issubclass(model, App):
        model.require_application()
    check_model(model, by_itself=False)
    declared = model.operations() if issubclass(model, App) else operations(document)
    subjects, unusable, idle = match_operations(model, list(declared))
    if not subjects:
        raise _nothing_to_drive(document, unusable)
    probed: list[tuple[Subject, list[SoloRun]]] = []
    faults: dict[str, list[str]] = {subject.name: [] for subject in subjects}
    none: list[SoloRun] = []
    with probing(model, options) as probe:
        for subject in subjects:
            trial = partial(_probed, probe, subject, model)
            probed.append((subject, contained(f"the trial of {subject.name}", trial, none, faults[subject.name])))
    solo = [one for _, found in probed for one in found if one.explored]
    pairs = list(combinations_with_replacement(solo, 2))
    conflicting = [pair for pair in pairs if pair[0].conflicts_with(pair[1])]
    # Each request alone too: it can violate a property without any concurrency.
    chosen = [Scenario((one.request,)) for one in solo]
    chosen += [Scenario((one.request, other.request)) for one, other in conflicting]
    handlers = {subject.name: _as_observed(subject, found) for subject, found in probed}
    run = check([LoadedModel(loaded.name, _narrowed(model, handlers, chosen))], replace(options, requests=2), progress)
    (result,) = run.models or (None,)
    keys = {table: frozenset(names) for table, names in key_attributes(model).items()}
    return ScanResult(
        document=(document.name, document.version),
        operations=tuple(
            _result_or_fault(subject, found, result, keys, faults[subject.name]) for subject, found in probed
        ),
        unusable=tuple(unusable),
        idle_handlers=tuple(idle),
        pairs=(len(pairs), len(conflicting)),
        run=replace(run, faults=(*run.faults, *(fault for of_one in faults.values() for fault in of_one))),
    )


def _nothing_to_drive(document: Document, unusable: Sequence[Unusable]) -> DocumentError:
    for one in unusable:
        if one.fault is not None:
            return one.fault
    reasons = "; ".join(f"{one.name}: {one.reason}" for one in unusable[:_SHOWN])
    return DocumentError(
        f"no operation of {document.name} can be driven" + (f": {reasons}" if reasons else ": it has none"),
        expected="`paths` with at least one operation that the model serves, and whose requests can be made",
        cause="another document than that of the model, or one whose paths are elsewhere",
        remedy="name the document that describes the model's operations",
    )


def _result_or_fault(
    subject: Subject,
    found: Sequence[SoloRun],
    result: ModelResult | None,
    keys: Mapping[str, frozenset[str]],
    faults: list[str],
) -> ScannedOperation:
    """The result of an operation; nothing is concluded of one in which a fault of ours has occurred."""
    whole = partial(_result_of, subject, found, result, keys)
    scanned = contained(f"the conclusion on {subject.name}", whole, None, faults)
    verdict, reason = certify(Evidence(0, Coverage.NOTHING, 0, 0, StopReason.INTERNAL_ERROR))
    if scanned is None:
        return ScannedOperation(
            operation=subject.operation,
            handler=subject.name,
            requests=tuple(found),
            optional=(),
            accesses=(),
            windows=(),
            verdict=verdict,
            stop_reason=reason,
            detail=faults[0],
            scenarios=0,
            schedules=0,
            violations=(),
            unreached="",
        )
    if faults and not scanned.violations:
        return replace(scanned, verdict=verdict, stop_reason=reason, detail=faults[0])
    return scanned


def _probed(probe: Probe, subject: Subject, model: type[Model]) -> list[SoloRun]:
    """The solo runs of an operation, marked by whether they are to be explored.

    Of the first form of requests that is accepted all are, and of the one with most members that writes; of the others, those
    that act differently from all before, as far as :data:`MOST_EXPLORED` allows.  What is concluded holds for those only.
    """
    of_forms = [(form, _of_form(probe, subject, model, form)) for form in subject.forms]
    more = subject.forms_with(needed) if (needed := _needed(of_forms, subject)) else []
    of_forms += [(form, _of_form(probe, subject, model, form)) for form in more if form not in subject.forms]
    accepted = [entry for entry in of_forms if any(one.reached or one.fault for one in entry[1])]
    writing = [entry for entry in accepted if any(one.writes and one.reached for one in entry[1])]
    base = (accepted or of_forms)[0][1]
    largest = max(writing, key=lambda entry: len(entry[0].members))[1] if writing else base
    patterns, chosen = {run.pattern for run in base}, {id(run) for run in base}
    chosen |= {id(run) for run in largest if run.reached or run.pattern not in patterns}
    patterns |= {run.pattern for run in largest}
    most = len(chosen) + MOST_EXPLORED
    runs = [run for _, found in of_forms for run in found]
    for run in sorted(runs, key=lambda one: (not one.fault, not one.writes, not one.reached)):
        if run.pattern not in patterns and len(chosen) < most:
            patterns.add(run.pattern)
            chosen.add(id(run))
    return [replace(run, explored=id(run) in chosen) for run in runs]


def _needed(of_forms: Sequence[tuple[Form, Sequence[SoloRun]]], subject: Subject) -> frozenset[str]:
    """The optional arguments without which every request was refused, if there are others to combine them with."""
    accepted = [frozenset(form.members) for form, runs in of_forms if any(one.reached for one in runs)]
    needed = frozenset.intersection(*accepted) if accepted else frozenset[str]()
    return needed if len(needed) < len(subject.optional) else frozenset()


def _of_form(probe: Probe, subject: Subject, model: type[Model], form: Form) -> list[SoloRun]:
    principals = subject.handler.principals if subject.handler.principals is not None else model.principals
    known = subject.known_arguments(form)

    def make(principal: str, arguments: Mapping[str, Any]) -> Request:
        return Request.of(principal, subject.name, arguments)

    find(
        probe,
        make,
        known,
        keys=key_attributes(model),
        owner=model.owner,
        principals=list(model.principals),
        fits=subject.fits,
    )
    choices = [
        satisfying(probe, make, known, one, principals=principals, fits=subject.fits)
        for one in known.choices(model.principals)
    ]
    tried = [probe.run(make(one, arguments)) for arguments in choices for one in principals]
    if any(one.writes for one in tried):  # two writes of the same value would hide which of them was lost
        others = [one for one in map(known.variation, choices) if subject.fits(one) and one not in choices]
        tried += [probe.run(make(one, arguments)) for arguments in others for one in principals]
    return [replace(one, members=form.members) for one in tried]


def _as_observed(subject: Subject, found: Sequence[SoloRun]) -> Handler:
    """The handler, marked read-only if it is meant to be and was not observed to write."""
    return replace(subject.handler, read_only=subject.meant_to_read and not any(one.writes for one in found))


def _narrowed(model: type[Model], handlers: Mapping[str, Handler], chosen: Sequence[Scenario]) -> type[Model]:
    """The model with these handlers and scenarios only; it keeps its name, so that findings can be replayed."""
    members: dict[str, Any] = {
        "__doc__": model.__doc__,
        "__module__": model.__module__,
        "handlers": classmethod(lambda _: dict(handlers)),
        "scenarios": classmethod(lambda _, __: list(chosen)),
    }
    return type(model.__name__, (model,), members)


def _result_of(
    subject: Subject, found: Sequence[SoloRun], result: ModelResult | None, keys: Mapping[str, frozenset[str]]
) -> ScannedOperation:
    of = [
        one
        for one in (result.scenarios if result else ())
        if any(request.handler == subject.name for request in one.requests)
    ]
    caused = tuple(one for scenario in of for one in scenario.violations if one.cause.handler == subject.name)
    unreached = "" if any(one.reached for one in found) else _why(found, subject.operation.prefix)
    called = any(one.reached and one.operations for one in found)
    verdict, reason, detail = _judged(
        subject, of, caused, unreached=unreached, called=called, writes=_writes(subject, of, found)
    )
    richest = max(found, key=_information, default=None)
    calls = richest.operations if richest else ()
    return ScannedOperation(
        operation=subject.operation,
        handler=subject.name,
        requests=tuple(found),
        optional=subject.optional,
        accesses=tuple(access(one, keys) for one in calls),
        windows=tuple(windows(calls, keys)),
        verdict=verdict,
        stop_reason=reason,
        detail=detail,
        scenarios=sum(one.stands_for for one in of),
        schedules=sum(one.schedules for one in of),
        violations=caused,
        unreached=unreached,
    )


def _judged(
    subject: Subject,
    of: Sequence[ScenarioResult],
    caused: Sequence[Violation],
    *,
    unreached: str,
    called: bool,
    writes: bool,
) -> tuple[Verdict, StopReason | None, str]:
    stopped = next((one for one in of if one.stop_reason not in _VACUOUS), None)
    others = sorted({one.cause.handler for scenario in of for one in scenario.violations} - {subject.name})
    reason, detail = None, ""
    if stopped is not None:
        reason, detail = stopped.stop_reason, stopped.detail
    elif unreached and not caused:
        reason, detail = StopReason.NOT_REACHED, unreached
    elif not called and not caused:
        reason, detail = StopReason.NEVER_CALLED, "no accepted request of it called DynamoDB, so nothing was explored"
    verdict, reason = certify(
        Evidence(
            schedules=sum(one.schedules for one in of),
            coverage=Coverage.EVERYTHING if of and stopped is None else Coverage.NOTHING,
            replayed=0 if stopped else len(of),  # a scenario that was explored completely has been replayed
            violations=len(caused),
            stop_reason=reason,
            vacuous=None if writes else StopReason.NEVER_WRITES,
        )
    )
    if reason is StopReason.NEVER_WRITES:
        detail = (
            "it never wrote, so no race was possible; if it is meant only to read, declare it `read_only` in the model"
        )
    elif others and not caused and not detail:
        detail = f"correct by itself; it takes part in the finding in {', '.join(others)}, where the fault is"
    return verdict, reason, detail


def _writes(subject: Subject, of: Sequence[ScenarioResult], found: Sequence[SoloRun]) -> bool:
    """Whether it wrote, or is not meant to: otherwise a pass would be vacuous."""
    if subject.meant_to_read or any(one.writes for one in found):
        return True
    return bool(of) and not any(
        one.stop_reason is StopReason.NEVER_WRITES and _names_handler(one, subject.name) for one in of
    )


def _names_handler(scenario: ScenarioResult, handler: str) -> bool:
    # The result has no field for the handlers that never wrote; this is the text that `checking` gives them.
    return f"{handler} never reached a write" in scenario.detail


def _information(run: SoloRun) -> tuple[bool, bool, int]:
    return run.reached, run.writes, len(run.operations)


def _why(found: Sequence[SoloRun], prefix: str) -> str:
    """What was observed instead of success, to help find a request that is accepted."""
    if not found:
        return _NO_VALUE
    outcomes = dict.fromkeys(one.fault.partition("\n")[0] or f"{one.request} → {one.response}" for one in found)
    shown = "; ".join(list(outcomes)[:_SHOWN])
    reason = f"{_NO_VALUE}: {shown}" + ("; …" if len(outcomes) > _SHOWN else "")
    if prefix and all(one.response is not None and one.response.status == 404 for one in found):
        reason += f"; the document's server is at {prefix}: if the application is elsewhere, set base_path in the model"
    return reason
