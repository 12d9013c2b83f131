"""Decides what a change of the source comes to: the project is copied, changed there, and explored again as when it was
reported.

The user's files are only read.  What a project may have besides its code (environments, packages of other languages) is
linked, and what is never read by code is left out.  The copy precedes the project wherever Python looks for modules, also
where the project is installed in place.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from toctou.history.picks.staleness import STALENESS
from toctou.history.schedule import parse_schedule
from toctou.remediation.remedy_data import Document
from toctou.remediation.source_edits.patch import Patch

_LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
)
_LINKED = frozenset({"node_modules", "target", ".venv", "venv", ".tox", ".nox", ".cargo", ".gradle", ".m2"})
_MOST_BYTES = 500_000_000
_MOST_FILES = 50_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What exploring the changed project came to.

    Attributes:
        removed: whether the finding is gone, and nothing new has come.
        text: one line, to follow ``checked: ``.
    """

    removed: bool
    text: str


def checked(document: Document, report: Path, project: Path, patch: Patch) -> Outcome:
    """Explore the model of a violation again with a patch, in a copy of the project.

    Args:
        report: the file of the violation; the run it belongs to is beside it.
        project: the folder from which the model and its files are named.
    """
    with copied(project, patch) as (copy, failure):
        if failure:
            return Outcome(removed=False, text=failure)
        reports = copy.parent / "reports"
        done = subprocess.run(  # noqa: S603 - it is what the report says, of which `replay` runs the same
            [sys.executable, "-P", *_command(document, report, reports)],
            cwd=copy,
            env=_environment(project, copy),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        # A session of pytest has a folder of its own within that one.
        place = next((one.parent for one in sorted(reports.rglob("run.json"))), reports)
        run = _read(place / "run.json")
        if run is None:
            return Outcome(
                removed=False, text=f"nothing was explored: {_last_line(done.stderr) or _last_line(done.stdout)}"
            )
        own_run = _run_of(document, report)
        idle = _unreached(document, run) - _unreached(document, own_run or {})
        if idle:  # a condition that never holds leaves no race either
            return Outcome(removed=False, text=f"with the change, {', '.join(sorted(idle))} never writes")
        before = _signatures(report.parent, document) if own_run is not None else None
        return _judged(document, run, _signatures(place, document), before)


def _unreached(document: Document, run: Mapping[str, Any]) -> set[str]:
    """The handlers of the document's model that never reached a write in a run."""
    rows = [one for one in run.get("models", ()) if one["model"] == document["model"]]
    return {one["handler"] for row in rows for one in row.get("unreached", ())}


def _judged(
    document: Document, run: Mapping[str, Any], now: Mapping[Any, str], before: Mapping[Any, str] | None
) -> Outcome:
    """What the changed project's run says of a finding; ``before`` is ``None`` where its own run is not there to compare."""
    row = next((one for one in run["models"] if one["model"] == document["model"]), None)
    if row is None:
        return Outcome(removed=False, text=f"{document['model']} was not explored again")
    explored = f"{row['verdict']}, {row['schedules']} schedules"
    own = _signature(document)
    if own in now:
        return Outcome(removed=False, text=f"{explored}: this finding is still there")
    if row["verdict"] == "VERIFIED":
        return Outcome(removed=True, text=explored)
    if row["verdict"] != "VIOLATED":
        return Outcome(removed=False, text=f"{explored}: {row['stop_reason']}: {row['detail']}")
    known = None if before is None else {_kind(one) for one in before}
    new = [] if known is None else [text for one, text in now.items() if _kind(one) not in known]
    if new:
        return Outcome(removed=False, text=f"{explored}: this finding is gone, but there is a new one: {new[0]}")
    return Outcome(removed=True, text=f"{explored}: this finding is gone, others remain")


def _run_of(document: Document, report: Path) -> Any:
    """The document of the run that a report belongs to; ``None`` if it lies apart from it."""
    return _read(report.parent / document["run"]) if document.get("run") else None


def _signatures(folder: Path, document: Document) -> dict[Any, str]:
    """The violations of the document's model in a folder of reports: what identifies each, and its headline."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        one = _read(file)
        if one is not None and one.get("kind") == "violation" and one.get("model") == document["model"]:
            found[_signature(one)] = str(one["explanation"]["headline"])
    return found


def _kind(signature: tuple[Any, ...]) -> tuple[Any, ...]:
    """What of a finding's signature stays where its write becomes a part of a transaction: anomaly and handler."""
    return signature[1:3]


def _signature(document: Document) -> tuple[Any, ...]:
    # Neither lines nor texts: a patch changes both.
    cause = document["cause"]
    sites = [site and (site["action"], tuple(site["tables"])) for site in (cause["read"], cause["write"])]
    return (document["finding"]["oracle"], document["explanation"]["anomaly"], cause["handler"], *sites)


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines and lines[0].startswith("toctou: ") else (lines[-1] if lines else "")


def _command(document: Document, report: Path, reports: Path) -> list[str]:
    """What explores the model as when the report was written."""
    if document["replay"].startswith("pytest "):
        given = shlex.split(document["replay"])[1:]
        return ["-m", "pytest", *given, f"--toctou-report={reports}", "-p", "no:cacheprovider"]
    run = _run_of(document, report)
    staleness = parse_schedule(document["schedule"]).largest(STALENESS) + 1
    options = {"--backend": document["found_on"], "--reads": "strong" if staleness == 1 else f"eventual:{staleness}"}
    for name in ("strategy", "backend", "reads", "requests", "seed"):
        if run is not None and name in run:
            options[f"--{name}"] = str(run[name])
    target = document["model"]
    return [
        "-m",
        "toctou.cli",
        "check",
        target,
        *(f"{name}={value}" for name, value in options.items()),
        f"--report={reports}",
    ]


def _environment(project: Path, copy: Path) -> dict[str, str]:
    """The environment of the process, in which modules of the copy come before those of the project."""
    project = project.resolve()
    inside = [Path(one or os.curdir).resolve() for one in sys.path]
    own = [
        copy / one.relative_to(project)
        for one in inside
        if one.is_relative_to(project) and not _is_linked(one, project)
    ]
    before = os.environ.get("PYTHONPATH", "")
    places = [*map(str, own), *([before] if before else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1"}


def _is_linked(path: Path, project: Path) -> bool:
    return any(one in _LINKED or one == "site-packages" for one in path.relative_to(project).parts)


@contextmanager
def copied(project: Path, patch: Patch) -> Iterator[tuple[Path, str]]:
    """A copy of the project with a patch; or why there is none."""
    with tempfile.TemporaryDirectory(prefix="toctou-fix-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / project.resolve().name
        failure = _copy(project.resolve(), copy, [PurePosixPath(file) for file in patch.changes])
        if not failure:
            for file, change in patch.changes.items():
                target = copy / file
                if not target.resolve().is_relative_to(copy.resolve()):  # never through a link into the project
                    failure = (
                        f"{file} is reached by a link, which is not copied; --no-check prints the diff without a check"
                    )
                    break
                with target.open("w", encoding="utf-8", newline="") as written:
                    written.write(change.after)
        yield copy, failure


def _copy(project: Path, copy: Path, changed: Sequence[PurePosixPath]) -> str:
    """Copy a folder, of which these files are going to be changed; returns why it cannot be, or ``""``."""
    own = {project / parent for file in changed for parent in file.parents}
    files = size = 0
    for place, folders, names in os.walk(project):
        here, there = Path(place), copy / Path(place).relative_to(project)
        there.mkdir(parents=True, exist_ok=True)
        linked = [one for one in folders if _is_to_be_linked(here / one, own)]
        folders[:] = [one for one in folders if one not in linked and one not in _LEFT_OUT]
        for one in linked:
            (there / one).symlink_to((here / one).resolve(), target_is_directory=True)
        for name in names:
            source = here / name
            if not source.is_file():  # a socket, or a link to nothing
                continue
            files, size = files + 1, size + source.stat().st_size
            if files > _MOST_FILES or size > _MOST_BYTES:
                return f"{project} is too large to be copied; --no-check prints the diff without a check"
            shutil.copy2(source, there / name)
    return ""


def _is_to_be_linked(folder: Path, own: Collection[Path]) -> bool:
    if folder.is_symlink():
        return True
    return folder not in own and (folder.name in _LINKED or (folder / "pyvenv.cfg").exists())
