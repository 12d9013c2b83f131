"""The command ``toctou``: its subcommands and its exit status.

Exit status: 0 nothing violated and everything verified; 1 violated (or, with ``--expect``, not as expected); 2 bad usage, or
something that cannot be loaded; 3 inconclusive; 70 a fault of toctou itself, which costs nothing but what it occurred in; 130
interrupted before anything was explored.
"""

from __future__ import annotations

import argparse
import io
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module, metadata

from toctou.cli.standard_output import reserved, standard_output
from toctou.errors import InternalError, ToctouError

SUBCOMMANDS = ("check", "init", "scan", "replay", "report", "baseline", "serve")
"""Modules with ``add(subparsers)`` and ``run(arguments) -> int``; a new subcommand is a file here and a name in this line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.  ``arguments`` default to the process's own."""
    whole_process = arguments is None
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):  # what it cannot encode, such as half of a surrogate pair, is escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="toctou",
        description="Finds, explains and proves the fix of races in request handlers that keep their data in DynamoDB.",
        epilog="Exit status: 0 verified, 1 violated, 2 bad usage or input, 3 inconclusive, 70 a fault of toctou itself.",
    )
    parser.add_argument("--version", action="version", version=f"toctou {metadata.version('toctou')}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    parser.set_defaults(runs_models=False)
    for name in _asked_for(arguments):
        import_module(f"toctou.cli.{name}").add(subparsers)
    try:
        parsed = parser.parse_args(arguments)
        with reserved(for_good=whole_process) if parsed.runs_models else nullcontext():
            return int(parsed.run(parsed))
    except ToctouError as error:
        standard_output().flush()
        print(f"toctou: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 141
    except Exception:  # Python's own status would be 1, which says that a model is violated
        traceback.print_exc()
        print("toctou: this is a fault of toctou itself; please report it with the text above", file=sys.stderr)
        return InternalError.exit_status


def _asked_for(arguments: Sequence[str]) -> Sequence[str]:
    # Each takes what it needs along: `serve` starts in a sixth of the time of `check`.  All are needed to say what there is.
    first = arguments[:1]
    return first if first and first[0] in SUBCOMMANDS else SUBCOMMANDS
