"""How a remedy is presented: its title says whether it was tried and what came of that, and what to run to apply it.

A report of an older version has the remedy's text alone, which nothing has tried.
"""

from __future__ import annotations

from toctou.reporting.document import Document

_REPLAY = "toctou replay "


def remedy_of(document: Document) -> Document | None:
    """The remedy of a violation, or of a finding; ``None`` if there is nothing to suggest."""
    stored = document.get("remedy")
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


def fix_command(document: Document) -> str:
    """What prints the remedy as a change of the source; ``""`` where it is advice only, or the report is not stored."""
    remedy, replay = remedy_of(document), document["replay"]
    if not remedy or not remedy.get("edits") or not document["report"]:
        return ""
    # the way to the report is known from the command that replays it, unless tests have to be run for that
    report = replay.removeprefix(_REPLAY) if replay.startswith(_REPLAY) else document["report"]
    return f"toctou fix {report}"
