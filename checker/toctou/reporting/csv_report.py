"""Findings as CSV, one row per cause, for spreadsheets and scripts: https://www.rfc-editor.org/rfc/rfc4180.

Texts come from handlers, items and models, and a spreadsheet takes some of them for formulas, which can send data away when
the file is opened.  Such a cell gets an apostrophe in front, as OWASP advises:
https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping

from toctou.reporting.document import Document
from toctou.reporting.findings import findings_in
from toctou.reporting.places import place_of
from toctou.reporting.renderer import KINDS, Renderer
from toctou.reporting.summary import visible
from toctou.reporting.titles import finding_title

# The last four are the full-width forms, which spreadsheets of some languages treat alike.
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def _location(finding: Document) -> str:
    """``file:line`` of the line that decides; ``""`` if no line is known."""
    place = place_of(finding)
    return f"{place['file']}:{place['line']}" if place else ""


def _accepted(finding: Document) -> str:
    """Why it fails nothing; ``""`` if it is not accepted."""
    accepted = finding.get("accepted")
    return f"{accepted['where']}: {accepted['reason']}" if accepted else ""


COLUMNS: Mapping[str, Callable[[Document], object]] = {
    "severity": lambda finding: finding["severity"]["level"],
    "score": lambda finding: finding["severity"]["score"],
    "model": lambda finding: finding["model"],
    "operation": lambda finding: finding.get("operation", ""),
    "handler": lambda finding: finding["handler"],
    "requests": lambda finding: " | ".join(finding["scenarios"][0]["requests"]),
    "oracles": lambda finding: ", ".join(finding["oracles"]),
    "anomaly": lambda finding: finding["anomaly"],
    "title": finding_title,
    "statement": lambda finding: finding["headline"],
    "cause": lambda finding: finding["cause"],
    "suggested fix": lambda finding: finding["remedy"],
    "location": _location,
    "schedule": lambda finding: finding["scenarios"][0]["schedule"],
    "replay": lambda finding: finding["replay"],
    "confirmed on": lambda finding: finding["confirmed_on"] or "",
    "violations": lambda finding: len(finding["scenarios"]),
    "vector": lambda finding: finding["severity"]["vector"],
    "fingerprint": lambda finding: finding["fingerprint"],
    "accepted": _accepted,
}
"""Every column with what stands in it; ``operation`` is filled by a scan only."""


def render(document: Document) -> str:
    """The header, then one row per finding, most severe first."""
    stream = io.StringIO()
    # every cell is quoted, so that no separator of another locale begins a cell of its own
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([inert(str(content(one))) for content in COLUMNS.values()] for one in findings_in(document))
    return stream.getvalue()


def inert(text: str) -> str:
    """The text as no spreadsheet runs it, unprintable characters as escapes; blanks do not hide what a cell begins with."""
    shown = visible(text)
    return f"'{shown}" if text.lstrip(" ").startswith(_BEGINS_FORMULA) else shown


RENDERERS = (Renderer("csv", ".csv", dict.fromkeys(KINDS, render), printed=True),)
