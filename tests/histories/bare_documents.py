"""Documents as tests take them: of a run alone, and without what an edit elsewhere changes."""

from __future__ import annotations

from typing import Any

from toctou.reporting.document import Document
from toctou.reporting.run_document import documents


def without_places(document: Document) -> Document:
    """The same violation without what an edit elsewhere changes: lines of code, and the version of the checker."""

    def bare(part: Any) -> Any:
        if isinstance(part, dict):
            return {
                name: None if name == "source" and isinstance(one, dict) else bare(one)
                for name, one in part.items()
                if name not in ("at", "stack")
            }
        return [bare(one) for one in part] if isinstance(part, list) else part

    return {**bare({name: one for name, one in document.items() if name != "code"}), "toctou": ""}


def run_document(result) -> Document:
    """The document of one run; each violation names the file that ``write_run`` gives it."""
    return documents(result)[0]
