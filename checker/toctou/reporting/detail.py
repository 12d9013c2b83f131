"""The second zoom level in text: each operation in full, after the report that fits a screen.

An operation shows the line of the handler that made it, its expressions with the values filled in, what it read or how it
failed, each item that it changed as it left it, and what the handler wrote.  What was stored at first stands above the first one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toctou.reporting.document import Document
from toctou.reporting.output import pieces_at, rows
from toctou.reporting.page_content import details
from toctou.reporting.renderer import Renderer
from toctou.reporting.stored import item_text
from toctou.reporting.summary import accessed_words, call, visible
from toctou.reporting.text import render_violation, stored_lines
from toctou.reporting.wrapping import WIDTH, wrapped

_MARGIN = 13
_LABELS = {"KeyCondition": "key", "Condition": "if", "Projection": "only"}
"""What an expression is called where there is little room."""


def render(document: Document, *, width: int = WIDTH) -> str:
    """The report as text, then every step in full; lines of at most ``width`` columns, ending in a newline."""
    lines = [render_violation(document, width=width, stored=False).rstrip("\n"), "", "STEP BY STEP"]
    lines += [line.plain.rstrip() for line in stored_lines(document, width, only_first=True)]
    output = dict(pieces_at(document))
    for detail in details(document):
        step, request = detail["step"], detail["request"]
        lines += ["", *_row(f"  {step['name']}", call(step), width)]
        lines += _row("", f"{request['principal']}: {request['handler']}", width)
        for label, text in _facts(detail):
            lines += _row(f"    {label}", text, width)
        lines += _output(output.pop(step["name"], ()), width)
    for letter, pieces in output.items():  # of requests that performed no operation
        lines += ["", f"  {letter}", *_output(pieces, width)]
    return "\n".join(lines) + "\n"


def _facts(detail: Document) -> Iterator[tuple[str, str]]:
    step = detail["step"]
    source = step["source"]
    if source:
        yield "code", source["text"]
        yield "at", f"{source['file']}:{source['line']}, in {source['function']}"
    for name, text in detail["expressions"]:
        part, _, kind = name.rpartition(" · ")
        yield _LABELS.get(kind, kind.lower()), f"{part}: {text}" if part else text
    if step["error"]:
        yield "failed", f"{step['error']['code']}: {step['error']['message']}"
    elif step["outcome"]:
        yield "outcome", step["outcome"]
    for one in step["looked_at"] or ():
        if one["by"] == "handler":  # a condition shows its attributes itself
            yield "accessed", accessed_words(one)
    for item in detail["read"]:
        yield "read", "{" + ", ".join(f"{name}: {value}" for name, value in item.items()) + "}"
    for change in step["changes"]:
        yield "item", change["item"]
        yield "is now", "deleted" if change["after"] is None else item_text(change["after"])


def _output(pieces: Sequence[Document], width: int) -> Iterator[str]:
    for label, text in rows(pieces):
        yield from _row(f"    {label}", text, width)


def _row(head: str, text: str, width: int) -> Iterator[str]:
    for number, piece in enumerate(wrapped(visible(text), width - _MARGIN)):
        yield f"{head if number == 0 else '':<{_MARGIN}}{piece}".rstrip()


RENDERERS = (Renderer("detail", ".detail.txt", {"violation": render}),)
