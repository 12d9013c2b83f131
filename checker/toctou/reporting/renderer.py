"""What a renderer is: one format of reports, and everything that commands have to know about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rich.console import Console

from toctou.reporting.document import Document

Render = Callable[[Document], str]
"""A document to its text, ending in a newline."""

Show = Callable[[Document, Console, str], None]
"""Prints a document on a console; the text is the directory that its reports are in, ``""`` if they are not stored."""

KINDS: Mapping[str, str] = {"violation": "a single violation", "run": "a whole run", "scan": "a scan of an API"}
"""Every kind of document, by the name under ``kind``, and what messages call it."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """One format of reports.

    Attributes:
        name: as ``--format`` takes it.
        suffix: the ending of its files, with the dot.
        renders: by kind of document, the function that renders it; a kind that is missing is not rendered.
        printed: ``toctou check`` and ``toctou scan`` offer it for what they print, as far as it renders their documents.
        stored: every violation that is found is stored in this format.
        files: by kind of document, the name of the file in which every run or scan is stored.
        show: prints any of these documents for people, coloured on a terminal; ``None`` if its text is printed as it is.
    """

    name: str
    suffix: str
    renders: Mapping[str, Render]
    printed: bool = False
    stored: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    show: Show | None = None
