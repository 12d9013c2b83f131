"""``toctou fix``: the remedy of a stored violation as a change to the source, checked, or as a snippet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from toctou.errors import BadInput
from toctou.remediation.project_copy import checked
from toctou.remediation.remedy_data import Document, NotPossible
from toctou.remediation.snippets import SDKS, sdk_of, snippet
from toctou.remediation.source_edits.patch import Patch, patch
from toctou.reporting.load import load_violation


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "fix",
        help="make the remedy of a violation in the source",
        description="Prints the remedy of a report as a unified diff of the Python source, after the model was checked with it "
        "in a copy of the project; or, where the source cannot be changed, as a snippet to adapt.",
        epilog="Exit status: 0 the diff removes the finding (or the snippet was asked for, with --sdk); 1 no diff could be made, "
        "or it does not remove the finding; 2 the report cannot be used, or a file cannot be written.",
    )
    parser.add_argument("report", type=Path, metavar="REPORT.json", help="the JSON file of a violation")
    parser.add_argument("--write", action="store_true", help="also change the files, if the check says that it helps")
    parser.add_argument("--no-check", dest="check", action="store_false", help="do not check the changed source")
    parser.add_argument(
        "--sdk", choices=sorted(SDKS), help=f"print a snippet for this SDK instead of a diff: {', '.join(sorted(SDKS))}"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Change a copy, check it, print, write; returns the exit status."""
    report: Path = arguments.report
    document = load_violation(report)
    if arguments.sdk is not None:
        return _print_snippet(document, arguments.sdk, asked_for=True)
    project = _project(report, document)
    try:
        made = patch(document, project)
    except NotPossible as reason:
        print(f"no change to the source: {reason}")
        _print_snippet(document, sdk_of(document, project))
        return 1
    if arguments.check:
        print(f"toctou: checking {document['model']} with the change, in a copy of {project}", file=sys.stderr)
        outcome = checked(document, report, project, made)
        print(f"checked: {outcome.text}", flush=True)
        if not outcome.removed:
            print("no change to the source: the one that the remedy asks for does not remove the finding")
            _print_snippet(document, sdk_of(document, project))
            return 1
    else:
        print("not checked", flush=True)
    for note in made.notes:
        print(f"note: {note}")
    sys.stdout.write(made.diff())
    if arguments.write:
        _write(project, made)
    return 0


def _print_snippet(document: Document, sdk: str, *, asked_for: bool = False) -> int:
    """Print the remedy as text, and as a snippet if it has edits; returns the status of one that was asked for."""
    remedy = document.get("remedy") or {}
    text = remedy.get("text") or document["explanation"]["remedy"]
    if text:
        print(f"fix: {text}")
    try:
        code = snippet(document, sdk)
    except NotPossible as reason:
        print(f"no snippet: {reason}")
        return 1
    if not asked_for:
        print(f"\nAs a snippet ({sdk}; --sdk gives another one):\n")
    print(code)
    return 0


def _project(report: Path, document: Document) -> Path:
    """The folder from which the report names files: as when it was written, or else where we are."""
    written = (report.resolve().parent / document["home"]).resolve()
    files = [step["source"]["file"] for step in document["steps"] if step["source"]]
    return written if document["home"] and any((written / one).is_file() for one in files) else Path.cwd()


def _write(project: Path, made: Patch) -> None:
    for file, change in made.changes.items():
        with (project / file).open(encoding="utf-8", newline="") as source:
            if source.read() != change.before:
                raise BadInput(
                    f"{file} has changed since it was read",
                    expected="the file as it was when the change was checked",
                    remedy="run the command again",
                )
    for file, change in made.changes.items():
        try:
            with (project / file).open(
                "w", encoding="utf-8", newline=""
            ) as target:  # in place: it keeps its permissions
                target.write(change.after)
        except OSError as error:
            raise BadInput(
                f"{file} cannot be written: {error.strerror}", remedy="change it by the diff above"
            ) from error
        print(f"toctou: changed {file}", file=sys.stderr)
