"""``toctou scan``: the operations of an OpenAPI document, driven against a model."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from toctou.cli.accepting import add_accepting
from toctou.cli.options import add_shared, at_least_one

_LARGEST = 64_000_000


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "scan",
        help="drive an API from its OpenAPI document",
        description="Makes requests of every operation of an OpenAPI document, records what each does in DynamoDB when it runs "
        "alone, explores the pairs that conflict, and reports a verdict for each operation.",
        epilog="Exit status: 0 every operation verified but for what is accepted or below --fail-on, 1 one "
        "violated, 2 a document, a model or an option that cannot be used, "
        "3 an inconclusive operation, 70 a fault of toctou itself, which leaves all other results standing.",
    )
    parser.add_argument(
        "document",
        nargs="?",
        metavar="OPENAPI",
        help="OpenAPI 2.0 (Swagger) to 3.2, JSON or YAML (default: the one that the model names, or its application makes)",
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODEL",
        help="file.py:Model or package.module:Model, of an application or of handlers",
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="folder that references may lead to (default: the document's)"
    )
    parser.add_argument("--allow-remote", action="store_true", help="fetch http and https references")
    parser.add_argument(
        "--max-document-bytes",
        type=at_least_one,
        default=_LARGEST,
        metavar="N",
        help="size of the document with everything that it refers to (default %(default)s)",
    )
    add_shared(parser, "scan")
    add_accepting(parser)
    parser.set_defaults(run=run, runs_models=True)


def run(arguments: argparse.Namespace) -> int:
    """Scan, print, write; returns the exit status."""
    return int(import_module("toctou.cli.scan_run").run(arguments))
