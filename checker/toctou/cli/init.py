"""``toctou init``: draft a model file from what a team has, and run it."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

_OUTPUT = Path("toctou_model.py")


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "init",
        help="draft a model file from tests, a template, an OpenAPI document or an application",
        description="Writes a model file from tests on moto, which are run once, from a SAM, CloudFormation, CDK or Serverless "
        "Framework template, an OpenAPI document, or a Python file with an application, or several of these; then runs it as "
        "`toctou check` does, and lists what a person has to decide.  A file that exists is never overwritten.",
        epilog="Exit status: that of `toctou check` on the draft (0 verified, 1 violated, 3 inconclusive, 2 if it cannot be "
        "imported yet), 0 with --no-check; 2 too if nothing was written.",
    )
    parser.add_argument(
        "targets",
        nargs="*",
        type=Path,
        metavar="TARGET",
        help="files, or folders that hold them (default: this folder)",
    )
    parser.add_argument(
        "--output", type=Path, default=_OUTPUT, metavar="FILE", help="the model file (default %(default)s)"
    )
    parser.add_argument("--openapi", type=Path, metavar="FILE", help="the OpenAPI document that names the routes")
    parser.add_argument(
        "--service",
        metavar="COMMAND",
        help="start this instead of calling functions, to check a service in any language; it may name {port}",
    )
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        dest="tables",
        metavar="NAME:KEY[:SORT]",
        help="a table that nothing else names; may be given several times",
    )
    parser.add_argument("--no-check", action="store_true", help="write the file, and do not run it")
    parser.set_defaults(run=run, runs_models=True)


def run(arguments: argparse.Namespace) -> int:
    """Draft, write, check; returns the exit status."""
    return int(import_module("toctou.cli.init_run").run(arguments))
