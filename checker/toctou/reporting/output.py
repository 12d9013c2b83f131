"""Where a report shows what requests wrote: at the step after which they did, or before which, if it is their first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from toctou.reporting.document import Document
from toctou.reporting.summary import shortened, visible

_SHORT = 12, 1_500
"""Lines and characters up to which a text is not collapsed on a page."""

_LINES = 8
_LINE = 400
_GLIMPSE = 40


def pieces_at(document: Document) -> Mapping[str, Sequence[Document]]:
    """What was written, by the name of the step where it is shown; by the letter of a request that performed no operation."""
    first: dict[str, str] = {}
    for step in document["steps"]:
        first.setdefault(step["request"], step["name"])
    found: dict[str, list[Document]] = {}
    for one in document.get("output", ()):
        request = one["request"]
        at = one["step"] or first.get(request, request)
        when = "" if at == request else "after the call" if one["step"] else "before the call"
        lines = one["text"].removesuffix("\n").expandtabs().split("\n")
        is_long = len(lines) > _SHORT[0] or len(one["text"]) > _SHORT[1]
        found.setdefault(at, []).append({**one, "when": when, "lines": lines, "long": is_long})
    return found


def glimpse(pieces: Sequence[Document]) -> str:
    """The first line that says something, short enough for a cell."""
    line = next((line.strip() for one in pieces for line in one["lines"] if line.strip()), "")
    return shortened(line, _GLIMPSE)


def rows(pieces: Sequence[Document]) -> Iterator[tuple[str, str]]:
    """Pairs of a stream and a line of text, for a report in text: the first lines of each piece."""
    for one in pieces:
        head = f"{one['when']}: " if one["when"] else ""
        for number, line in enumerate(one["lines"][:_LINES]):
            shown = shortened(line, _LINE)
            yield (one["stream"], head + shown) if number == 0 else ("", shown)
        if (more := len(one["lines"]) - _LINES) > 0:
            yield "", f"… {more} more line{'s' if more > 1 else ''}"


def section(document: Document) -> Iterator[str]:
    """The same for all steps, as lines under a title; none if nothing was written."""
    if document.get("output"):
        yield "OUTPUT OF THE HANDLERS"
    for at, pieces in pieces_at(document).items():
        for number, (stream, line) in enumerate(rows(pieces)):
            yield f"  {at if number == 0 else '':<6}{stream:<8}{visible(line)}".rstrip()
