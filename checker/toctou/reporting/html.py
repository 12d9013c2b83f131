"""Violations and runs as web pages that stand alone: no network, no second file, nothing to install.

It fills templates with what :mod:`toctou.reporting.page_content` has prepared.  Nothing that comes from a handler or an
item is trusted: every value is escaped by the template engine, unprintable characters are shown as escapes, and the page's
content security policy allows the one script that is ours, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from toctou.analysis.severity import scale
from toctou.reporting.coverage import counts_words, number_words, outcome_words, unguarded_words, unjudged_words
from toctou.reporting.document import Document
from toctou.reporting.findings import findings_in
from toctou.reporting.lanes import marked
from toctou.reporting.page_content import details, edges, moments, serial_order, stored_tables
from toctou.reporting.renderer import Renderer
from toctou.reporting.scan_text import member_points, ranked_operations, window_text
from toctou.reporting.stored import item_text, just_before, left_out
from toctou.reporting.summary import EDGE_MEANINGS, SIMULATED, accessed_words, backend_words, visible
from toctou.reporting.text import closest_words, confirmation
from toctou.reporting.titles import finding_title, violation_title

LANE_COLOURS = 6


def render_violation(document: Document) -> str:
    """A violation as one page."""
    drawn, serial = edges(document), serial_order(document)
    present = {edge["kind"] for edge in drawn}
    return _page(
        "violation.html.j2",
        "violation.js",
        *(["output.css"] if document.get("output") else []),
        document=document,
        explanation=document["explanation"],
        heading=violation_title(document),
        moments=moments(document),
        details=details(document),
        edges=drawn,
        kinds={kind: meaning for kind, meaning in EDGE_MEANINGS.items() if kind in present},
        stored=stored_tables(document),
        just_before=just_before(document),
        left_out=left_out(document),
        confirmation=confirmation(document),
        simulated=SIMULATED[:1].upper() + SIMULATED[1:],
        marked=marked(document),
        closest=closest_words(document["explanation"]["closest"]) if serial else "",
        serial=serial,
        colours={request["letter"]: index % LANE_COLOURS for index, request in enumerate(document["requests"])},
        page=document.get("report", "").removesuffix(".json"),
    )


def render_run(document: Document) -> str:
    """A run's index: every model, every scenario, and links to the pages of its violations."""
    concluded = [model["verdict"] for model in document["models"]]
    verdicts = {
        verdict: concluded.count(verdict)
        for verdict in sorted(set(concluded), key=lambda one: (one != "VIOLATED", one))
    }
    return _page(
        "run.html.j2",
        "run.js" if len(document["findings"]) > 1 else "",
        "coverage.css",
        document=document,
        verdicts=verdicts,
        findings=document["findings"],
        violations=sum(len(finding["scenarios"]) for finding in document["findings"]),
        filters=_filters(document["findings"]),
    )


def render_scan(document: Document) -> str:
    """A scan: every operation of the API, with its calls, its findings and links to their pages."""
    ranked = ranked_operations(document)
    concluded = [one["verdict"] for one in ranked]
    return _page(
        "scan.html.j2",
        "",
        document=document,
        operations=ranked,
        findings=findings_in(document),
        verdicts={verdict: concluded.count(verdict) for verdict in dict.fromkeys(concluded)},
        member_points=member_points,
        window_text=window_text,
    )


def _filters(findings: Sequence[Document]) -> list[Document]:
    """What the index can be narrowed by, each with the values that occur."""
    if len(findings) < 2:
        return []
    levels = [finding["severity"]["level"] for finding in findings]
    return [
        {"label": "Severity", "name": "severity", "values": list(dict.fromkeys(levels))},
        {"label": "Model", "name": "model", "values": sorted({finding["model"] for finding in findings})},
        {"label": "Anomaly", "name": "anomaly", "values": sorted({one for it in findings for one in it["anomalies"]})},
        {"label": "Oracle", "name": "oracle", "values": sorted({one for it in findings for one in it["oracles"]})},
    ]


def _page(template: str, script_file: str, *styles: str, **values: Any) -> str:
    script = _asset(script_file) if script_file else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            **values,
            style=Markup("".join(map(_asset, ("report.css", *styles)))),  # noqa: S704 - our own files
            script=Markup(script),  # noqa: S704 - our own file
            script_source=f"'sha256-{digest}'" if script else "'none'",
        )
    )


@cache
def _asset(name: str) -> str:
    return (resources.files("toctou.reporting") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("toctou.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["backend"] = backend_words
    environment.filters["item"] = item_text
    environment.filters["accessed"] = accessed_words
    environment.filters["title"] = finding_title
    environment.filters |= {
        "readable": number_words,
        "counts": counts_words,
        "unguarded": unguarded_words,
        "unjudged": unjudged_words,
        "outcome": outcome_words,
    }
    environment.globals["scale"] = scale()
    environment.filters["html_page"] = lambda report: report.removesuffix(".json") + ".html"
    return environment


def _printable(value: Any) -> Any:
    return visible(value, keep="\n") if isinstance(value, str) and not isinstance(value, Markup) else value


RENDERERS = (
    Renderer(
        "html",
        ".html",
        {"violation": render_violation, "run": render_run, "scan": render_scan},
        stored=True,
        files={"run": "index.html", "scan": "scan.html"},
    ),
)
