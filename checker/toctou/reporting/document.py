"""The document of a violation: everything that any report says about it, as plain JSON.

It decides what a report contains; renderers read nothing else, so a report that was stored can be rendered again
later, elsewhere, by a newer renderer.  ``reports/run.schema.json`` and ``reports/violation.schema.json`` describe its
two kinds.

A violation's document is self-contained: ``replay`` needs nothing but it and the handler's code.  Documents are
stable: the same violation gives the same bytes on every machine.  No path is absolute, and wall time appears only
under ``seconds`` in the run's document.  Operations are named by the request's letter and their number in it, from 1:
``A.1``.  Values are written as :mod:`toctou.reporting.encoding` says.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

from toctou.analysis.accesses import accessed
from toctou.analysis.explain import unexplained
from toctou.analysis.explanation import Edge, Explanation
from toctou.analysis.threads import threads
from toctou.analysis.versions import Versions
from toctou.counterexample.violation import Violation
from toctou.declaration.isolation import isolation_name
from toctou.errors import contained
from toctou.history.finding import Finding
from toctou.history.footprint import ALL, EXISTENCE, Attributes
from toctou.history.item import Image
from toctou.history.operation import Execution, Operation, StoredImages
from toctou.history.output import Written
from toctou.history.request import HandlerException, Request, Response, label
from toctou.history.wording import attribute_words
from toctou.reporting import summary
from toctou.reporting.causes import cause_document
from toctou.reporting.code import excerpts
from toctou.reporting.encoding import encode
from toctou.reporting.model_names import portable_target, relative_path
from toctou.reporting.remedy_document import remedy_document
from toctou.reporting.source_document import source_document

FORMAT = 3
"""Version of both kinds of document; a change that an old reader would misread makes it the next number."""

Document = dict[str, Any]
"""A document, or a part of one, as JSON holds it."""

RUN = "run.json"
"""What the document of a run is called; it lists the files of the run."""


def violation_document(model: str, violation: Violation, *, title: str = "", report: Path | None = None) -> Document:
    """The document of one violation.

    Args:
        model: the model as the command line names it, for ``replay``.
        title: first line of the model's docstring.
        report: where the document is going to be stored, for the replay command; ``None`` if it is not.
    """
    execution = violation.execution
    names = operation_names(execution)
    cause = cause_document(portable_target(model), violation.cause, execution, names)
    return {
        **envelope("violation"),
        "model": portable_target(model),
        "title": title,
        **stored_as(report),
        "severity": {**asdict(violation.severity), "level": str(violation.severity.level)},
        "cause": cause,
        "requests": [_request(index, request) for index, request in enumerate(execution.requests)],
        "initial": _stored(execution.initial),
        "left_out": _stored(execution.left_out),
        "schedule": str(execution.schedule),
        "steps": _steps(violation, names),
        "responses": [
            _response(index, response, execution.endings[index]) for index, response in enumerate(execution.responses)
        ],
        "final": _stored(execution.final),
        **({"output": _output(execution, names)} if execution.output else {}),
        **({"code": code} if (code := [*excerpts(cause)]) else {}),
        "finding": _finding(violation.finding, names),
        "explanation": _explanation(violation, names),
        **remedy_document(violation, names),
        "isolation": isolation_name(isolated=execution.isolated),
        "found_on": violation.found_on,
        "confirmed_on": violation.confirmed_on,
        "difference": violation.difference,
        "occurrences": violation.occurrences,
    }


def documented(model: str, violation: Violation, title: str, faults: list[str]) -> Document | None:
    """The document of one violation, or of as much of it as can be made.

    Args:
        model, title: see :func:`violation_document`.
        faults: receives the text if not even that can be made, and ``None`` is returned.
    """
    bare = replace(violation, explanation=unexplained(violation.execution, violation.finding))
    for one in (violation, bare):
        found: list[str] = []
        document = contained("the report", partial(violation_document, model, one, title=title), None, found)
        if document is not None:
            return with_faults(document, [*violation.faults, *faults])
        faults += found
    return None


def with_faults(document: Document, faults: Sequence[str]) -> Document:
    """The document of a violation, with the texts of faults of ours if there are any, which is seldom."""
    return {**document, "faults": [*document.get("faults", ()), *faults]} if faults else document


def operation_names(execution: Execution) -> tuple[str, ...]:
    """What each operation is called in a report: ``A.1``, ``B.1``, ``A.2``, …"""
    return tuple(f"{label(one.request)}.{one.number + 1}" for one in execution.operations)


def envelope(kind: str) -> Document:
    """How every document begins."""
    return {"kind": kind, "format": FORMAT, "toctou": _version()}


@cache
def _version() -> str:
    try:
        return metadata.version("toctou")
    except metadata.PackageNotFoundError:
        return "unknown"


def replay_command(report: Path) -> str:
    """What to paste into a terminal for a violation that is stored there."""
    return f"toctou replay {shlex.quote(relative_path(report))}"


def stored_as(report: Path | None, run: str = "") -> Document:
    """What a violation's document says about where it is.

    Args:
        report: its file; ``None`` if it is not stored.
        run: name of the file of its run, in the same folder; ``""`` if there is none.
    """
    if report is None:
        return {"report": "", "replay": "", "home": "", "run": ""}
    return {"report": report.name, "replay": replay_command(report), "home": _home_of(report), "run": run}


def _home_of(report: Path) -> str:
    """The way from a report's folder to the working directory, from which its model is named."""
    try:
        return PurePath(os.path.relpath(Path.cwd(), report.parent)).as_posix()
    except ValueError:  # on another drive
        return ""


