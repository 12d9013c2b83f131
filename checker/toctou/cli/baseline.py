"""``toctou baseline``: accept the findings of a run, so that only others fail the next one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from toctou.errors import BadInput
from toctou.reporting.acceptance import gone
from toctou.reporting.baseline import NAME, Baseline, accepted_in, day, find_baseline, merged, read_baseline
from toctou.reporting.document import RUN, Document
from toctou.reporting.load import load_report

DEFAULT = Path("reports/latest")


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "baseline",
        help="accept the findings of a run",
        description="Writes the findings of a run into a file of those that are accepted, so that only others fail "
        "`toctou check`, `toctou scan` and pytest. What the file holds already keeps its reason.",
        epilog="Exit status: 0, or 2 if the report or the file cannot be used.",
    )
    parser.add_argument(
        "report",
        nargs="*",
        metavar="RUN.json|FINGERPRINT",
        help=f"the run, or its directory (default {DEFAULT}), and the findings to accept (default: all)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=f"the file (default: the one that would be used, or {NAME})",
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="why they are accepted")
    parser.add_argument(
        "--expires", type=_day, metavar="DATE", help="the last day on which they are, such as 2030-12-31"
    )
    parser.add_argument(
        "--prune", action="store_true", help="accept nothing more; remove what this run would have found and has not"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file; returns the exit status."""
    path, fingerprints = _parts(arguments.report)
    document = _run_document(path)
    baseline = _baseline(arguments.output)
    if arguments.prune:
        done, changed = _pruned(baseline, document, fingerprints)
    else:
        found = accepted_in(document, fingerprints)
        changed = merged(
            baseline, found, reason=arguments.reason, expires=arguments.expires or "", anew=bool(fingerprints)
        )
        done = [
            f"{'kept' if one.fingerprint in baseline.entries else 'accepted'}  {one.fingerprint}  {one.title}"
            + (f": {changed.entries[one.fingerprint].reason}" if changed.entries[one.fingerprint].reason else "")
            for one in found
        ]
    changed.write(Path(changed.file))
    for line in done:
        print(line)
    count = len(changed.entries)
    print(f"{changed.file} accepts {count} finding{'' if count == 1 else 's'}")
    return 0


def _day(text: str) -> str:
    try:
        return day(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2030-12-31") from None


def _parts(given: Sequence[str]) -> tuple[Path, list[str]]:
    """The report, and the fingerprints, which are never the name of a file that is there."""
    first = Path(given[0]) if given else DEFAULT
    if given and (first.exists() or first.suffix == ".json"):
        return first, list(given[1:])
    return DEFAULT, list(given)


def _run_document(path: Path) -> Document:
    file = path / RUN if path.is_dir() else path
    document = load_report(file)
    if document["kind"] != "run":
        raise BadInput(
            f"{file} is the document of a {document['kind']}, not of a run",
            expected="the run.json that `toctou check`, `toctou scan` or `pytest --toctou` has written",
            remedy=f"toctou baseline {file.parent / RUN}",
        )
    return document


def _baseline(output: Path | None) -> Baseline:
    if output is None:
        return find_baseline(None) or Baseline()
    return read_baseline(output) if output.exists() else Baseline(output.as_posix())


def _pruned(baseline: Baseline, document: Document, fingerprints: Sequence[str]) -> tuple[list[str], Baseline]:
    removed = [one for one in gone(baseline, document) if not fingerprints or one.fingerprint in fingerprints]
    names = {one.fingerprint for one in removed}
    left = {name: one for name, one in baseline.entries.items() if name not in names}
    return [f"removed  {one.fingerprint}  {one.title}" for one in removed], replace(baseline, entries=left)
