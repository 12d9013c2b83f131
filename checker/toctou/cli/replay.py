"""``toctou replay``: run a stored counterexample again and print its explanation."""

from __future__ import annotations

import argparse
import contextlib
from contextlib import closing
from pathlib import Path
from typing import Any

from toctou.cli.formats import report_faults, show
from toctou.cli.options import add_no_output
from toctou.cli.standard_output import standard_output
from toctou.client.backends import backend_named, backend_replaying
from toctou.counterexample.confirmation import confirmed
from toctou.counterexample.presentation import presented
from toctou.counterexample.violation import Violation
from toctou.declaration.isolation import isolation_of
from toctou.declaration.loading import LoadedModel, load
from toctou.declaration.model import check_model
from toctou.declaration.scenario import Scenario
from toctou.errors import InternalError, ScheduleDiverged
from toctou.execution.judges import oracles_for
from toctou.execution.judging import Sighting, judged
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.operation import Execution, StoredImages
from toctou.reporting.document import documented, stored_as
from toctou.reporting.load import Counterexample, counterexample, load_violation
from toctou.scheduling.runner import Limits
from toctou.search.options import Options


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "replay",
        help="run a stored counterexample again",
        description="Re-executes the counterexample of a report against the code as it is now, and explains it.",
        epilog="Exit status: 1 the violation is still there, 0 the schedule runs but the violation is gone, 2 the report cannot "
        "be used or its schedule no longer fits the code.",
    )
    parser.add_argument("report", type=Path, metavar="REPORT.json", help="the JSON file of a violation")
    parser.add_argument(
        "--backend", default=None, metavar="NAME", help="embedded, moto, or endpoint=URL (default: where it was found)"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="also print every step in full, with what the handlers printed there"
    )
    add_no_output(parser)
    parser.set_defaults(run=run, runs_models=True)


def run(arguments: argparse.Namespace) -> int:
    """Replay, print; returns the exit status."""
    stored = counterexample(load_violation(arguments.report))
    backend = arguments.backend or stored.found_on
    scenario = Scenario(stored.requests, stored.left_out)
    with contextlib.chdir(_home(arguments.report, stored)):
        (loaded,) = load([stored.model])
        check_model(loaded.model, by_itself=False)  # the report says which requests there are
        violation, execution = _again(loaded, scenario, stored, backend, Limits(output=arguments.output))
        faults: list[str] = []
        document = None if violation is None else documented(loaded.name, violation, _title(loaded), faults)
    if violation is None:
        answers = ", ".join(
            f"{request} → {response}" for request, response in zip(execution.requests, execution.responses, strict=True)
        )
        print(
            f"The schedule {stored.schedule} runs, and the oracle {stored.oracle} no longer objects: {answers}",
            file=standard_output(),
        )
        return 0
    if document is not None:
        name = "detail" if arguments.verbose else "text"
        faults = [*document.get("faults", ()), *show({**document, **stored_as(arguments.report)}, name)]
    return InternalError.exit_status if report_faults(faults) else 1


def _home(report: Path, stored: Counterexample) -> Path:
    """The folder from which the report names its model: as when it was written, or else where we are."""
    written = (report.resolve().parent / stored.home).resolve()
    place = stored.model.rpartition(":")[0]
    files = [place] if place.endswith(".py") else [place.split(".")[0], f"{place.split('.')[0]}.py"]
    return written if stored.home and any((written / file).exists() for file in files) else Path.cwd()


def _again(
    loaded: LoadedModel, scenario: Scenario, stored: Counterexample, backend: str, limits: Limits
) -> tuple[Violation | None, Execution]:
    isolation = isolation_of(loaded.model, stored.isolation)
    with closing(backend_replaying(backend, stored.schedule)) as store:
        laboratory = Laboratory(loaded.model, store, limits, isolation)
        with laboratory.opened():
            _check_fits(loaded, scenario, stored, laboratory)
            execution = replayed(laboratory, scenario, stored.schedule)
            findings = list(judged(execution, oracles_for(laboratory, scenario)))
            finding = next((one for one in findings if one.oracle == stored.oracle), None)
            if finding is None:
                return None, execution
            violation = presented(laboratory, Sighting(finding, execution), backend)
    second = Options(backend=backend).second_backend
    with closing(backend_named(second)) as store:
        laboratory = Laboratory(loaded.model, store, limits, isolation)
        with laboratory.opened():
            return confirmed(laboratory, [violation], second)[0], execution


def _check_fits(loaded: LoadedModel, scenario: Scenario, stored: Counterexample, laboratory: Laboratory) -> None:
    handlers = loaded.model.handlers()
    missing = [request.handler for request in scenario.requests if request.handler not in handlers]
    if missing:
        what = f"the model {loaded.name} has no handler {missing[0]!r} any more"
    elif _items(stored.initial, stored.left_out) != _items(laboratory.initial):
        what = f"the model {loaded.name} starts from other items now"
    else:
        return
    raise ScheduleDiverged(
        f"the report no longer fits before the first step: {what}",
        expected="the model as it was when the report was written",
        cause="the model has changed since",
        remedy="run `toctou check` again; if it verifies, the race is gone",
    )


def _items(*stored: StoredImages) -> list[str]:
    """Each item with its table, in an order that does not depend on where it is from."""
    return sorted(f"{table} {image!r}" for one in stored for table, images in one.items() for image in images)


def _title(loaded: LoadedModel) -> str:
    return (loaded.model.__doc__ or "").strip().partition("\n")[0]
