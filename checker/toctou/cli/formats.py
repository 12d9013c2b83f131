"""The option ``--format`` of the commands that print a document, and the printing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from toctou.cli.standard_output import standard_output
from toctou.errors import contained
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


def show(document: Document, name: str, directory: str = "") -> list[str]:
    """Print a document on standard output; returns the texts of faults of ours that kept it from being printed whole.

    Args:
        directory: where its reports are; ``""`` if they are not stored.
    """
    faults: list[str] = []
    contained(f"the format {name}", partial(_print, document, name, directory), None, faults)
    if faults:
        for one in document.get("models") or document.get("operations") or [document]:
            print(f"{one.get('verdict', '')}  {one.get('name') or one.get('model', '')!r}", file=standard_output())
    return faults


def _print(document: Document, name: str, directory: str) -> None:
    if (on_console := RENDERERS[name].show) is not None:
        on_console(document, Console(file=standard_output()), directory)
    else:
        standard_output().write(rendered(document, name))


def report_faults(faults: Sequence[str]) -> bool:
    """Report faults of toctou itself on standard error; whether there are any, so that the exit status is 70."""
    standard_output().flush()
    for fault in dict.fromkeys(faults):
        print(f"toctou: {fault}", file=sys.stderr)
    if faults:
        print("toctou: everything else of this run stands as reported", file=sys.stderr)
    return bool(faults)


def faults_of(run: Document) -> list[str]:
    """The faults of toctou itself that a run's document tells of."""
    return [f"{one['where']}: {one['text']}" if one["where"] else one["text"] for one in run["faults"]]
