"""Where a finding is shown in the code: at the line of the handler's own that decides, not at one that several handlers share."""

from __future__ import annotations

from toctou.reporting.document import Document


def place_of(finding: Document) -> Document | None:
    """The line at which a finding is shown; ``None`` if no line of code is known."""
    if lines := finding.get("traceback"):
        last: Document = lines[-1]
        return last
    return decides(finding["write"]) or decides(finding["read"])


def decides(site: Document | None) -> Document | None:
    """The line of the function that decides, from which a read or a write is reached; the call itself in older reports."""
    if site is None:
        return None
    found: Document | None = site.get("at") or site["source"]
    return found


def stack_of(site: Document | None) -> list[Document]:
    """The lines that lead to a read or a write, outermost first; none if it is where the function decides."""
    lines: list[Document] = [one for one in (site or {}).get("stack", ()) if one is not None]
    return lines if len(lines) > 1 else []


def model_file(finding: Document) -> str:
    """The file of the model; ``""`` if it is named by its module."""
    path: str = finding["model"].rpartition(":")[0]
    return path if path.endswith(".py") else ""
