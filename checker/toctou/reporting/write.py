"""Writing a run's reports into a directory: which files there are, and which old ones may go.

The directory holds ``run.json``, ``index.html`` and, for each violation, one file per renderer.  ``run.json`` lists all
of them under ``files``; a later run removes what that list names and nothing else, and refuses to overwrite a file
that it does not name.  Each file appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from toctou.errors import ReportError
from toctou.reporting.document import RUN, Document
from toctou.reporting.registry import RENDERERS
from toctou.reporting.renderer import Render
from toctou.reporting.run_document import documents
from toctou.search.result import RunResult

Further = Callable[[Document], Document]
"""Makes another document of the run's, such as a scan's."""


def prepare_directory(directory: Path) -> None:
    """Make sure, before hours of exploring, that reports can be written there.

    Raises:
        ReportError: it cannot be created or written to, or holds a ``run.json`` or ``index.html`` that toctou did not write.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ReportError(
            f"reports cannot be written to {directory}: {error.strerror}",
            expected="a directory, or a path at which one can be created",
            remedy="choose another one with --report DIR",
        ) from error
    _refuse_foreign(directory, _files("run"), _own_files(directory))


def write_run(result: RunResult, directory: Path, further: Further | None = None) -> list[Document]:
    """Write every report of a run, replacing those of an earlier one; returns the run's document, and the further one.

    Args:
        further: makes another document that is stored beside the run's.

    Raises:
        ReportError: see :func:`prepare_directory`.
    """
    run, violations = documents(result, directory)
    whole = [run] if further is None else [run, further(run)]
    texts = _texts(whole, violations)
    prepare_directory(directory)
    old = _own_files(directory)
    _refuse_foreign(directory, texts, old)
    for name in sorted(old - set(texts)):
        (directory / name).unlink(missing_ok=True)
    for name, text in texts.items():
        write_atomically(directory / name, text)
    return whole


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # a lone surrogate in a stored text becomes its escape, which in JSON is also its notation
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _texts(whole: Sequence[Document], violations: Mapping[str, Document]) -> dict[str, str]:
    """File name to content; ``run.json`` is first, so that no file is ever there without being listed."""
    run, *others = whole
    of_violations = {
        f"{name}{one.suffix}": one.renders["violation"](document)
        for name, document in violations.items()
        for one in RENDERERS.values()
        if one.stored
    }
    of_others = {name: render(other) for other in others for name, render in _files(other["kind"]).items()}
    # the run lists its files in its own document, so all names are needed before it is rendered
    run["files"] = [*_files("run"), *of_violations, *of_others]
    return {name: render(run) for name, render in _files("run").items()} | of_violations | of_others


def _files(kind: str) -> dict[str, Render]:
    """File name to renderer, of the files in which every document of this kind is stored; ``run.json`` first."""
    found = {one.files[kind]: one.renders[kind] for one in RENDERERS.values() if kind in one.files}
    return dict(sorted(found.items(), key=lambda file: file[0] != RUN))


def _own_files(directory: Path) -> set[str]:
    """Names listed by the ``run.json`` that is there; nothing if it is not one of ours."""
    try:
        run = json.loads((directory / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return set()
    if not isinstance(run, dict) or run.get("kind") != "run" or not isinstance(run.get("files"), list):
        return set()
    return {name for name in run["files"] if isinstance(name, str) and _is_plain(name)}


def _is_plain(name: str) -> bool:
    # the list is read from a file that anyone may have edited: it must not lead out of the directory
    return Path(name).name == name and "\\" not in name and name not in {"", ".", ".."}


def _refuse_foreign(directory: Path, names: Iterable[str], own: set[str]) -> None:
    foreign = sorted(name for name in names if name not in own and os.path.lexists(directory / name))
    if foreign:
        raise ReportError(
            f"{directory / foreign[0]} is there already, and toctou did not write it",
            expected=f"a directory without {foreign[0]}, or one that holds an earlier run (its {RUN} lists its files)",
            cause="the directory is used for something else, or its run.json was removed or damaged",
            remedy=f"choose another directory with --report DIR, or remove {shlex.quote(str(directory / foreign[0]))}",
        )
