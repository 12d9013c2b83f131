"""How wide text is, and where its lines break.

Lines break between words, and what follows is indented so that it stands under the first line's body.  A word is never split
unless it is longer than a line by itself; what is quoted as code, between backticks, is one word where it fits.  Columns are
those of a terminal, where some characters take two.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from toctou.reporting.summary import visible

WIDTH = 100
"""Columns where nothing says how many there are, as in files."""

UNBOUNDED = 10_000

NARROWEST, WIDEST = 40, 160
"""Less is no width to read in, and longer lines are hard to follow."""

_WORD = re.compile(r"(\s*)((?:`[^`]+`|\S)+)")
_HEAD = re.compile(r"\s*(?:\S.{0,30}?\s{2,}(?=\S))?")
"""What stands before a line's body: indentation, and a word or two that two blanks set off."""


def columns(console: Console, unknown: int = WIDTH) -> int:
    """How wide a console's lines may be; ``COLUMNS`` decides where it is no terminal, too.

    Args:
        unknown: where neither says so; records of which each is a line are :data:`UNBOUNDED`, so that programs can read them.
    """
    known = console.is_terminal or os.environ.get("COLUMNS", "").isdigit()
    return within(console.width) if known else unknown


def terminal_columns() -> int:
    """The same for the standard output of this process."""
    return within(shutil.get_terminal_size((WIDTH, 24)).columns)


def within(width: int) -> int:
    """The nearest width that text is laid out in."""
    return min(max(width, NARROWEST), WIDEST)


def command(text: str, style: str = "bold") -> Text:
    """A line that is there to be pasted, and so is never broken."""
    return Text(text, style, no_wrap=True)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` columns, with unprintable characters as escapes."""
    shown = visible(text)
    return [shown[start:end] for start, end in _lines(shown, max(width, 2), max(width, 2))] or [""]


def hanging(head: Text, body: str, width: int, style: str = "") -> Iterator[Text]:
    """A paragraph whose first line starts with a head, and whose further lines stand under the body.

    A head that takes more than half of the width, such as a long name of a table, gets lines of its own.
    """
    if head.cell_len > width // 2:
        indent = " " * (len(head.plain) - len(head.plain.lstrip()))
        for piece in wrapped(head.plain.strip(), width - len(indent)):
            yield Text(f"{indent}{piece}")
        head = Text(f"{indent}    ")
    for number, piece in enumerate(wrapped(body, width - head.cell_len)):
        yield Text.assemble(head if number == 0 else " " * head.cell_len, (piece, style))


def hung(lines: Iterable[Text], width: int) -> Iterator[Text]:
    """Each line, broken where it is wider than that; what follows stands under its body, or two further in."""
    for line in lines:
        if line.no_wrap or line.cell_len <= width:
            yield line
            continue
        head = cell_len(_HEAD.match(line.plain)[0])  # type: ignore[index] # which may be empty
        indent = cell_len(line.plain) - cell_len(line.plain.lstrip())
        by = head if indent < head <= width // 3 else min(indent + 2, width // 3)
        for number, (start, end) in enumerate(_lines(line.plain, width, width - by)):
            piece = line[start:end]
            if number:
                piece.pad_left(by)
            yield piece


def _lines(text: str, first: int, further: int) -> Iterator[tuple[int, int]]:
    """Where lines start and end, the first one of a width of its own."""
    room, start, end = first, 0, 0
    for before, after in _words(text, further):
        if end > start and _is_wider(text, start, after, room):
            yield start, end
            room, start = further, before
        while _is_wider(text, start, after, room):  # a word that is longer than a line
            cut = _cut(text, start, after, room)
            yield start, cut
            room, start = further, cut
        end = after
    if end > start:
        yield start, end


def _words(text: str, room: int) -> Iterator[tuple[int, int]]:
    for word in _WORD.finditer(text):
        if cell_len(word[2]) <= room:
            yield word.span(2)
        else:
            yield from (
                (word.start(2) + one.start(), word.start(2) + one.end()) for one in re.finditer(r"\S+", word[2])
            )


def _is_wider(text: str, start: int, end: int, room: int) -> bool:
    """Whether a part is wider than that; of a long one no more is measured than is needed."""
    length = room + 1
    while start + length < end:
        if cell_len(text[start : start + length]) > room:
            return True
        length *= 2  # which takes characters without a width
    return cell_len(text[start:end]) > room


def _cut(text: str, start: int, end: int, room: int) -> int:
    """Where to split a word that is longer than a line: after a slash, or else wherever the line ends."""
    most = start + 1
    while most < end and cell_len(text[start : most + 1]) <= room:
        most += 1
    slash = text.rfind("/", start, most) + 1
    return slash if slash > start + (most - start) // 2 else most
