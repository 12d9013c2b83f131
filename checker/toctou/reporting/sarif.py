"""Findings as SARIF 2.1.0, for code scanning: one result per cause, at the handler's own line that decides.

Rules are the patterns (:mod:`toctou.reporting.sarif_rules`).  A read and a write that are reached through other functions are
related locations, with the stacks that lead there.  The code flow follows the schedule: the checker does run all requests on one
thread, so one thread flow holds every operation, in the order in which they took effect.  A result's fingerprint is that of its
cause, which moved lines and edits elsewhere do not change; GitHub only goes by the one that it calls ``primaryLocationLineHash``.

Source: OASIS, *Static Analysis Results Interchange Format 2.1.0*, https://docs.oasis-open.org/sarif/sarif/v2.1.0/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import quote

from toctou.reporting.document import Document
from toctou.reporting.findings import findings_in
from toctou.reporting.fixes import fixes_of
from toctou.reporting.places import decides, model_file, place_of, stack_of
from toctou.reporting.remedies import remedy_of, remedy_title
from toctou.reporting.renderer import KINDS, Renderer
from toctou.reporting.sarif_rules import LEVELS, message, rule, taxon, taxonomy, weaknesses
from toctou.reporting.summary import visible
from toctou.reporting.titles import finding_title

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_RESULTS, MOST_STEPS = 25_000, 1_000
"""Of a run, and of a code flow; GitHub takes no more."""

_FINGERPRINT = "toctouCause/v2"


def render(document: Document) -> str:
    """A log with one result per finding, most severe first; those of a scan name the operation of the API."""
    every, version = findings_in(document), document["toctou"]
    found = every[:MOST_RESULTS]
    rules: dict[str, list[Document]] = {}
    for finding in found:
        rules.setdefault(finding["anomaly"], []).append(finding)
    names = list(rules)
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "toctou",
                        **({"version": version} if version else {}),
                        "shortDescription": message("Model-based concurrency checker for handlers over DynamoDB"),
                        "rules": [rule(name, of_rule) for name, of_rule in rules.items()],
                        "supportedTaxonomies": [{"name": "CWE"}],
                    }
                },
                "automationDetails": {"id": f"toctou/{document['kind']}/"},
                "invocations": [_invocation(document, left_out=len(every) - len(found))],
                "taxonomies": [taxonomy(found)],
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, names.index(finding["anomaly"])) for finding in found],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _invocation(document: Document, left_out: int) -> Document:
    """How the command ended, and what it could not conclude."""
    outcome = document.get("outcome") or {}
    notifications = list(_notifications(document))
    if left_out:
        notifications.append(_notification("warning", f"{left_out} less severe findings are left out here"))
    failed = bool(document.get("faults")) or any(one["level"] == "error" for one in notifications)
    return {
        "executionSuccessful": not failed,
        **({"exitCode": outcome["exit_status"]} if outcome else {}),
        **({"toolExecutionNotifications": notifications} if notifications else {}),
    }


def _notifications(document: Document) -> Iterator[Document]:
    for fault in document.get("faults", ()):
        yield _notification("error", f"{fault['where']}: {fault['text']}" if fault["where"] else fault["text"])
    for one in [*document.get("models", ()), *document.get("operations", ())]:
        if one["verdict"] == "INCONCLUSIVE":
            name = one.get("model") or one.get("name", "")
            reason = one["stop_reason"] or "unknown"
            level = "error" if reason in ("refused", "internal_error") else "warning"
            yield _notification(
                level, f"{name} is inconclusive ({reason}): {one['detail'] or one.get('unreached', '')}"
            )
    for one in document.get("unusable", ()):
        yield _notification("warning", f"{one['name']} was not driven: {one['reason']}")
    for note in (document.get("outcome") or {}).get("notes", ()):
        yield _notification("note", note)


def _notification(level: str, text: str) -> Document:
    return {"level": level, "message": message(text)}


def _result(finding: Document, rule_index: int) -> Document:
    severity = finding["severity"]
    related = _related(finding)
    stacks = list(_stacks(finding))
    return {
        "ruleId": finding["anomaly"],
        "ruleIndex": rule_index,
        "level": LEVELS.get(severity["level"], "error"),
        "rank": severity["score"] * 10,
        "taxa": [taxon(number) for number in weaknesses(finding)],
        "message": _text(finding, [one["id"] for one in related]),
        "locations": [_primary(place_of(finding), finding)],
        **({"relatedLocations": related} if related else {}),
        "codeFlows": [_code_flow(finding)],
        **({"stacks": stacks} if stacks else {}),
        **({"fixes": [_fix(finding)]} if fixes_of(finding) else {}),
        "partialFingerprints": {
            _FINGERPRINT: finding["fingerprint"],
            "primaryLocationLineHash": f"{finding['fingerprint']}:1",
        },
        "suppressions": _suppressions(finding),
        "properties": {
            "security-severity": f"{severity['score']:.1f}",
            "severity": severity["level"],
            "vector": severity["vector"],
            "decision": visible(finding["decision"]),
            "model": visible(finding["model"]),
            "oracles": finding["oracles"],
            "anomalies": finding["anomalies"],
            "confirmedOn": finding["confirmed_on"] or "",
            "violations": len(finding["scenarios"]),
            "replay": visible(finding["replay"]),
        },
    }


def _text(finding: Document, related: list[int]) -> Document:
    """The title first, because GitHub shows one sentence where there is no room; at the end links to the places."""
    remedy = remedy_of(finding)
    fix = f" {remedy_title(remedy)}. {remedy['text'].rstrip('.')}." if remedy else ""
    whole = message(f"{finding_title(finding)}. {finding['headline'].rstrip('.')}. Cause: {finding['cause']}.{fix}")
    words = {1: "[read](1)", 2: "[write](2)"}
    links = " and ".join(words[one] for one in related if one in words)
    return {"text": f"{whole['text']} See the {links}."} if links else whole


def _related(finding: Document) -> list[Document]:
    """The read and the write: 1 and 2 where the handler reaches them, 3 and 4 where the calls themselves are if elsewhere."""
    read, write = finding["read"], finding["write"]
    decision = f"relies on {finding['decision']}, read here" if finding["decision"] else "relies on what is read here"
    found = [(1, decides(read), decision), (2, decides(write), f"the {write['action']} that follows" if write else "")]
    for number, site in ((3, read), (4, write)):
        if site and site["source"] and decides(site) != site["source"]:
            found.append((number, site["source"], f"the {site['action']} itself"))
    return [{"id": number, **_location(source, text)} for number, source, text in found if source]


def _stacks(finding: Document) -> Iterator[Document]:
    """Where an exception came through, and how the read and the write are reached; innermost first, as the standard has it."""
    if lines := finding.get("traceback"):
        yield _stack(finding["headline"], lines)
    for site in (finding["read"], finding["write"]):
        if lines := stack_of(site):
            yield _stack(f"the way to the {site['action']}", lines)


def _stack(text: str, lines: list[Document]) -> Document:
    frames = [{"location": _location(line, line["function"])} for line in reversed(lines)]
    return {"message": message(text), "frames": frames}


def _suppressions(finding: Document) -> list[Document]:
    accepted = finding.get("accepted")
    if accepted is None:
        return []
    if accepted["by"] == "baseline":
        return [{"kind": "external", "status": "accepted", "justification": visible(accepted["reason"])}]
    file, _, line = accepted["where"].rpartition(":")
    region = {"artifactLocation": _artifact(file), "region": {"startLine": int(line)}}
    return [
        {
            "kind": "inSource",
            "status": "accepted",
            "justification": visible(accepted["reason"]),
            "location": {"physicalLocation": region},
        }
    ]


def _fix(finding: Document) -> Document:
    by_file = groupby(sorted(fixes_of(finding)), key=lambda one: one.file)
    return {
        "description": message(finding["remedy"] or "fix"),
        "artifactChanges": [
            {
                "artifactLocation": _artifact(path),
                "replacements": [
                    {
                        "deletedRegion": {"startLine": one.first, "endLine": one.last},
                        "insertedContent": {"text": one.text},
                    }
                    for one in replacements
                ],
            }
            for path, replacements in by_file
        ],
    }


def _api(finding: Document) -> list[Document]:
    """The operation of an API, where the finding comes of a scan."""
    if "operation" not in finding:
        return []
    name = visible(finding["operation"])
    return [{"name": name, "fullyQualifiedName": name, "kind": "resource"}]


def _primary(source: Document | None, finding: Document) -> Document:
    logical = {
        "logicalLocations": [
            {
                "name": visible(finding["handler"]),
                "fullyQualifiedName": visible(f"{finding['model'].rpartition(':')[2]}.{finding['handler']}"),
                "kind": "function",
            },
            *_api(finding),
        ]
    }
    if source is not None:
        return {**_location(source), **logical}
    path = model_file(finding)
    return {"physicalLocation": {"artifactLocation": _artifact(path)}, **logical} if path else logical


def _code_flow(finding: Document) -> Document:
    locations = []
    for order, step in enumerate(finding["flow"][:MOST_STEPS], 1):
        text = f"{step['step']} ({step['request']}): {step['summary']}"
        location = _location(step["source"], text) if step["source"] else {"message": message(text)}
        locations.append(
            {
                "location": location,
                "executionOrder": order,
                "importance": "essential" if step["witness"] else "important",
            }
        )
    return {
        "message": message("The schedule: every operation in the order in which it took effect"),
        "threadFlows": [{"locations": locations or [{"location": {"message": message("no operation was performed")}}]}],
    }


def _location(source: Document, text: str = "") -> Document:
    region: Document = {"startLine": max(source["line"], 1)}
    if source["text"]:
        region["snippet"] = {"text": source["text"]}
    physical = {"artifactLocation": _artifact(source["file"]), "region": region}
    return {"physicalLocation": physical, **({"message": message(text)} if text else {})}


def _artifact(path: str) -> Document:
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}


RENDERERS = (Renderer("sarif", ".sarif", dict.fromkeys(KINDS, render), printed=True),)
