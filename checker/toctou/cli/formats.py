"""The option ``--format`` of the commands that print a document, and the printing."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from toctou.reporting.document import Document
from toctou.reporting.registry import RENDERERS, formats, not_rendered, rendered


def add_format(parser: argparse.ArgumentParser, kind: str) -> None:
    """Let a command that prints documents of one kind take the formats that are offered for it.

    Args:
        kind: ``run`` or ``scan``.
    """
    offered = formats(kind, printed=True)

    def known(name: str) -> str:
        # a format that exists gets more of an answer than argparse has for a misspelt one
        if name in RENDERERS and name not in offered:
            raise not_rendered(name, kind, offered)
        return name

    parser.add_argument("--format", type=known, choices=offered, default="text", help="what is printed (default text)")


def show(document: Document, name: str, directory: str = "") -> None:
    """Print a document on standard output.

    Args:
        directory: where its reports are; ``""`` if they are not stored.
    """
    if (on_console := RENDERERS[name].show) is not None:
        on_console(document, Console(), directory)
    else:
        sys.stdout.write(rendered(document, name))
