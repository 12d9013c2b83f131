"""The document of a run: every model with its verdict and scenarios, and the findings, most severe first.

It decides which violation is reported first, and so which gets number 1 in its file's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path

from toctou.counterexample.violation import Violation
from toctou.declaration.isolation import isolation_name
from toctou.reporting.coverage import coverage_document
from toctou.reporting.document import RUN, Document, documented, envelope, stored_as
from toctou.reporting.file_names import report_names
from toctou.reporting.findings import findings, ranked
from toctou.reporting.model_names import portable_target
from toctou.search.result import ModelResult, RunResult, ScenarioResult

Replay = Callable[[Violation], str]
"""The command that shows a violation again, where ``toctou replay`` cannot."""


def documents(
    result: RunResult, directory: Path | None = None, replay: Replay | None = None
) -> tuple[Document, dict[str, Document]]:
    """The document of a run, and those of its violations by the name of their file without suffix, most severe first.

    Args:
        directory: where they are going to be stored, for their replay commands; ``None`` if they are not.
        replay: gives the command instead.
    """
    faults: list[Document] = [_fault("", text) for text in result.faults]
    found = []
    for model in result.models:
        lost: list[str] = []
        found.append([_documented(model, one, lost, replay) for one in model.violations])
        faults += [_fault(model.model, text) for text in (*model.faults, *lost)]
    names = iter(report_names([(model.model, len(model.violations)) for model in result.models]))
    stored: dict[str, Document] = {}
    for of_model in found:
        for one in ranked([document for document in of_model if document is not None]):
            name = next(names)
            file = Path(f"{name}.json")
            where = stored_as(None if directory is None else directory / file, RUN)
            one.update({**where, "report": file.name, **({"replay": one["replay"]} if replay is not None else {})})
            stored[name] = one
    run = {
        **envelope("run"),
        "backend": result.backend,
        "strategy": result.strategy,
        "reads": "strong" if result.reads == 1 else f"eventual:{result.reads}",
        "requests": result.requests,
        "seed": result.seed,
        "seconds": round(result.seconds, 3),
        "findings": findings(list(stored.values())),
        "stored": result.stored and {**asdict(result.stored), "text": str(result.stored)},
        "faults": faults,
        "models": [_model(model, of_model) for model, of_model in zip(result.models, found, strict=True)],
    }
    return run, stored


def _documented(model: ModelResult, violation: Violation, lost: list[str], replay: Replay | None) -> Document | None:
    made = documented(model.model, violation, model.title, lost)
    return made if made is None or replay is None else {**made, "replay": replay(violation)}


def _fault(where: str, text: str) -> Document:
    return {"where": where and portable_target(where), "text": text}


def scenario_document(scenario: ScenarioResult, violations: Sequence[Document | None] = ()) -> Document:
    """What the run's document says about one scenario; ``violations`` are the documents of its violations, in order."""
    return {
        "requests": [str(request) for request in scenario.requests],
        "verdict": str(scenario.verdict),
        "stop_reason": scenario.stop_reason and str(scenario.stop_reason),
        "detail": scenario.detail,
        "schedules": scenario.schedules,
        "redundant": scenario.redundant,
        "interleavings": scenario.interleavings,
        "stands_for": scenario.stands_for,
        "seconds": round(scenario.seconds, 3),
        "violations": [
            _violation(violation, document) for violation, document in zip_longest(scenario.violations, violations)
        ],
    }


def _violation(violation: Violation, document: Document | None) -> Document:
    return {
        "oracle": violation.finding.oracle,
        "anomaly": violation.explanation.anomaly,
        "anomaly_title": violation.explanation.anomaly_title,
        "severity": str(violation.severity.level),
        "schedule": str(violation.execution.schedule),
        "explanation": violation.explanation.headline,
        "found_on": violation.found_on,
        "confirmed_on": violation.confirmed_on,
        "difference": violation.difference,
        "occurrences": violation.occurrences,
        "report": document["report"] if document else "",
    }


def _model(model: ModelResult, found: Sequence[Document | None]) -> Document:
    remaining = iter(found)
    return {
        "model": portable_target(model.model),
        "title": model.title,
        "verdict": str(model.verdict),
        "stop_reason": model.stop_reason and str(model.stop_reason),
        "detail": model.detail,
        "covered": model.covered,
        "isolation": isolation_name(isolated=any(one.isolated for one in model.scenarios)),
        "schedules": model.schedules,
        "seconds": round(model.seconds, 3),
        "unreached": [{"handler": handler, "reason": reason} for handler, reason in model.unreached],
        "remarks": list(model.remarks),
        "coverage": coverage_document(model.coverage),
        "scenarios": [
            scenario_document(scenario, [next(remaining) for _ in scenario.violations]) for scenario in model.scenarios
        ],
    }
