"""``toctou check``: explore models, print verdicts, write reports."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from toctou.checking.check import Exploring, check
from toctou.cli.accepting import add_accepting, policy
from toctou.cli.formats import faults_of, report_faults, show
from toctou.cli.options import add_shared, at_least_one, shared_options
from toctou.cli.progress import ConsoleProgress
from toctou.cli.standard_output import standard_output
from toctou.declaration.loading import LoadedModel, load
from toctou.distribution.child import end_children
from toctou.distribution.dask_executor import on_cluster
from toctou.distribution.in_process import InProcess
from toctou.distribution.journal import Journal
from toctou.distribution.workers import Distributed
from toctou.errors import BadInput, InternalError, ReportError
from toctou.reporting.registry import RENDERERS
from toctou.reporting.run_document import documents
from toctou.reporting.write import prepare_directory, write_run
from toctou.scheduling.runner import Limits
from toctou.search.options import Options
from toctou.search.result import RunResult
from toctou.verdict import Verdict


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "check",
        help="explore the interleavings of models",
        description="Explores every scenario of the scope, prints a verdict per model and writes reports.",
        epilog="Exit status: 0 everything verified but for what is accepted or below --fail-on, 1 violated, 2 bad usage or a "
        "target that cannot be used, 3 inconclusive, 70 a fault of toctou itself, which leaves all other results standing.  "
        "With --expect: 0 if every verdict is as expected, else 1, or 2 or 70 as before.",
    )
    parser.add_argument(
        "targets", nargs="+", metavar="TARGET", help="a folder, a file, file.py:Model or package.module:Model"
    )
    parser.add_argument("--requests", type=at_least_one, default=2, metavar="N", help="concurrent requests (default 2)")
    parser.add_argument(
        "--no-symmetry",
        action="store_true",
        help="also run scenarios that differ only in names, and schedules in which interchangeable requests are swapped",
    )
    parser.add_argument(
        "--every-step",
        action="store_true",
        help="run every step of every schedule, even where its effect is known from earlier ones",
    )
    parser.add_argument(
        "--max-operations",
        type=at_least_one,
        default=Limits().operations,
        metavar="N",
        help="DynamoDB calls that one request may make (default %(default)s)",
    )
    spread = parser.add_mutually_exclusive_group()
    spread.add_argument("--jobs", type=at_least_one, default=1, metavar="N", help="explore in N processes (default 1)")
    spread.add_argument(
        "--dask", metavar="ADDRESS", help="explore on a Dask cluster, such as tcp://127.0.0.1:8786; needs toctou[dask]"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="keep in FILE what has been explored, and continue from there if the file exists",
    )
    add_shared(parser, "run")
    add_accepting(parser)
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="also print the scenarios that are verified, a line each, and all of what was covered",
    )
    parser.add_argument(
        "--expect", type=Path, metavar="FILE", help="JSON file that maps models to the verdicts that should come out"
    )
    parser.set_defaults(run=run, runs_models=True)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, write; returns the exit status."""
    options = replace(
        shared_options(arguments),
        requests=arguments.requests,
        symmetry=not arguments.no_symmetry,
        every_step=arguments.every_step,
        limits=Limits(arguments.max_operations, arguments.max_step_seconds, arguments.output),
    )
    expected = None if arguments.expect is None else read_expected(arguments.expect)
    models = load(arguments.targets)
    accepting = policy(arguments, models)
    prepare_directory(arguments.report)
    with (
        journal(arguments.resume, models, options) as kept,
        ConsoleProgress(
            Console(file=standard_output() if RENDERERS[arguments.format].show else sys.stderr),
            verbose=arguments.verbose,
        ) as progress,
        exploring(arguments.jobs, arguments.dask) as explorers,
    ):
        result = check(models, options, progress, explorers, kept)
    try:
        (document,) = write_run(result, arguments.report, judge=accepting.judge)
    except ReportError:  # what was explored for hours is not lost with a disk that is full
        show(documents(result)[0], arguments.format)
        raise
    faults = show(document, arguments.format, str(arguments.report))
    status = int(document["outcome"]["exit_status"]) if expected is None else report_expected(expected, result)
    status = BadInput.exit_status if report_invalid(result) else status
    return InternalError.exit_status if report_faults([*faults_of(document), *faults]) else status


@contextmanager
def journal(file: Path | None, models: Sequence[LoadedModel], options: Options) -> Iterator[Journal | None]:
    """The journal in a file, if there is to be one."""
    if file is None:
        yield None
        return
    with closing(Journal(file, models, options)) as kept:
        if kept.explored:
            print(f"toctou: continuing from {file}", file=sys.stderr)
        yield kept


@contextmanager
def exploring(jobs: int, cluster: str | None) -> Iterator[Exploring]:
    """What explores: this process, several processes, or a cluster."""
    if cluster is not None:
        with on_cluster(cluster) as cluster_workers:
            yield cluster_workers
        return
    if jobs == 1:
        yield InProcess()
        return
    with ThreadPoolExecutor(jobs) as executor:
        try:
            yield Distributed(executor, jobs)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            end_children()


def report_invalid(result: RunResult) -> bool:
    """Report on standard error the models that proved invalid while they were explored; whether there are any."""
    invalid = [model for model in result.models if model.refused]
    for model in invalid:
        print(f"toctou: invalid model {model.model}: {model.detail}", file=sys.stderr)
    return bool(invalid)


def read_expected(file: Path) -> dict[str, Verdict]:
    """The verdicts that should come out, by model.

    Raises:
        BadInput: the file cannot be read, or is not an object of model names and verdicts.
    """
    remedy = 'write {"models/delete_item.py:ReadThenDelete": "VIOLATED", …}'
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise BadInput(f"--expect {file}: {fault}", expected="a JSON file", remedy=remedy) from None
    if not isinstance(content, dict):
        raise BadInput(f"--expect {file} holds {type(content).__name__}", expected="a JSON object", remedy=remedy)
    for model, verdict in content.items():
        if verdict not in tuple(Verdict):
            raise BadInput(
                f"--expect {file}: {model} is expected to be {verdict!r}",
                expected=", ".join(Verdict),
                remedy=remedy,
            )
    return {model: Verdict(verdict) for model, verdict in content.items()}


def report_expected(expected: dict[str, Verdict], result: RunResult) -> int:
    """Report on standard error what is not as expected; returns 0 if everything is."""
    found = {model.model: model.verdict for model in result.models}
    wrong = [
        f"{name}: expected {expected.get(name, 'nothing')}, found {found.get(name, 'no such model')}"
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]
    for line in wrong:
        print(f"toctou: not as expected: {line}", file=sys.stderr)
    if not wrong:
        print(f"toctou: all {len(found)} verdicts are as expected", file=sys.stderr)
    return 1 if wrong else 0
