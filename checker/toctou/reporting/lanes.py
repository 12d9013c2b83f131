"""Lanes: one column per request with time running down, as styled lines that fit a given width.

It decides where each operation and each answer stands and how cells wrap; :mod:`toctou.reporting.text` decides what is
above and below.  Where the columns would be too narrow to read, the same rows come as a list, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

from toctou.reporting.document import Document
from toctou.reporting.expressions import conditions
from toctou.reporting.stored import in_time
from toctou.reporting.summary import call
from toctou.reporting.wrapping import wrapped

MIN_COLUMN = 18
LANE_STYLES = ("cyan", "magenta", "yellow", "green", "blue", "bright_red")
WITNESS = "●"
STEP = "○"
ANSWER = "◀"


def lane_style(index: int) -> str:
    """The colour of a request's lane; colours repeat, letters do not."""
    return LANE_STYLES[index % len(LANE_STYLES)]


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry of a lane.

    Attributes:
        request: index of the lane.
        moment: what stands in the margin: the step's number in time, or nothing for an answer.
        mark: the sign before the first line.
        lines: pairs of text and whether it is the entry's title.
        witness: whether the operation is one that shows the violation.
    """

    request: int
    moment: str
    mark: str
    lines: tuple[tuple[str, bool], ...]
    witness: bool


def cells(document: Document) -> Iterator[Cell]:
    """The entries of all lanes in the order in which they happened."""
    index = {request["letter"]: at for at, request in enumerate(document["requests"])}
    marks = marked(document)
    for step, response in in_time(document):
        if response is not None:
            yield Cell(index[response["request"]], "", ANSWER, ((f"answers {response['text']}", False),), witness=False)
        elif step is not None:
            flag = f"violates {document['finding']['oracle']}" if step["wrong"] else ""
            details = (conditions(step), step["outcome"], flag)
            lines = ((call(step), True), *((line, False) for line in details))
            mark = "" if not marks else WITNESS if step["witness"] else STEP
            yield Cell(index[step["request"]], step["name"], mark, lines, witness=step["witness"])


def marked(document: Document) -> bool:
    """Whether some operations show the violation and others do not; else marks say nothing."""
    return len({step["witness"] for step in document["steps"]}) > 1


def lanes(document: Document, width: int) -> list[Text]:
    """The lanes as lines of at most ``width`` cells."""
    requests = document["requests"]
    margin = max([cell_len(step["name"]) for step in document["steps"]], default=3) + 2
    column = (width - margin) // max(len(requests), 1) - 2
    if column < MIN_COLUMN:
        return list(_listed(document, width, margin))
    return list(_columns(document, column, margin))


def _columns(document: Document, column: int, margin: int) -> Iterator[Text]:
    count = len(document["requests"])
    head = [
        [Text(line, style=f"bold {lane_style(at)}") for line in wrapped(_title(request), column)]
        for at, request in enumerate(document["requests"])
    ]
    yield from _side_by_side(head, " " * (margin - 1), column)
    yield Text("─" * (margin - 1) + "┬" + "┬".join("─" * (column + 1) for _ in range(count)), style="dim")
    for cell in cells(document):
        filled: list[list[Text]] = [[] for _ in range(count)]
        filled[cell.request] = _cell_lines(cell, column)
        yield from _side_by_side(filled, f"{cell.moment:<{margin - 1}}", column)


def _title(request: Document) -> str:
    return f"{request['letter']}  {request['principal']}: {request['handler']}"


def _cell_lines(cell: Cell, column: int) -> list[Text]:
    style = lane_style(cell.request)
    lines: list[Text] = []
    for text, is_title in cell.lines:
        if not text:
            continue
        for piece in wrapped(text, column - 2):
            lead = f"{cell.mark:<1} " if not lines else "  "
            emphasis = "bold " if cell.witness and is_title else ""
            lines.append(Text.assemble((lead, style), (piece, f"{emphasis}{style}" if is_title else "")))
    return lines


def _side_by_side(columns: list[list[Text]], moment: str, column: int) -> Iterator[Text]:
    for number, row in enumerate(zip_longest(*columns)):
        line = Text.assemble((moment if number == 0 else " " * len(moment), "dim"))
        for entry in row:
            line.append("│ ", style="dim")
            shown = entry or Text()
            line.append_text(shown)
            line.append(" " * (column - shown.cell_len))
        line.rstrip()
        yield line


def _listed(document: Document, width: int, margin: int) -> Iterable[Text]:
    for at, request in enumerate(document["requests"]):
        for line in wrapped(_title(request), width):
            yield Text(line, style=f"bold {lane_style(at)}")
    for cell in cells(document):
        letter = document["requests"][cell.request]["letter"]
        for number, row in enumerate(_cell_lines(cell, width - margin)):
            head = (cell.moment or letter) if number == 0 else ""
            yield Text.assemble((f"{head:<{margin}}", "dim"), row)
