"""Scans a model by an OpenAPI document: drives every operation alone, then explores the pairs that conflict, and concludes.

Pairs of requests that do not conflict are not run: each does what it does alone, whatever the order
(:meth:`~toctou.scan.probe.Alone.conflicts_with`).  An operation is concluded from the scenarios that its requests take part in.
Where one of them violates something, the operation that caused it is violated; the others in it are not verified by that, nor
blamed: what they do together with the mended one is still to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Any

from toctou.checking.check import check
from toctou.counterexample.violation import Violation
from toctou.declaration.app import App
from toctou.declaration.loading import LoadedModel
from toctou.declaration.model import Handler, Model
from toctou.declaration.scenario import Scenario
from toctou.distribution.progress import Progress
from toctou.history.request import Request
from toctou.openapi.document import Document
from toctou.openapi.operations import Operation, Unusable, operations
from toctou.scan.access import Access, Window, access, windows
from toctou.scan.arguments import find
from toctou.scan.probe import Alone, Probe, key_attributes, probing
from toctou.scan.subject import Subject, joined
from toctou.search.options import Options
from toctou.search.result import ModelResult, RunResult, ScenarioResult
from toctou.verdict import Coverage, Evidence, StopReason, Verdict, certify

_SHOWN = 3
_NO_VALUE = "no request of the operation was accepted"


@dataclass(frozen=True, slots=True)
class ScannedOperation:
    """What came out about one operation.

    Attributes:
        operation: of the document.
        handler: of the model that serves it.
        requests: that were made of it, each with its answer when it ran alone.
        accesses: the calls of its most telling request.
        windows: where that request checks and then acts without a guard.
        verdict, stop_reason, detail: see :func:`toctou.verdict.certify`.
        scenarios: how many scenarios its requests took part in.
        schedules: executions of those.
        violations: those that it caused.
        unreached: why no request did what the operation is for; empty if one did.
    """

    operation: Operation
    handler: str
    requests: tuple[Alone, ...]
    accesses: tuple[Access, ...]
    windows: tuple[Window, ...]
    verdict: Verdict
    stop_reason: StopReason | None
    detail: str
    scenarios: int
    schedules: int
    violations: tuple[Violation, ...]
    unreached: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What came out of a scan.

    Attributes:
        document: name and version of the document.
        operations: those that could be driven, in the order of the document.
        unusable: those that could not, and why.
        idle_handlers: handlers of the model that serve no operation of the document.
        pairs: how many pairs of requests there are, and how many of them conflict.
        run: what exploring gave.
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
    known = model.operations() if issubclass(model, App) else operations(document)
    subjects, unusable, idle = joined(model, list(known))
    driven: list[tuple[Subject, list[Alone]]] = []
    with probing(model, options) as probe:
        driven += [(subject, _driven(probe, subject, model)) for subject in subjects]
    alone = [one for _, found in driven for one in found]
    pairs = list(combinations_with_replacement(alone, 2))
    conflicting = [pair for pair in pairs if pair[0].conflicts_with(pair[1])]
    chosen = [Scenario((one.request,)) for one in alone]
    chosen += [Scenario((one.request, other.request)) for one, other in conflicting]
    handlers = {subject.name: _as_seen(subject, found) for subject, found in driven}
    run = check([LoadedModel(loaded.name, _narrowed(model, handlers, chosen))], replace(options, requests=2), progress)
    (result,) = run.models or (None,)
    keys = {table: frozenset(names) for table, names in key_attributes(model).items()}
    return ScanResult(
        document=(document.name, document.version),
        operations=tuple(_concluded(subject, found, result, keys) for subject, found in driven),
        unusable=tuple(unusable),
        idle_handlers=tuple(idle),
        pairs=(len(pairs), len(conflicting)),
        run=run,
    )


def _driven(probe: Probe, subject: Subject, model: type[Model]) -> list[Alone]:
    """The requests of an operation, run alone; richer ones only if the simplest are not accepted."""
    principals = subject.handler.principals if subject.handler.principals is not None else model.principals
    tried: list[Alone] = []

    def make(principal: str, arguments: Mapping[str, Any]) -> Request:
        return Request.of(principal, subject.name, arguments)

    for base in subject.bases:
        found = subject.found(base)
        find(
            probe,
            make,
            found,
            keys=key_attributes(model),
            owner=model.owner,
            principals=list(model.principals),
            fits=subject.fits,
        )
        choices = found.choices(model.principals)
        tried = [probe.run(make(one, arguments)) for arguments in choices for one in principals]
        if any(one.writes for one in tried):  # two writes of the same value would hide which of them was lost
            others = [one for one in found.otherwise(model.principals) if subject.fits(one) and one not in choices]
            tried += [probe.run(make(one, arguments)) for arguments in others for one in principals]
        if any(one.reached or one.fault for one in tried):
            break
    return tried


def _as_seen(subject: Subject, found: Sequence[Alone]) -> Handler:
    """The handler, read-only if it is meant to be and has not been seen to write."""
    return replace(subject.handler, read_only=subject.meant_to_read and not any(one.writes for one in found))


def _narrowed(model: type[Model], handlers: Mapping[str, Handler], chosen: Sequence[Scenario]) -> type[Model]:
    """The model with these handlers and scenarios only; it keeps its name, by which it can be loaded again."""
    members: dict[str, Any] = {
        "__doc__": model.__doc__,
        "__module__": model.__module__,
        "handlers": classmethod(lambda _: dict(handlers)),
        "scenarios": classmethod(lambda _, __: list(chosen)),
    }
    return type(model.__name__, (model,), members)


def _concluded(
    subject: Subject, found: Sequence[Alone], result: ModelResult | None, keys: Mapping[str, frozenset[str]]
) -> ScannedOperation:
    of = [
        one
        for one in (result.scenarios if result else ())
        if any(request.handler == subject.name for request in one.requests)
    ]
    caused = tuple(one for scenario in of for one in scenario.violations if one.cause.handler == subject.name)
    unreached = "" if any(one.reached for one in found) else _why(found, subject.operation.prefix)
    verdict, reason, detail = _judged(subject, of, caused, unreached=unreached, writes=_writes(subject, of, found))
    telling = max(found, key=_telling, default=None)
    calls = telling.operations if telling else ()
    return ScannedOperation(
        operation=subject.operation,
        handler=subject.name,
        requests=tuple(found),
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
    subject: Subject, of: Sequence[ScenarioResult], caused: Sequence[Violation], *, unreached: str, writes: bool
) -> tuple[Verdict, StopReason | None, str]:
    stopped = next((one for one in of if one.stop_reason not in (None, StopReason.NEVER_WRITES)), None)
    others = sorted({one.cause.handler for scenario in of for one in scenario.violations} - {subject.name})
    reason, detail = None, ""
    if stopped is not None:
        reason, detail = stopped.stop_reason, stopped.detail
    elif others and not caused:
        reason = StopReason.TAKES_PART
        detail = f"takes part in what {', '.join(others)} caused; mend that, and scan again"
    elif unreached and not caused:
        reason, detail = StopReason.NOT_REACHED, unreached
    verdict, reason = certify(
        Evidence(
            schedules=sum(one.schedules for one in of),
            coverage=Coverage.EVERYTHING if of and stopped is None else Coverage.NOTHING,
            replayed=0 if stopped else len(of),
            violations=len(caused),
            stop_reason=reason,
            unreached=() if writes else (subject.name,),
        )
    )
    if reason is StopReason.NEVER_WRITES:
        detail = "it never wrote, so nothing that it should guard was at risk; if it is meant only to read, say so in the model"
    return verdict, reason, detail


def _writes(subject: Subject, of: Sequence[ScenarioResult], found: Sequence[Alone]) -> bool:
    """Whether it did what would make a pass mean something."""
    if subject.meant_to_read or any(one.writes for one in found):
        return True
    return bool(of) and not any(one.stop_reason is StopReason.NEVER_WRITES and _named(one, subject.name) for one in of)


def _named(scenario: ScenarioResult, handler: str) -> bool:
    return f"{handler} never reached a write" in scenario.detail


def _telling(alone: Alone) -> tuple[bool, bool, int]:
    return alone.reached, alone.writes, len(alone.operations)


def _why(found: Sequence[Alone], prefix: str) -> str:
    """What was seen instead of success, for a person who has to find out how to ask."""
    if not found:
        return _NO_VALUE
    told = dict.fromkeys(one.fault.partition("\n")[0] or f"{one.request} → {one.response}" for one in found)
    shown = "; ".join(list(told)[:_SHOWN])
    nowhere = prefix and all(one.response is not None and one.response.status == 404 for one in found)
    hint = (
        f"; the document's server is at {prefix}, set base_path in the model if the application is not"
        if nowhere
        else ""
    )
    return f"{_NO_VALUE}: {shown}" + ("; …" if len(told) > _SHOWN else "") + hint
