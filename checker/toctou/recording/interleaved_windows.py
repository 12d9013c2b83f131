"""Decides what interleaving has shown of a window of the table: a finding, nothing in so many schedules, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from toctou.history.request import SourceLine
from toctou.recording.table_of_windows import WindowRow

if TYPE_CHECKING:
    from toctou.search.result import ModelResult


def shown(row: WindowRow, results: Iterable[ModelResult]) -> str:
    """As a text, without a claim about what was not interleaved.

    Args:
        row: the window.
        results: of the recorded states that were explored.
    """
    found = [
        one
        for result in results
        if result.coverage is not None
        for one in result.coverage.unguarded
        if one.handler == row.handler
        and _line(one.read.source) == _line(row.read)
        and _line(one.write.source) == _line(row.write)
    ]
    if not found:
        return "not interleaved with another request"
    if any(one.outcome == "violation" for one in found):
        return "a finding shows it"
    schedules, between = (sum(getattr(one, name) for one in found) for name in ("schedules", "interleaved"))
    what = f"in {schedules:,} schedules with it, {between:,} of them with another request's write in between"
    if all(one.outcome == "harmless" for one in found):
        return f"harmless where it was interleaved: {what}"
    return f"no finding is put down to it: {what}"


def _line(source: SourceLine | None) -> tuple[str, int]:
    return ("", 0) if source is None else (source.file, source.line)
