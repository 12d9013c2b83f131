"""Options that ``check`` and ``scan`` share, and the types of their arguments."""

from __future__ import annotations

import argparse
from pathlib import Path

from toctou.cli.formats import add_format
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies import usages
from toctou.search.budget import Budget
from toctou.search.options import Options


def add_shared(parser: argparse.ArgumentParser, kind: str) -> None:
    """Add how to explore, where reports go, and the formats for documents of one kind (``run`` or ``scan``)."""
    add = parser.add_argument
    add("--strategy", default="dpor", metavar="NAME", help=f"{', '.join(usages())} (default dpor)")
    add("--backend", default="embedded", metavar="NAME", help="embedded (default), moto, or endpoint=URL")
    add(
        "--reads",
        type=reads,
        default=1,
        metavar="HOW",
        help="strong (default), or eventual[:K]: a read without ConsistentRead returns one of the last K versions (default 2)",
    )
    add(
        "--isolation",
        default="auto",
        metavar="WHERE",
        help="memory, processes (each concurrent request in one of its own), or auto (default): in memory until requests are "
        "seen to share it",
    )
    add("--max-schedules", type=at_least_one, metavar="N", help="give up a scenario after N schedules")
    add("--max-seconds", type=positive, metavar="S", help="give up exploring after S seconds")
    add(
        "--max-step-seconds",
        type=positive,
        default=Limits().seconds,
        metavar="S",
        help="seconds that a handler may take between two calls (default %(default)s)",
    )
    add("--no-fixes", dest="fixes", action="store_false", help="suggest fixes for what is found without trying them")
    add_no_output(parser)
    add("--seed", type=int, default=0, metavar="N", help="for a strategy that draws schedules (default 0)")
    reports = Path("reports/latest")
    add("--report", type=Path, default=reports, metavar="DIR", help="where reports are written (default %(default)s)")
    add_format(parser, kind)


def add_no_output(parser: argparse.ArgumentParser) -> None:
    """Let a command that runs handlers keep nothing of what these print."""
    parser.add_argument(
        "--no-output",
        dest="output",
        action="store_const",
        const=0,
        default=Limits().output,
        help="keep what handlers print out of reports, such as secrets",
    )


def shared_options(arguments: argparse.Namespace) -> Options:
    """What :func:`add_shared` has parsed, but for the output."""
    return Options(
        strategy=arguments.strategy,
        backend=arguments.backend,
        reads=arguments.reads,
        isolation=arguments.isolation,
        fixes=arguments.fixes,
        budget=Budget(arguments.max_schedules, arguments.max_seconds),
        seed=arguments.seed,
        limits=Limits(seconds=arguments.max_step_seconds, output=arguments.output),
    )


def at_least_one(text: str) -> int:
    """An argument that is a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def positive(text: str) -> float:
    """An argument that is a number greater than 0."""
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not greater than 0")
    return number


def reads(text: str) -> int:
    """``strong``, ``eventual`` or ``eventual:K``, as the number of versions that an eventually consistent read may return."""
    kind, _, versions = text.partition(":")
    if text == "strong":
        return 1
    if kind == "eventual" and (not versions or (versions.isdigit() and int(versions) > 1)):
        return int(versions or 2)
    raise argparse.ArgumentTypeError(f"{text!r} is neither strong nor eventual[:K] with K of at least 2")
