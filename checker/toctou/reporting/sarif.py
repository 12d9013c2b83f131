"""Findings as SARIF 2.1.0, for code scanning: one result per cause, at the line of the write that is not guarded.

Rules are the anomalies, with the weaknesses of CWE that they are instances of.  The code flow follows the schedule: the
checker does run all requests on one thread, so one thread flow holds every operation, in the order in which they took
effect.  A result's fingerprint is that of its cause, which moved lines and edits elsewhere do not change.

Source: OASIS, *Static Analysis Results Interchange Format 2.1.0*, https://docs.oasis-open.org/sarif/sarif/v2.1.0/.
``security-severity`` is read by GitHub: https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from toctou.analysis.anomalies import ANOMALIES
from toctou.reporting.document import Document
from toctou.reporting.findings import findings_in
from toctou.reporting.renderer import KINDS, Renderer
from toctou.reporting.summary import visible
from toctou.reporting.titles import finding_title

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
WEAKNESSES = {
    "248": "Uncaught Exception",
    "362": "Concurrent Execution using Shared Resource with Improper Synchronization ('Race Condition')",
    "367": "Time-of-check Time-of-use (TOCTOU) Race Condition",
    "639": "Authorization Bypass Through User-Controlled Key",
}
"""Numbers of CWE to their titles."""

_WEAKNESSES_OF = {
    "fails_alone": ("248",),
    "unhandled_exception": ("248",),
    "unhandled_refusal": ("248",),
    "toctou": ("367",),
    "missing_check": ("639",),
    "aba": ("367",),
}
_BYPASSES = ("impact:destroys-others-data/", "impact:changes-others-data/")
_FINGERPRINT = "toctouCause/v1"


def render(document: Document) -> str:
    """A log with one result per finding, most severe first; those of a scan name the operation of the API."""
    found, version = findings_in(document), document["toctou"]
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
                        "shortDescription": _message("Model-based concurrency checker for handlers over DynamoDB"),
                        "rules": [_rule(name, of_rule) for name, of_rule in rules.items()],
                        "supportedTaxonomies": [{"name": "CWE"}],
                    }
                },
                "taxonomies": [_cwe(found)],
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, names.index(finding["anomaly"])) for finding in found],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def weaknesses(finding: Document) -> Sequence[str]:
    """Numbers of CWE for a finding: of its anomaly (a race, if there is none of its own), and of whose data it is about."""
    numbers = _WEAKNESSES_OF.get(finding["anomaly"], ("362",))
    bypassed = finding["severity"]["vector"].startswith(_BYPASSES)
    return tuple(dict.fromkeys([*numbers, *(("639",) if bypassed else ())]))


def _all_weaknesses(found: Sequence[Document]) -> list[str]:
    return sorted({number for finding in found for number in weaknesses(finding)})


def _cwe(found: Sequence[Document]) -> Document:
    return {
        "name": "CWE",
        "organization": "MITRE",
        "shortDescription": _message("Common Weakness Enumeration"),
        "informationUri": "https://cwe.mitre.org/",
        "taxa": [
            {
                "id": number,
                "shortDescription": _message(WEAKNESSES[number]),
                "helpUri": f"https://cwe.mitre.org/data/definitions/{number}.html",
            }
            for number in _all_weaknesses(found)
        ],
    }


def _rule(key: str, found: Sequence[Document]) -> Document:
    anomaly = ANOMALIES.get(key, ANOMALIES["unnamed"])
    numbers = _all_weaknesses(found)
    score = max(finding["severity"]["score"] for finding in found)
    text = f"{anomaly.meaning[:1].upper()}{anomaly.meaning[1:]}. Defined in: {anomaly.source}."
    return {
        "id": key,
        "name": "".join(part.title() for part in key.split("_")),
        "shortDescription": _message(anomaly.title),
        "fullDescription": _message(text),
        "help": _message(
            f"{text} Make the write conditional on everything that it relies on, or make both calls in one transaction."
        ),
        "helpUri": f"https://cwe.mitre.org/data/definitions/{numbers[0]}.html",
        "relationships": [{"target": _taxon(number), "kinds": ["relevant"]} for number in numbers],
        "properties": {
            "tags": ["security", "concurrency", *(f"external/cwe/cwe-{number}" for number in numbers)],
            "precision": "very-high",
            "security-severity": f"{score:.1f}",
        },
    }


def _taxon(number: str) -> Document:
    return {"id": number, "toolComponent": {"name": "CWE"}}


def _result(finding: Document, rule_index: int) -> Document:
    severity, write, read = finding["severity"], finding["write"], finding["read"]
    decision = f"relies on {finding['decision']}, read here" if finding["decision"] else "relies on what is read here"
    related = [_location(read["source"], decision)] if read and read["source"] else []
    place = {"source": finding["traceback"][-1]} if finding.get("traceback") else write or read
    return {
        "ruleId": finding["anomaly"],
        "ruleIndex": rule_index,
        "level": LEVELS.get(severity["level"], "error"),
        "rank": severity["score"] * 10,
        "taxa": [_taxon(number) for number in weaknesses(finding)],
        "message": _message(_text(finding)),
        "locations": [_primary(place["source"] if place else None, finding)],
        **({"relatedLocations": [{"id": 1, **related[0]}]} if related else {}),
        "codeFlows": [_code_flow(finding)],
        **({"stacks": [_stack(finding)]} if finding.get("traceback") else {}),
        "partialFingerprints": {_FINGERPRINT: finding["fingerprint"]},
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


def _text(finding: Document) -> str:
    fix = f" Suggested fix (not verified): {finding['remedy']}." if finding["remedy"] else ""
    return f"{finding_title(finding)}. {finding['headline'].rstrip('.')}. Cause: {finding['cause']}.{fix}"


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
    path = finding["model"].rpartition(":")[0]
    if not path.endswith(".py"):
        return logical
    return {"physicalLocation": {"artifactLocation": _artifact(path)}, **logical}


def _code_flow(finding: Document) -> Document:
    locations = []
    for order, step in enumerate(finding["flow"], 1):
        text = f"{step['step']} ({step['request']}): {step['summary']}"
        location = _location(step["source"], text) if step["source"] else {"message": _message(text)}
        locations.append(
            {
                "location": location,
                "executionOrder": order,
                "importance": "essential" if step["witness"] else "important",
            }
        )
    return {
        "message": _message("The schedule: every operation in the order in which it took effect"),
        "threadFlows": [
            {"locations": locations or [{"location": {"message": _message("no operation was performed")}}]}
        ],
    }


def _stack(finding: Document) -> Document:
    """Where an exception came through, innermost first, as the standard has it."""
    frames = [{"location": _location(line, line["function"])} for line in reversed(finding["traceback"])]
    return {"message": _message(finding["headline"]), "frames": frames}


def _location(source: Document, text: str = "") -> Document:
    region: Document = {"startLine": max(source["line"], 1)}
    if source["text"]:
        region["snippet"] = {"text": source["text"]}
    physical = {"artifactLocation": _artifact(source["file"]), "region": region}
    return {"physicalLocation": physical, **({"message": _message(text)} if text else {})}


def _artifact(path: str) -> Document:
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}


def _message(text: str) -> Document:
    # braces hold placeholders and [text](target) is a link, in this standard (3.11.5 and 3.11.6)
    return {"text": visible(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")}


RENDERERS = (Renderer("sarif", ".sarif", dict.fromkeys(KINDS, render), printed=True),)
