"""What fails a run, as ``check`` and ``scan`` take it from their command line: ``--fail-on``, ``--baseline``, and comments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from toctou.declaration.loading import LoadedModel
from toctou.reporting.accept_comments import at_handlers
from toctou.reporting.acceptance import LEVELS, Policy
from toctou.reporting.baseline import NAME, find_baseline


def add_accepting(parser: argparse.ArgumentParser) -> None:
    """Let a command say what fails it."""
    parser.add_argument(
        "--fail-on",
        choices=LEVELS[::-1],
        default="any",
        metavar="LEVEL",
        help="exit with 1 for findings of this severity or higher: critical, high, medium, low or any (default)",
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help=f"findings that are accepted (default: {NAME} if it is there, or baseline of [tool.toctou] in pyproject.toml)",
    )


def policy(arguments: argparse.Namespace, models: Sequence[LoadedModel]) -> Policy:
    """What these arguments ask for."""
    return Policy(arguments.fail_on, find_baseline(arguments.baseline), at_handlers(models))
