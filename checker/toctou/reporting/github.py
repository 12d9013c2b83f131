"""Findings as annotations of GitHub Actions: one workflow command per cause, most severe first.

A line of output that begins with ``::`` is a command, so everything that comes from handlers and items is escaped:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

from collections.abc import Iterator

from toctou.reporting.document import Document
from toctou.reporting.findings import findings_in
from toctou.reporting.places import model_file, place_of
from toctou.reporting.remedies import remedy_of, remedy_title
from toctou.reporting.renderer import Renderer
from toctou.reporting.summary import visible
from toctou.reporting.titles import finding_title, places

COMMANDS = {"critical": "error", "high": "error", "medium": "warning", "low": "notice"}
"""Level of a finding to the command that shows it."""


def render(document: Document) -> str:
    """Every finding, then every inconclusive model of a run, and what a person should know besides."""
    return "".join([*map(_finding, findings_in(document)), *_inconclusive(document), *_notes(document)])


def _finding(finding: Document) -> str:
    source = place_of(finding)
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
    where = {"file": source["file"], "line": str(source["line"])} if source else {"file": model_file(finding)}
    command, title = COMMANDS.get(severity["level"], "error"), finding_title(finding)
    if accepted := finding.get("accepted"):
        command, title = "notice", f"accepted: {title}"
        lines = [f"Accepted in {accepted['where']}: {accepted['reason'] or 'no reason is given'}", *lines]
    return _command(command, {**where, "title": title}, "\n".join(lines))


def _inconclusive(document: Document) -> Iterator[str]:
    for model in document.get("models", ()):
        if model["verdict"] == "INCONCLUSIVE":
            title = f"inconclusive: {model['stop_reason'] or 'unknown'}"
            yield _command(
                "warning", {"file": model_file(model), "title": title}, f"{model['model']}: {model['detail']}"
            )


def _notes(document: Document) -> Iterator[str]:
    """What a person should know of the baseline and of comments."""
    for note in (document.get("outcome") or {}).get("notes", ()):
        yield _command("warning", {"title": "toctou"}, note)


def _command(command: str, properties: dict[str, str], message: str) -> str:
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{command} {listed}::{_data(message)}\n"


def _data(text: str) -> str:
    return visible(text, keep="\n").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


RENDERERS = (Renderer("github", ".annotations", dict.fromkeys(("violation", "run"), render), printed=True),)
