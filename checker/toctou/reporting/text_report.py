"""Every kind of document as text, on a terminal or as plain lines."""

from __future__ import annotations

import io

from rich.console import Console

from toctou.reporting.document import Document
from toctou.reporting.renderer import Renderer
from toctou.reporting.run_text import run_lines
from toctou.reporting.scan_text import scan_lines
from toctou.reporting.text import render_violation, violation_lines
from toctou.reporting.wrapping import WIDTH, columns, hung


def show(document: Document, console: Console, directory: str = "") -> None:
    """Print a document, coloured on a terminal; see :data:`toctou.reporting.renderer.Show`."""
    match document["kind"]:
        case "run":
            lines = run_lines(document, console, directory)
        case "scan":
            lines = hung(scan_lines(document, directory), columns(console))
        case _:
            lines = iter(violation_lines(document, columns(console)))
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


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
