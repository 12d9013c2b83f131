"""``toctou serve``: the embedded DynamoDB as an endpoint on loopback, for any SDK in any language."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from toctou.errors import BadInput
from toctou.server import serve


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
    parser.add_argument(
        "--sync",
        action="store_true",
        help="with --data: answer a write only once it is on the disk (default: once the system has it, so that no end of "
        "this process loses it, but a crash of the machine may lose the last ones)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer requests for this host too (default: loopback addresses and localhost, so that no web page gets in)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped; returns the exit status."""
    if arguments.sync and arguments.data is None:
        raise BadInput(
            "--sync says when data is on the disk, and there is none without --data", remedy="add --data FILE"
        )
    hosts = [name.lower() for name in arguments.allow_host]
    serve(arguments.port, arguments.data, _announce, sync=arguments.sync, hosts=hosts)
    return 0


def _announce(url: str) -> None:
    print(f"toctou: serving DynamoDB at {url}", flush=True)


def port_number(text: str) -> int:
    """An argument that is a port, or 0."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to 65535)")
    return number
