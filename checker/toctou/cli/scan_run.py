"""What ``toctou scan`` does, apart from its command line, which every ``toctou`` command loads."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from toctou.cli.accepting import policy
from toctou.cli.formats import faults_of, report_faults, show
from toctou.cli.options import shared_options
from toctou.cli.progress import ConsoleProgress
from toctou.declaration.app import App
from toctou.declaration.loading import LoadedModel, load, with_document
from toctou.errors import BadInput, InternalError, ReportError
from toctou.openapi.document import Document, opened
from toctou.openapi.reading import Limits as DocumentLimits
from toctou.reporting.run_document import documents
from toctou.reporting.scan_document import scan_document
from toctou.reporting.write import prepare_directory, write_run
from toctou.scan.scanning import ScanResult, scan
from toctou.verdict import Verdict


def run(arguments: argparse.Namespace) -> int:
    """Scan, print, write; returns the exit status."""
    options = shared_options(arguments)
    loaded, document = _joined(arguments)
    accepting = policy(arguments, [loaded])
    prepare_directory(arguments.report)
    console = Console(stderr=True)
    with ConsoleProgress(console) as progress:
        result = scan(loaded, document, options, progress if console.is_terminal else None)
    try:
        run, found = write_run(
            result.run, arguments.report, lambda run: _document(result, loaded.name, run), judge=accepting.judge
        )
    except ReportError:  # what was explored is not lost with a disk that is full
        show(scan_document(result, loaded.name, documents(result.run)[0]), arguments.format)
        raise
    faults = show(found, arguments.format, str(arguments.report))
    return (
        InternalError.exit_status if report_faults([*faults_of(run), *faults]) else int(found["outcome"]["exit_status"])
    )


def _document(result: ScanResult, model: str, run: dict[str, Any]) -> dict[str, Any]:
    outcome = {**run["outcome"], "exit_status": exit_status(result, run["outcome"])}
    return {**scan_document(result, model, run), "outcome": outcome}


def exit_status(result: ScanResult, outcome: dict[str, Any]) -> int:
    """The most severe of the operations' verdicts, as an exit status; what could not be driven was not concluded.

    Args:
        outcome: of the run: whether any of the findings fails it.
    """
    verdicts = {one.verdict for one in result.operations}
    if any(model.refused for model in result.run.models):
        return BadInput.exit_status
    if outcome["failing"]:
        return 1
    explored = (scenario for model in result.run.models for scenario in model.scenarios)
    # Of an operation that is violated, and whose findings are all accepted, the rest has to be concluded too.
    unfinished = Verdict.VIOLATED in verdicts and any(
        one.verdict is Verdict.INCONCLUSIVE or one.stop_reason is not None for one in explored
    )
    return 3 if Verdict.INCONCLUSIVE in verdicts or unfinished or result.unusable or not verdicts else 0


def _joined(arguments: argparse.Namespace) -> tuple[LoadedModel, Document]:
    """The model and the document that its handlers serve."""
    models = load([arguments.model])
    if len(models) > 1:
        raise BadInput(
            f"{arguments.model} holds {len(models)} models",
            expected="one model for one document",
            remedy=f"name it: --model {models[0].name}",
        )
    (loaded,) = models
    if arguments.document is None:
        if not issubclass(loaded.model, App):
            raise BadInput(
                f"no OpenAPI document for {loaded.name}",
                expected="toctou scan OPENAPI --model MODEL, or a model that derives from toctou.App",
                remedy="name the document",
            )
        return loaded, loaded.model.opened_document()
    total = arguments.max_document_bytes
    limits = DocumentLimits(file_bytes=min(total, max(DocumentLimits().file_bytes, total // 4)), total_bytes=total)
    document = opened(
        arguments.document, root_folder=arguments.root, allow_remote=arguments.allow_remote, limits=limits
    )
    if issubclass(loaded.model, App):
        if loaded.model.document is None and arguments.root is None and not arguments.allow_remote:
            return with_document(loaded, arguments.document), document
        loaded.model.use(document)
    return loaded, document
