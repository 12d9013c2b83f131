"""A violation as a Mermaid sequence diagram, for pull requests and wikis that draw it.

One participant per request and one for the tables; every operation is a message with its outcome, the operations that show
the violation are marked, and the argument stands below.  Whatever comes from handlers and items is written in Mermaid's
numeric entities wherever it could end a line or begin an entity: https://mermaid.js.org/syntax/sequenceDiagram.html.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from toctou.reporting.document import Document
from toctou.reporting.renderer import Renderer
from toctou.reporting.stored import in_time
from toctou.reporting.summary import call, visible
from toctou.reporting.titles import violation_title

TABLES = "DynamoDB"
NOTE_WIDTH = 62
_PLAIN = re.compile(r"[^\w \-.,:'/=→…()\[\]*]")
_KEYWORD = re.compile(r"\b(end)\b", re.IGNORECASE)


def render(document: Document) -> str:
    """The diagram, without a code fence, ending in a newline."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    explanation = document["explanation"]
    letters = [request["letter"] for request in document["requests"]]
    yield "sequenceDiagram"
    yield f"    accTitle: {escaped(violation_title(document))}"
    yield f"    accDescr: {escaped(explanation['headline'])}"
    for request in document["requests"]:
        name = f"{request['letter']} {request['principal']}: {request['handler']}"
        yield f"    participant {request['letter']} as {escaped(name)}"
    yield f"    participant {TABLES}"
    for step, response in in_time(document):
        if response is not None:
            yield f"    Note over {response['request']}: answers {escaped(response['text'])}"
        elif step is not None:
            yield from _step(step, document["finding"]["oracle"])
    over = f"{letters[0]},{TABLES}"
    for edge in explanation["cycle"]:
        reason = f"{edge['earlier']} {edge['kind']} → {edge['later']}: {edge['reason']}"
        yield f"    Note over {over}: {wrapped(reason)}"
    if explanation["contradiction"]:
        yield f"    Note over {over}: {wrapped(explanation['contradiction'])}"


def _step(step: Document, oracle: str) -> Iterator[str]:
    mark = "● " if step["witness"] else ""
    yield f"    {step['request']}->>{TABLES}: {mark}{step['name']} {escaped(call(step))}"
    arrow = "--x" if step["error"] else "-->>"
    if step["outcome"]:
        yield f"    {TABLES}{arrow}{step['request']}: {escaped(step['outcome'].removeprefix('→ '))}"
    if step["wrong"]:
        yield f"    Note right of {TABLES}: violates {escaped(oracle)}"


def wrapped(text: str) -> str:
    """The same in lines that fit beside each other; the break is Mermaid's own."""
    return "<br/>".join(escaped(line) for line in textwrap.wrap(visible(text), NOTE_WIDTH))


def escaped(text: str) -> str:
    """Text that Mermaid shows as it is, on one line."""
    shown = _PLAIN.sub(lambda one: f"#{ord(one[0])};", visible(text))
    return _KEYWORD.sub(lambda one: f"#{ord(one[1][0])};{one[1][1:]}", shown)


RENDERERS = (Renderer("mermaid", ".mmd", {"violation": render}),)
