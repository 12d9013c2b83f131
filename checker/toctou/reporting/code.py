"""Which lines of the code a report shows: some around the read and the write that a violation comes from.

They are taken when the report is made, because it is read where the code may be another or missing.  Lines of a
neighbouring function are left out, and lines that were not there when the handler ran (the file was edited since) are not
shown at all.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from toctou.reporting.source_document import own_line

AROUND = 5
"""Lines shown before and after the one that is meant."""

LONGEST_LINE = 160
LARGEST_FILE = 2_000_000

Source = dict[str, Any]
"""A line of code, as documents have it."""

Mark = tuple[str, Source]
"""The name of a step, and a line that it comes from."""


def excerpts(cause: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The code of a cause: around the handler's own lines, and around those that make the calls if these are others.

    Stretches of code, each once: the ``file``, the number of the ``first`` line, the ``lines`` without the indentation that they
    share, and ``marks``: which ``line`` is meant, and by which ``step``.
    """
    stretches: list[tuple[Path, range, list[Mark]]] = []
    for step, source in _marks(cause):
        if (found := _around(source)) is None:
            continue
        path, lines = found
        near = next((one for one in stretches if one[0] == path and _touch(one[1], lines)), None)
        if near is None:
            stretches.append((path, lines, [(step, source)]))
            continue
        _, others, meant = near
        both = range(min(others.start, lines.start), max(others.stop, lines.stop))
        meant += [(step, source)] if (step, source) not in meant else []
        stretches[stretches.index(near)] = path, both, meant
    for path, lines, meant in stretches:
        yield {
            "file": meant[0][1]["file"],
            "first": lines.start,
            "lines": _shown(_read(path)[lines.start - 1 : lines.stop - 1]),
            "marks": [
                {"line": source["line"], "step": step}
                for step, source in sorted(meant, key=lambda one: int(one[1]["line"]))
            ],
        }


def _marks(cause: dict[str, Any]) -> Iterator[Mark]:
    for site in (cause["read"], cause["write"]):
        if site and site["source"]:
            own, call = own_line(site), site["source"]
            yield site["step"], own
            if (own["file"], own["line"]) != (call["file"], call["line"]):
                yield site["step"], call


def _touch(one: range, other: range) -> bool:
    return one.start <= other.stop and other.start <= one.stop


def _around(source: Source) -> tuple[Path, range] | None:
    """The file and the lines to show; ``None`` if they cannot be read, or are not those that ran."""
    line: int = source["line"]
    for path in _candidates(source["file"]):
        lines = _read(path)
        if 0 < line <= len(lines) and _is_it(lines[line - 1], source["text"]):
            within = _function(path, line) or range(1, len(lines) + 1)
            first = max(line - AROUND, within.start)
            return path, _without_blank(lines, range(first, min(line + AROUND + 1, within.stop)))
    return None


def _candidates(file: str) -> Iterator[Path]:
    """The file itself; outside of the working directory a line has only its name, but its module was imported."""
    yield Path(file)
    if "/" not in file:
        loaded = {getattr(one, "__file__", None) for one in list(sys.modules.values())}
        yield from (Path(one) for one in sorted(filter(None, loaded)) if Path(one).name == file)


def _is_it(line: str, text: str) -> bool:
    # what a call was made of is joined to one line, which may have lost a comma before a bracket that closes
    begun = line.strip().rstrip(",")
    return bool(begun) and text.strip().rstrip("…").startswith(begun[: max(len(text) - 1, 1)])


def _read(path: Path) -> Sequence[str]:
    try:
        about = path.stat()
    except (OSError, ValueError):
        return ()
    return _lines(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=256)
def _lines(path: Path, _changed: int, size: int) -> Sequence[str]:
    if size > LARGEST_FILE or not path.is_file():
        return ()
    try:
        return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ()


def _function(path: Path, line: int) -> range | None:
    """The lines of the innermost function around a line of Python."""
    if path.suffix != ".py":
        return None
    around = [one for one in _functions(tuple(_read(path))) if line in one]
    return min(around, key=len, default=None)


@lru_cache(maxsize=256)
def _functions(lines: tuple[str, ...]) -> Sequence[range]:
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return ()
    return [
        range(min([node.lineno, *(one.lineno for one in node.decorator_list)]), (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _without_blank(lines: Sequence[str], shown: range) -> range:
    filled = [at for at in shown if lines[at - 1].strip()]
    return range(filled[0], filled[-1] + 1) if filled else shown


def _shown(lines: Sequence[str]) -> list[str]:
    plain = textwrap.dedent("\n".join(line.expandtabs(4).rstrip() for line in lines)).split("\n")
    return [line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…" for line in plain]
