"""The document itself, as JSON text: indented, in the order of the schema, readable without escapes."""

from __future__ import annotations

import json

from toctou.reporting.document import RUN, Document
from toctou.reporting.renderer import KINDS, Renderer


def render(document: Document) -> str:
    """The document's text, ending in a newline."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


RENDERERS = (
    Renderer(
        "json",
        ".json",
        dict.fromkeys(KINDS, render),
        printed=True,
        stored=True,
        files={"run": RUN, "scan": "scan.json"},
    ),
)