RUN = "run.json"
"""What the document of a run is called; it lists the files of the run."""


def _request(index: int, request: Request) -> Document:
    return {
        "letter": label(index),
        "principal": request.principal,
        "handler": request.handler,
        "arguments": {name: encode(value) for name, value in request.arguments},
        "text": str(request),
    }


def _response(index: int, response: Response, after: int) -> Document:
    return {
        "request": label(index),
        "status": response.status,
        "body": encode(response.body),
        **({"headers": [list(one) for one in response.headers]} if response.headers else {}),
        "exception": _exception(response.exception),
        "text": str(response),
        "after": after,
    }


def _output(execution: Execution, names: Sequence[str]) -> list[Document]:
    """What the requests wrote, in time; what comes before a request's first operation is a part of that step."""
    steps = {(one.request, one.number + 1): at for at, one in enumerate(execution.operations)}

    def moment(one: Written) -> float:
        after = steps.get((one.request, one.after))
        return steps.get((one.request, 1), len(steps)) - 0.5 if after is None else after

    return [
        {
            "request": label(one.request),
            "step": names[steps[one.request, one.after]] if one.after else None,
            "stream": one.stream,
            "text": one.text,
        }
        for one in sorted(execution.output, key=moment)
    ]


def _exception(exception: HandlerException | None) -> Document | None:
    if exception is None:
        return None
    return {"type": exception.type, "message": exception.message, "source": source_document(exception.source)}


def _stored(items: StoredImages) -> Document:
    return {table: [encode(image) for image in images] for table, images in sorted(items.items())}


def _steps(violation: Violation, names: Sequence[str]) -> list[Document]:
    focus = _focus(violation.explanation)
    witness = set(violation.explanation.witness)
    wrong = set(violation.finding.operations) or _offender(violation)
    versions = Versions(violation.execution)
    of_threads = threads(violation.execution)
    return [
        {
            **_step(operation, names[position], focus, _held(versions, operation, position)),
            **({"thread": of_threads[position]} if position in of_threads else {}),
            "witness": position in witness,
            "wrong": position in wrong,
        }
        for position, operation in enumerate(violation.execution.operations)
    ]


def _offender(violation: Violation) -> set[int]:
    """The write that closes the cycle: harmless if it had been made when the read that led to it was made."""
    cycle, write = violation.explanation.cycle, violation.cause.write_at
    operations = violation.execution.operations
    closes = cycle and write == cycle[-1].later and operations[write].error is None
    return {write} if closes and write is not None else set()


