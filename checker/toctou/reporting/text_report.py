"""Every kind of document as text, on a terminal or as plain lines."""

from __future__ import annotations

import io

from rich.console import Console

from toctou.reporting.document import Document
from toctou.reporting.renderer import Renderer
from toctou.reporting.run_text import print_run
from toctou.reporting.scan_text import print_scan
from toctou.reporting.text import WIDTH, print_violation, render_violation

_SHOWN = {"violation": print_violation, "run": print_run, "scan": print_scan}


def show(document: Document, console: Console, directory: str = "") -> None:
    """Print a document, coloured on a terminal; see :data:`toctou.reporting.renderer.Show`."""
    _SHOWN[document["kind"]](document, console, directory)


def render(document: Document) -> str:
    """A run or a scan as plain text."""
    stream = io.StringIO()
    show(document, Console(file=stream, force_terminal=False, no_color=True, width=WIDTH))
    return "".join(line.rstrip() + "\n" for line in stream.getvalue().splitlines())


RENDERERS = (
    Renderer(
        "text",
        ".txt",
        {"violation": render_violation, "run": render, "scan": render},
        printed=True,
        stored=True,
        show=show,
    ),
)
