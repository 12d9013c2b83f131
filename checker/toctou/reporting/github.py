"""Findings as annotations of GitHub Actions: one workflow command per cause, most severe first.

A line of output that begins with ``::`` is a command, so everything that comes from handlers and items is escaped:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

from collections.abc import Iterator

from toctou.reporting.document import Document
from toctou.reporting.findings import findings_in
from toctou.reporting.remedies import remedy_of, remedy_title
from toctou.reporting.renderer import Renderer
from toctou.reporting.source_document import own_line
from toctou.reporting.summary import visible
from toctou.reporting.titles import finding_title, places

COMMANDS = {"critical": "error", "high": "error", "medium": "warning", "low": "notice"}
"""Level of a finding to the command that shows it."""


def render(document: Document) -> str:
    """Every finding, then every inconclusive model of a run."""
    return "".join([*map(_finding, findings_in(document)), *_inconclusive(document)])


def _finding(finding: Document) -> str:
    place = finding["write"] or finding["read"]
    source = place and place["source"] and own_line(place)
    remedy = remedy_of(finding)
    severity = finding["severity"]
    count = len(finding["scenarios"])
    lines = [
        *filter(None, [places(finding)]),
        finding["headline"],
        *([remedy_title(remedy), f"{remedy['text'].rstrip('.')}."] if remedy else []),
        f"{severity['level']} {severity['score']} of 10: {severity['meaning']} ({severity['vector']})",
        *([f"{count} violations have this cause."] if count > 1 else []),
        *([f"Replay: {finding['replay']}"] if finding["replay"] else []),
    ]
    where = {"file": source["file"], "line": str(source["line"])} if source else {"file": _file(finding["model"])}
    return _command(
        COMMANDS.get(severity["level"], "error"), {**where, "title": finding_title(finding)}, "\n".join(lines)
    )


def _inconclusive(document: Document) -> Iterator[str]:
    for model in document.get("models", ()):
        if model["verdict"] == "INCONCLUSIVE":
            title = f"inconclusive: {model['stop_reason'] or 'unknown'}"
            yield _command(
                "warning", {"file": _file(model["model"]), "title": title}, f"{model['model']}: {model['detail']}"
            )


def _file(model: str) -> str:
    path = model.rpartition(":")[0]
    return path if path.endswith(".py") else ""


def _command(command: str, properties: dict[str, str], message: str) -> str:
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{command} {listed}::{_data(message)}\n"


def _data(text: str) -> str:
    return visible(text, keep="\n").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


RENDERERS = (Renderer("github", ".annotations", dict.fromkeys(("violation", "run"), render), printed=True),)
