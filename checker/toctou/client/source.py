"""Source lines for people: relative to the working directory, with the text of the line, or of all lines of a call; and the
stack of such lines that leads to a call.
"""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType

from toctou.history.request import Extent, SourceLine
from toctou.scheduling.event_loop import callers, is_begun_elsewhere
from toctou.scheduling.origin import Site, is_handlers_file, is_of_the_handler, is_standard

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
            known = self._known.get(place) or self._look_up(frame)
            if known[1] is not None:
                return known[1]
            if known[2]:
                break
            frame = frame.f_back
        called = [one for one in callers(innermost) if not one.module.startswith(_NOT_THE_HANDLER)]
        site = next(filter(is_of_the_handler, called), next(iter(called), None))
        return None if site is None else _line_at(site)

    def stack(self, frame: FrameType | None) -> tuple[SourceLine, ...]:
        """The current lines of all frames of the user's own code, outermost first; of a library's, where there are no others.

        Takes a look at every frame, so it is for runs whose speed does not matter.
        """
        own: list[SourceLine] = []
        of_libraries: list[SourceLine] = []
        while frame is not None:
            _, line, elsewhere = self._known.get((id(frame.f_code), frame.f_lasti)) or self._look_up(frame)
            if line is not None:
                (own if is_handlers_file(frame.f_code.co_filename) else of_libraries).append(line)
            if elsewhere:
                break
            frame = frame.f_back
        # Whoever started what runs here: a task, a worker function or, where no frame is left, a thread.
        own += [_line_at(one) for one in callers(frame) if _is_the_users(one)]
        return tuple(reversed(own or of_libraries))

    def _look_up(self, frame: FrameType) -> tuple[CodeType, SourceLine | None, bool]:
        if len(self._known) >= _MOST_PLACES:
            self._known.clear()
        found = frame.f_code, _line_of(frame), is_begun_elsewhere(frame.f_code)
        self._known[id(frame.f_code), frame.f_lasti] = found
        return found


def _line_of(frame: FrameType) -> SourceLine | None:
    if frame.f_globals.get("__name__", "").startswith(_NOT_THE_HANDLER) or is_standard(frame.f_code.co_filename):
        return None
    file = frame.f_code.co_filename
    extent = _extent(frame)
    lines = (frame.f_lineno, frame.f_lineno)
    if extent is not None and extent.line == frame.f_lineno:
        lines = extent.line, extent.last_line
    return _line(file, *lines, frame.f_code.co_qualname, extent)


def _extent(frame: FrameType) -> Extent | None:
    """Where the current expression is; ``None`` if Python does not know."""
    line, last_line, column, last_column = next(
        islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None, None, None, None)
    )
    if line is None or last_line is None or column is None or last_column is None:
        return None
    return Extent(frame.f_code.co_filename, line, column, last_line, last_column)


def _is_the_users(site: Site) -> bool:
    return is_of_the_handler(site) and not site.module.startswith(_NOT_THE_HANDLER)


def _line_at(site: Site) -> SourceLine:
    return _line(site.file, site.line, site.line, site.function, Extent(site.file, site.line, 0, site.line, 0))


def source_line(place: tuple[CodeType, int] | None) -> SourceLine | None:
    """The current line of a frame, given as code and line number."""
    if place is None:
        return None
    code, line = place
    return _line(code.co_filename, line, line, code.co_qualname, Extent(code.co_filename, line, 0, line, 0))


@lru_cache(maxsize=4096)
def _line(file: str, line: int, last: int, function: str, extent: Extent | None) -> SourceLine:
    text = _in_one([linecache.getline(file, at) for at in range(line, last + 1)])
    return SourceLine(shown_file(file), line, function, text, extent)


def shown_file(file: str) -> str:
    """What a file is called: its path from the working directory, or its name if it is elsewhere."""
    path = Path(file)
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name


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
