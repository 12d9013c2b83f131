"""Source lines for people: relative to the working directory, with the text of the line, or of all lines of a call."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType

from toctou.history.request import SourceLine
from toctou.scheduling.event_loop import callers, is_begun_elsewhere
from toctou.scheduling.origin import is_of_the_handler, is_standard

_NOT_THE_HANDLER = ("botocore.", "boto3.", "toctou.", "contextlib", "s3transfer")
_MOST_PLACES = 4096
_OPENING = ("(", "[", "{")
_CLOSING = (")", "]", "}")

MOST_CHARACTERS = 400
"""Characters shown of a call."""


class Callers:
    """The lines of handlers that make calls, each looked up once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        # By the identity of the code, whose own hash goes over all of its bytes, and the place in it.
        # No line: it is not the handler's.  Last, whether to look elsewhere for who has asked for it.
        self._known: dict[tuple[int, int], tuple[CodeType, SourceLine | None, bool]] = {}

    def line(self, frame: FrameType | None) -> SourceLine | None:
        """The current line of the innermost frame, from this one outwards, that belongs to none of Python, boto3 and the checker.

        Where a method of a client is itself what a thread or a task runs, it is the line that has started that.
        """
        innermost = frame
        while frame is not None:
            code = frame.f_code
            place = id(code), frame.f_lasti
            known = self._known.get(place)
            if known is None:
                if len(self._known) >= _MOST_PLACES:
                    self._known.clear()
                known = self._known[place] = code, _line_of(frame), is_begun_elsewhere(code)
            if known[1] is not None:
                return known[1]
            if known[2]:
                break
            frame = frame.f_back
        called = [one for one in callers(innermost) if not one.module.startswith(_NOT_THE_HANDLER)]
        site = next(filter(is_of_the_handler, called), next(iter(called), None))
        return None if site is None else _line(site.file, site.line, site.line, site.function)


def _line_of(frame: FrameType) -> SourceLine | None:
    if frame.f_globals.get("__name__", "").startswith(_NOT_THE_HANDLER) or is_standard(frame.f_code.co_filename):
        return None
    return _line(frame.f_code.co_filename, *_lines(frame), frame.f_code.co_qualname)


def _lines(frame: FrameType) -> tuple[int, int]:
    """The first and the last line of the current expression, or the current line if Python does not know more."""
    positions = islice(frame.f_code.co_positions(), frame.f_lasti // 2, None)
    first, last, *_ = next(positions, (None, None))
    if first is None or last is None or first != frame.f_lineno:
        return frame.f_lineno, frame.f_lineno
    return first, last


def source_line(place: tuple[CodeType, int] | None) -> SourceLine | None:
    """The current line of a frame, given as code and line number."""
    return None if place is None else _line(place[0].co_filename, place[1], place[1], place[0].co_qualname)


@lru_cache(maxsize=4096)
def _line(file: str, line: int, last: int, function: str) -> SourceLine:
    path = Path(file)
    try:
        shown = path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        shown = path.name
    return SourceLine(shown, line, function, _in_one([linecache.getline(file, at) for at in range(line, last + 1)]))


def _in_one(lines: Sequence[str]) -> str:
    """The lines of a call joined."""
    text = ""
    for line in map(str.strip, lines):
        if line.startswith(_CLOSING):
            text = text.removesuffix(",")
        elif text and not text.endswith(_OPENING):
            text += " "
        text += line
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
