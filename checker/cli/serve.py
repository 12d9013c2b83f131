"""``toctou serve``: the embedded DynamoDB as an endpoint on loopback, for any SDK in any language."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from checker.server import serve


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "serve",
        help="offer the embedded DynamoDB to any SDK",
        description="Serves the embedded DynamoDB at a port of 127.0.0.1 and nowhere else.  Requests must be signed, as "
        "SDKs do, but any credentials and any region will do.  The first line printed ends with the URL.",
        epilog="Ends on SIGTERM or SIGINT with exit status 0; 2 if the port or the file cannot be used.",
    )
    parser.add_argument(
        "--port", type=port_number, default=8000, metavar="N", help="where to listen (default 8000); 0 for a free port"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help="keep tables and items in this file (default: in memory only)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped; returns the exit status."""
    serve(arguments.port, arguments.data, _announce)
    return 0


def _announce(url: str) -> None:
    print(f"toctou: serving DynamoDB at {url}", flush=True)


def port_number(text: str) -> int:
    """An argument that is a port, or 0."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to 65535)")
    return number
