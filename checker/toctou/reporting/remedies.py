"""How a remedy is presented: its title says whether it was tried and what came of that, and what to run to apply it.

A report of an older version has the remedy's text alone, which nothing has tried.
"""

from __future__ import annotations

import shlex

from toctou.reporting.document import Document

_REPLAY = "toctou replay "


def remedy_of(document: Document) -> Document | None:
    """The remedy of a violation, or of a finding; ``None`` if there is nothing to suggest."""
    stored = document.get("fix") or document.get("remedy")
    if isinstance(stored, dict):
        return stored
    text = stored or document.get("explanation", {}).get("remedy", "")
    return {"text": text, "edits": [], "attempts": []} if text else None


def remedy_title(remedy: Document) -> str:
    """What came of trying it."""
    if (tried := remedy.get("tried")) is None:
        return "Suggested fix (not tried)"
    match tried["outcome"]:
        case "removed":
            return f"Fix, tried: {tried['text']}"
        case "other":
            return f"Fix, tried: removes this race, but {tried['text']}"
        case "remains":
            return f"Suggested fix, tried: it does not remove this race: {tried['text']}"
        case _:
            return f"Suggested fix, not tried: {tried['text']}"


def attempts(remedy: Document) -> list[str]:
    """What was tried before it, and did not help."""
    return [
        f"{one['text'].rstrip('.')}: {(one.get('tried') or {}).get('text') or 'it does not remove this race'}"
        for one in remedy.get("attempts") or ()
    ]


def fix_command(document: Document, replay: str, directory: str = "") -> str:
    """What prints the remedy as a change of the source; ``""`` where it is advice only, or the report is not stored.

    Args:
        document: a violation, or a finding.
        replay: the command that shows it again, which has the way to the report, unless tests have to be run for that.
        directory: where the report is, for the latter.
    """
    remedy = remedy_of(document)
    if not remedy or not remedy.get("edits") or not document["report"]:
        return ""
    if replay.startswith(_REPLAY):
        return f"toctou fix {replay.removeprefix(_REPLAY)}"
    return f"toctou fix {shlex.quote(directory.rstrip('/') + '/' * bool(directory) + document['report'])}"
