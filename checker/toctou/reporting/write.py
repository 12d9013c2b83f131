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
from functools import partial
from pathlib import Path

from toctou.errors import ReportError, contained
from toctou.reporting.document import RUN, Document
from toctou.reporting.registry import RENDERERS
from toctou.reporting.renderer import Render
from toctou.reporting.run_document import Replay, documents
from toctou.search.result import RunResult

Further = Callable[[Document], Document]
"""Makes another document of the run's, such as a scan's."""

Judge = Callable[[Document], None]
"""Notes in the document of a run what comes of it, as :mod:`toctou.reporting.acceptance` does."""


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
        raise unwritable(directory, error) from error
    _refuse_foreign(directory, _files("run"), _own_files(directory))


def unwritable(directory: Path, error: OSError) -> ReportError:
    """The error for a directory of reports in which nothing can be created."""
    return ReportError(
        f"reports cannot be written to {directory}: {error.strerror}",
        expected="a directory, or a path at which one can be created, on a disk that has room",
        remedy="choose another one with --report DIR, under pytest with --toctou-report DIR",
    )


def write_run(
    result: RunResult,
    directory: Path,
    further: Further | None = None,
    replay: Replay | None = None,
    judge: Judge | None = None,
) -> list[Document]:
    """Write every report of a run, replacing those of an earlier one; returns the run's document, and the further one.

    Args:
        further: makes another document that is stored beside the run's.
        replay: the command that shows a violation again, where ``toctou replay`` cannot.
        judge: notes in the run's document which of its findings fail it.

    Raises:
        ReportError: see :func:`prepare_directory`; or the disk is full.
    """
    run, violations = documents(result, directory, replay)
    if judge is not None:
        judge(run)
    whole = [run] if further is None else [run, further(run)]
    texts = _texts(whole, violations)
    prepare_directory(directory)
    old = _own_files(directory)
    _refuse_foreign(directory, texts, old)
    try:
        for name in sorted(old - set(texts)):
            (directory / name).unlink(missing_ok=True)
        for name, text in texts.items():
            write_atomically(directory / name, text)
    except OSError as error:
        raise unwritable(directory, error) from error
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
    """File name to content; ``run.json`` is first, so that no file is ever there without being listed.

    A file that cannot be rendered, by a fault of ours, is left out; the run says so.
    """
    run, *others = whole
    found: dict[str, str] = {}
    for name, document in violations.items():
        found |= _rendered(run, document, {f"{name}{suffix}": render for suffix, render in stored_formats().items()})
    for other in others:
        found |= _rendered(run, other, _files(other["kind"]))
    # The run lists its files, and what could not be rendered, so it is rendered last, and its data after its page.
    pages = {name: render for name, render in _files("run").items() if name != RUN}
    run["files"] = [RUN, *pages, *found]
    of_run = _rendered(run, run, pages)
    run["files"] = [RUN, *of_run, *found]
    data = _files("run")[RUN]
    # Whatever happens, what is written is listed, so that a later run may remove it.
    least = {name: run[name] for name in ("kind", "format", "toctou", "files", "faults")}
    return (_rendered(run, run, {RUN: data}) or {RUN: data(least)}) | of_run | found


def _rendered(run: Document, document: Document, files: Mapping[str, Render]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, render in files.items():
        faults: list[str] = []
        text = contained(name, partial(render, document), None, faults)
        found |= {} if text is None else {name: text}
        run["faults"] += [{"where": str(document.get("model", "")), "text": fault} for fault in faults]
    return found


def stored_formats() -> dict[str, Render]:
    """Of the formats in which every violation is stored, the suffix and the renderer."""
    return {one.suffix: one.renders["violation"] for one in RENDERERS.values() if one.stored}


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
