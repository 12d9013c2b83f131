"""The rules of a SARIF log: one per pattern, with the weaknesses of CWE that it is an instance of, and the help for people.

GitHub reads ``security-severity`` of rules, not of results, and its limits are those of
https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning.
"""

from __future__ import annotations

from collections.abc import Sequence

from toctou.analysis.anomalies import ANOMALIES
from toctou.reporting.document import Document
from toctou.reporting.pattern_help import guide_address, pattern_markdown, pattern_plain
from toctou.reporting.summary import visible

LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
MOST_CHARACTERS = 1024
"""Of a description."""

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
    "toctou": ("367",),
    "missing_check": ("639",),
    "aba": ("367",),
}
_BYPASSES = ("impact:destroys-others-data/", "impact:changes-others-data/")


def weaknesses(finding: Document) -> Sequence[str]:
    """Numbers of CWE for a finding: of its anomaly (a race, if there is none of its own), and of whose data it is about."""
    numbers = _WEAKNESSES_OF.get(finding["anomaly"], ("362",))
    bypassed = finding["severity"]["vector"].startswith(_BYPASSES)
    return tuple(dict.fromkeys([*numbers, *(("639",) if bypassed else ())]))


def rule(key: str, found: Sequence[Document]) -> Document:
    """The rule of a pattern, given its findings; it is as severe as the most severe of them."""
    anomaly = ANOMALIES.get(key, ANOMALIES["unnamed"])
    numbers = _all_weaknesses(found)
    worst = max(found, key=lambda one: float(one["severity"]["score"]))["severity"]
    meaning = f"{anomaly.meaning[:1].upper()}{anomaly.meaning[1:]}."
    guide = guide_address()
    return {
        "id": key,
        "name": "".join(part.title() for part in key.split("_")),
        "shortDescription": message(f"{anomaly.title[:1].upper()}{anomaly.title[1:]}"[:MOST_CHARACTERS]),
        "fullDescription": message(f"{meaning} Defined in: {anomaly.source}."[:MOST_CHARACTERS]),
        "help": {"text": pattern_plain(key), "markdown": pattern_markdown(key)},
        "helpUri": f"{guide}#{key}" if guide else cwe_address(numbers[0]),
        "defaultConfiguration": {"level": LEVELS.get(worst["level"], "error")},
        "relationships": [{"target": taxon(number), "kinds": ["relevant"]} for number in numbers],
        "properties": {
            "tags": ["security", "concurrency", *(f"external/cwe/cwe-{number}" for number in numbers)],
            "precision": "very-high",
            "problem.severity": {"note": "recommendation"}.get(
                LEVELS.get(worst["level"], "error"), LEVELS.get(worst["level"], "error")
            ),
            "security-severity": f"{worst['score']:.1f}",
        },
    }


def taxon(number: str) -> Document:
    """A reference to a weakness."""
    return {"id": number, "toolComponent": {"name": "CWE"}}


def taxonomy(found: Sequence[Document]) -> Document:
    """The weaknesses of these findings."""
    return {
        "name": "CWE",
        "organization": "MITRE",
        "shortDescription": message("Common Weakness Enumeration"),
        "informationUri": "https://cwe.mitre.org/",
        "taxa": [
            {"id": number, "shortDescription": message(WEAKNESSES[number]), "helpUri": cwe_address(number)}
            for number in _all_weaknesses(found)
        ],
    }


def cwe_address(number: str) -> str:
    """The page of a weakness."""
    return f"https://cwe.mitre.org/data/definitions/{number}.html"


def message(text: str) -> Document:
    """A message, in which nothing is syntax."""
    # braces hold placeholders and [text](target) is a link, in this standard (3.11.5 and 3.11.6)
    return {"text": visible(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")}


def _all_weaknesses(found: Sequence[Document]) -> list[str]:
    return sorted({number for finding in found for number in weaknesses(finding)})
