"""Source lines for people: relative to the working directory, with the text of the line."""

from __future__ import annotations

import linecache
from functools import lru_cache
from pathlib import Path
from types import CodeType

from checker.history.request import SourceLine


def source_line(place: tuple[CodeType, int] | None) -> SourceLine | None:
    """The line that a frame (code and line number) is at."""
    return None if place is None else _line(place[0].co_filename, place[1], place[0].co_qualname)


@lru_cache(maxsize=4096)
def _line(file: str, line: int, function: str) -> SourceLine:
    path = Path(file)
    try:
        shown = path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        shown = path.name
    return SourceLine(shown, line, function, linecache.getline(file, line).strip())