def _held(versions: Versions, operation: Operation, position: int) -> Image | None:
    """The one item that an operation was to write, as it was left."""
    item = None if operation.error else summary.only_written(operation)
    return None if item is None else versions.at(item, position + 1)


def _step(operation: Operation, name: str, focus: summary.Focus, held: Image | None) -> Document:
    target, outcome = summary.target(operation), summary.outcome(operation, focus, held)
    error = operation.error
    return {
        "name": name,
        "request": label(operation.request),
        "number": operation.number + 1,
        "action": operation.action,
        "target": target,
        "outcome": outcome,
        "summary": " ".join(part for part in (operation.action, target, outcome) if part),
        "parameters": encode(operation.parameters),
        "result": None if operation.result is None else encode(_without_metadata(operation.result)),
        "error": error and {"code": error.code, "message": error.message, "fields": encode(error.fields)},
        "looked_at": _looked_at(operation),
        "changes": [
            {"item": summary.visible(str(one.item)), "before": encode(one.before), "after": encode(one.after)}
            for one in operation.changes
        ],
        "source": source_document(operation.source),
        **({"stack": [source_document(one) for one in operation.stack]} if operation.stack else {}),
    }


def _looked_at(operation: Operation) -> list[Document] | None:
    found = [
        {
            "item": "" if one.item is None else summary.visible(str(one.item)),
            "attributes": list(attribute_words(_foremost(one.attributes))),
            "by": one.by,
        }
        for one in accessed(operation)
    ]
    return found if found or operation.accessed is not None else None


def _foremost(attributes: Attributes) -> Attributes:
    return attributes & {ALL, EXISTENCE} if ALL in attributes else attributes


def _without_metadata(result: Mapping[str, Any]) -> dict[str, Any]:
    # request identifiers and dates: they differ from run to run and say nothing about the race
    return {name: value for name, value in result.items() if name != "ResponseMetadata"}


def _focus(explanation: Explanation) -> summary.Focus:
    focus: dict[str, frozenset[str]] = {}
    for edge in explanation.cycle or explanation.edges:
        if edge.item:
            focus[edge.item] = focus.get(edge.item, frozenset()) | set(edge.attributes)
    if explanation.anomaly == "aba" and explanation.cycle:
        focus[explanation.cycle[0].item] |= frozenset(explanation.decided)
    return focus


def _finding(finding: Finding, names: Sequence[str]) -> Document:
    return {
        "oracle": finding.oracle,
        "own": finding.own,
        "statement": _sentence(finding.statement),
        "requests": [label(index) for index in finding.requests],
        "operations": [names[position] for position in finding.operations],
    }


def _sentence(text: str) -> str:
    # the oracle's own words may begin a sentence with a capital; a name from the handler is left as it is
    return text[:1].upper() + text[1:] if text.startswith(("no ", "afterwards ", "the rule ")) else text


def _explanation(violation: Violation, names: Sequence[str]) -> Document:
    explanation, closest = violation.explanation, violation.finding.closest
    best = explanation.remedies[0] if violation.remedy is None and explanation.remedies else None
    remedy = violation.remedy.remedy.text if violation.remedy else best.text if best else ""
    return {
        "anomaly": explanation.anomaly,
        "anomaly_title": explanation.anomaly_title,
        "source": explanation.source,
        "headline": explanation.headline,
        "decision": explanation.decision,
        "decided": list(explanation.decided),
        "remedy": remedy,
        "edges": [_edge(edge, names) for edge in explanation.edges],
        "witness": [names[position] for position in explanation.witness],
        "cycle": [_edge(edge, names) for edge in explanation.cycle],
        "contradiction": explanation.contradiction,
        "closest": closest
        and {
            "order": [label(index) for index in closest.requests],
            "explained": closest.explained,
            "contradiction": closest.contradiction,
        },
        **({"traceback": [source_document(one) for one in explanation.traceback]} if explanation.traceback else {}),
    }


def _edge(edge: Edge, names: Sequence[str]) -> Document:
    ends = {"earlier": names[edge.earlier], "later": names[edge.later]}
    return {**asdict(edge), "kind": str(edge.kind), **ends, "attributes": list(edge.attributes)}
