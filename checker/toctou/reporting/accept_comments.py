"""Comments that accept a finding where it is in the code: ``# toctou: accept[lost_update] the last writer is meant to win``.

A comment counts at any statement that leads to the read or the write, on the line above it, and at the head of its function.  In
brackets are patterns or oracles; without brackets it accepts whatever is found there.  It needs a reason: one without accepts
nothing.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType
from typing import Any

from toctou.client.source import shown_file
from toctou.declaration.loading import LoadedModel
from toctou.history.request import SourceLine
from toctou.reporting.model_names import portable_target
from toctou.reporting.source_code import Comment, source_code

_COMMENT = re.compile(r"toctou:\s*accept\b\s*(?:\[(?P<names>[^\]]*)\])?\s*[:,–-]?\s*(?P<reason>.*)", re.DOTALL)
"""A misspelt one, such as ``accept[toctou``, has a reason that begins with a bracket; see :func:`problem`."""

Accept = dict[str, Any]
"""``file``, ``line``, ``names`` (none for all), ``reason``."""


def accepting(stack: Iterable[SourceLine]) -> list[Accept]:
    """The comments at these places, each once."""
    found: dict[tuple[str, int], Accept] = {}
    for place in stack:
        if place.extent is None or (code := source_code(place.extent.path)) is None:
            continue
        for comment in (*code.beside_statement(place.line), *code.beside_function(place.line)):
            if (one := _read(comment, place.file)) is not None:
                found.setdefault((place.file, comment.line), one)
    return list(found.values())


def at_handlers(models: Iterable[LoadedModel]) -> list[Accept]:
    """The comments within the handlers of these models and at their heads, each with the name of its ``model``."""
    return [
        {**comment, "model": portable_target(loaded.name)}
        for loaded in models
        for handler in loaded.model.handlers().values()
        for comment in _within(handler.function)
    ]


def _within(function: Any) -> Iterator[Accept]:
    place = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    code = None if place is None else source_code(place.co_filename)
    if place is None or code is None:
        return
    shown = shown_file(place.co_filename)
    for node in code.functions():
        if node.name == place.co_name and node.lineno <= _body(place) <= (node.end_lineno or 0):
            within = [one for line, one in code.comments.items() if node.lineno <= line <= (node.end_lineno or 0)]
            for comment in {one.line: one for one in (*code.beside_function(node.lineno), *within)}.values():
                if (one := _read(comment, shown)) is not None:
                    yield one


def _body(place: CodeType) -> int:
    """A line within a function, whose first one is that of a decorator."""
    return max((line for _, _, line in place.co_lines() if line is not None), default=place.co_firstlineno)


def _read(comment: Comment, file: str) -> Accept | None:
    match = _COMMENT.match(comment.text)
    if match is None:
        return None
    names = [name.strip() for name in (match["names"] or "").split(",") if name.strip()]
    return {"file": file, "line": comment.line, "names": names, "reason": match["reason"].strip()}


def problem(accept: Accept) -> str:
    """Why a comment accepts nothing; ``""`` if it may."""
    if accept["reason"].startswith("["):
        return "its bracket is not closed"
    return "" if accept["reason"] else "it gives no reason"


def covers(accept: Accept, shown: Sequence[tuple[str, str]]) -> bool:
    """Whether it accepts all of these violations, each given as its pattern and its oracle."""
    names = set(accept["names"])
    return not problem(accept) and (not names or all(names & {*one} for one in shown))
