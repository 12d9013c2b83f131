"""Findings as a Code Quality report of GitLab: one issue per cause, at the handler's own line that decides.

What is accepted is there for information.  Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format.
"""

from __future__ import annotations

import json

from toctou.reporting.document import Document
from toctou.reporting.findings import findings_in
from toctou.reporting.places import model_file, place_of
from toctou.reporting.renderer import KINDS, Renderer
from toctou.reporting.summary import visible
from toctou.reporting.titles import finding_title

SEVERITIES = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor"}
"""Level of a finding to GitLab's word for it."""


def render(document: Document) -> str:
    """Every finding, most severe first."""
    return json.dumps([_issue(one) for one in findings_in(document)], indent=2, ensure_ascii=False) + "\n"


def _issue(finding: Document) -> Document:
    place = place_of(finding)
    accepted = finding.get("accepted")
    text = f"{finding_title(finding)}. {finding['headline']}"
    return {
        "description": visible(f"accepted ({accepted['reason']}): {text}" if accepted else text),
        "check_name": finding["anomaly"],
        "fingerprint": finding["fingerprint"],
        "severity": "info" if accepted else SEVERITIES.get(finding["severity"]["level"], "major"),
        "location": {
            "path": place["file"] if place else model_file(finding) or finding["model"],
            "lines": {"begin": place["line"] if place else 1},
        },
    }


RENDERERS = (Renderer("codequality", ".codequality.json", dict.fromkeys(KINDS, render), printed=True),)
