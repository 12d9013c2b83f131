"""Source lines for people: relative to the working directory, with the text of the line."""

from __future__ import annotations

import linecache
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType

from checker.history.request import SourceLine

_NOT_THE_HANDLER = ("botocore.", "boto3.", "checker.", "contextlib", "s3transfer")
_MOST_PLACES = 4096


class Callers:
    """The lines of handlers that calls come from, each looked up once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        # By the identity of the code, whose own hash goes over all of its bytes, and the place in it.
        self._known: dict[tuple[int, int], tuple[CodeType, SourceLine | None]] = {}  # no line: it is not the handler's

    def line(self, frame: FrameType | None) -> SourceLine | None:
        """The line that the innermost frame is at, from this one outwards, that belongs neither to boto3 nor to us."""
        while frame is not None:
            code = frame.f_code
            place = id(code), frame.f_lasti
            known = self._known.get(place)
            if known is None:
                if len(self._known) >= _MOST_PLACES:
                    self._known.clear()
                known = self._known[place] = code, _line_of(frame)
            if known[1] is not None:
                return known[1]
            frame = frame.f_back
        return None


def _line_of(frame: FrameType) -> SourceLine | None:
    if frame.f_globals.get("__name__", "").startswith(_NOT_THE_HANDLER):
        return None
    return source_line((frame.f_code, frame.f_lineno))


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
