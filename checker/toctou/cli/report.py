"""``toctou report``: show a stored report in another format, or serve a run to the browser."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from toctou.cli.browsing import browse
from toctou.errors import BadInput
from toctou.reporting.document import RUN
from toctou.reporting.load import load_report
from toctou.reporting.registry import formats, rendered
from toctou.reporting.write import write_atomically

DEFAULT = Path("reports/latest")


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "report",
        help="convert a stored report, or open a run in the browser",
        description="Converts the JSON file of a violation, a run or a scan into another format.  With --open, serves the "
        "reports of a run to the browser of this machine.",
        epilog="Exit status: 0, or 2 if the report cannot be used.",
    )
    parser.add_argument(
        "report",
        nargs="?",
        type=Path,
        default=DEFAULT,
        metavar="REPORT.json|DIR",
        help=f"the JSON file of a violation, a run or a scan, or the directory of a run (default {DEFAULT})",
    )
    parser.add_argument("--format", choices=formats(), default="text", help="what to convert to (default text)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it there instead of printing it")
    parser.add_argument("--open", action="store_true", help="serve DIR on this machine only, and open it in a browser")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Convert, or serve; returns the exit status."""
    if arguments.open:
        return browse(arguments.report)
    path = arguments.report / RUN if arguments.report.is_dir() else arguments.report
    text = rendered(load_report(path), arguments.format, path)
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    try:
        write_atomically(arguments.output, text)
    except OSError as error:
        raise BadInput(
            f"{arguments.output} cannot be written: {error.strerror}", remedy="give another file after --output"
        ) from error
    return 0
