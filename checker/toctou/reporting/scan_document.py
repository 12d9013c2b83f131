"""The document of a scan: each operation of an API with what it does in DynamoDB, its verdict and its findings.

``reports/scan.schema.json`` describes it.  Findings are those of the run's document, listed by operation instead of by handler.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from toctou.openapi.operations import Operation, Scheme
from toctou.reporting.coverage import counts_words, notable
from toctou.reporting.document import Document, envelope
from toctou.reporting.model_names import portable_target
from toctou.reporting.sarif_rules import weaknesses
from toctou.reporting.source_document import source_document
from toctou.scan.access import Access, Window
from toctou.scan.scanning import Members, ScannedOperation, ScanResult


def scan_document(result: ScanResult, model: str, run: Document) -> Document:
    """The document of a scan.

    Args:
        model: as the command line names it.
        run: the document of the scan's run, which names the reports of its findings.
    """
    name, version = result.document
    total, conflicting = result.pairs
    return {
        **envelope("scan"),
        "document": {"name": name, "openapi": version},
        "model": portable_target(model),
        "backend": result.run.backend,
        "strategy": result.run.strategy,
        "seconds": run["seconds"],
        "pairs": {"total": total, "conflicting": conflicting},
        "remarks": [remark for one in result.run.models for remark in one.remarks],
        "covered": [text for one in run["models"] if one["coverage"] for text in _covered(one["coverage"])],
        "operations": [_operation(one, run["findings"]) for one in result.operations],
        "unusable": [{"operation": one.id, "name": one.name, "reason": one.reason} for one in result.unusable],
        "idle_handlers": list(result.idle_handlers),
    }


def _covered(coverage: Document) -> Iterator[str]:
    """What its verdicts rest on, as sentences."""
    yield counts_words(coverage)
    if line := notable(coverage):
        yield line


def _operation(scanned: ScannedOperation, findings: Sequence[Document]) -> Document:
    operation = scanned.operation
    return {
        "operation": operation.id,
        "name": operation.name,
        "method": operation.method,
        "path": operation.prefix + operation.path,
        "where": operation.where,
        "handler": scanned.handler,
        "security": [" and ".join(map(_scheme, alternative)) for alternative in operation.security],
        "requests": [
            {
                "request": str(one.request),
                "answer": "" if one.response is None else str(one.response),
                "fault": one.fault,
                "members": list(one.members),
                "explored": one.explored,
            }
            for one in scanned.requests
        ],
        "optional": list(scanned.optional),
        "members": _members(scanned.members),
        "undocumented": _undocumented(operation, scanned),
        "accesses": [_access(one) for one in scanned.accesses],
        "windows": [_window(one) for one in scanned.windows],
        "verdict": str(scanned.verdict),
        "stop_reason": None if scanned.stop_reason is None else str(scanned.stop_reason),
        "detail": scanned.detail,
        "scenarios": scanned.scenarios,
        "schedules": scanned.schedules,
        "unreached": scanned.unreached,
        "findings": [
            {**one, "weaknesses": [f"CWE-{number}" for number in weaknesses(one)]}
            for one in findings
            if scanned.handler in one.get("handlers", (one["handler"],))
        ],
    }


def _members(members: Members) -> Document:
    lists = {one: [list(names) for names in getattr(members, one)] for one in ("explored", "alone", "refused")}
    return {**lists, "unsent": list(members.unsent), "pairs": members.pairs}


def _undocumented(operation: Operation, scanned: ScannedOperation) -> list[str]:
    """Statuses that were answered and that the document does not describe."""
    documented = set(operation.statuses)
    seen = {str(one.response.status) for one in scanned.requests if one.response is not None}
    if not documented or "default" in documented:
        return []
    return sorted(one for one in seen if one not in documented and f"{one[0]}XX" not in documented)


def _scheme(scheme: Scheme) -> str:
    place = f" in {scheme.location} {scheme.key}" if scheme.key else ""
    return f"{scheme.name} ({scheme.kind}{place})"


def _access(access: Access) -> Document:
    names = {one: list(getattr(access, one)) for one in ("items", "reads", "conditions", "writes")}
    return {"action": access.action, **names, "source": source_document(access.source)}


def _window(window: Window) -> Document:
    return {**asdict(window), "unchecked": list(window.unchecked), "condition": list(window.condition)}
