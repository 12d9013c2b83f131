"""What a violation's page shows, prepared from its document: rows of the lanes, edges, details of a step.

Templates lay out what they are given and decide nothing; whatever takes thought about a document is here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from toctou.history.item import plain
from toctou.history.literals import literal
from toctou.reporting.document import Document
from toctou.reporting.encoding import decode
from toctou.reporting.expressions import conditions, expressions, listing, mapping
from toctou.reporting.output import glimpse, pieces_at
from toctou.reporting.stored import in_time, states
from toctou.reporting.summary import value_text


def moments(document: Document) -> list[Document]:
    """Rows of the lanes, in time: steps, and answers after the step that let them out."""
    column = {request["letter"]: index for index, request in enumerate(document["requests"])}
    output = pieces_at(document)
    moments: list[Document] = []
    for step, answer in in_time(document):
        request = (step or answer or {})["request"]
        written = output.get(request if step is None else step["name"], ())
        one = {"step": step, "answer": answer, "column": column[request], "output": written, "wrote": glimpse(written)}
        moments.append(one if step is None else {**one, "condition": conditions(step)})
    return moments


def edges(document: Document) -> list[Document]:
    """The cycle's edges first, then the others, each once."""
    explanation = document["explanation"]
    edges: dict[tuple[str, ...], Document] = {}
    for in_cycle, group in ((True, explanation["cycle"]), (False, explanation["edges"])):
        for edge in group:
            key = (edge["kind"], edge["earlier"], edge["later"], edge["item"])
            edges.setdefault(key, {**edge, "in_cycle": in_cycle})
    return list(edges.values())


def details(document: Document) -> list[Document]:
    """For each step what its panel shows: who made it, its expressions, what it read, and what was stored around it."""
    around, output = states(document), pieces_at(document)
    return [
        _detail(step, document, stored, output.get(step["name"], ()))
        for step, stored in zip(document["steps"], around, strict=True)
    ]


def _detail(step: Document, document: Document, stored: list[Document], output: Sequence[Document]) -> Document:
    parameters = decode(step.get("parameters") or {})
    read = _items_read(decode(step.get("result") or {}))
    shown = [{name: value_text(one[name]) for name in sorted(one)} for one in read]
    seen = ["{" + ", ".join(f"{name}: {value}" for name, value in one.items()) + "}" for one in shown]
    request = next(one for one in document["requests"] if one["letter"] == step["request"])
    return {
        "step": step,
        "request": request,
        "expressions": expressions(parameters),
        "changes": [_side_by_side(one["item"], one["before"], one["after"]) for one in step.get("changes", [])],
        "stored": stored,
        # what a step changes, or reads, is shown as that
        "besides": [one for one in stored if not one["changed"] and one["before"] not in seen],
        "output": output,
        "read": shown,
        "parameters": _indented(step.get("parameters")),
        "result": _indented(step["result"]) if step.get("result") else "",
    }


def serial_order(document: Document) -> list[Document]:
    """The requests in the serial order that comes closest, and how far it explains what they answered."""
    closest = document["explanation"]["closest"]
    requests = {request["letter"]: request for request in document["requests"]}
    answers = {response["request"]: response["text"] for response in document["responses"]}
    return [
        {
            "letter": letter,
            "request": requests[letter],
            "answer": answers[letter],
            "state": "fits" if turn < closest["explained"] else "fails" if turn == closest["explained"] else "open",
        }
        for turn, letter in enumerate(closest["order"] if closest else ())
    ]


def _side_by_side(item: str, before: Any, after: Any) -> Document:
    old, new = plain(decode(before or {})), plain(decode(after or {}))
    rows = [
        {
            "name": name,
            "before": literal(old[name]) if name in old else "",
            "after": literal(new[name]) if name in new else "",
            "changed": (name in old) != (name in new) or old.get(name) != new.get(name),
        }
        for name in sorted({*old, *new})
    ]
    return {"item": item, "rows": rows, "created": before is None, "deleted": after is None}


def _items_read(result: Document) -> list[Document]:
    images = [result.get("Item"), *listing(result.get("Items"))]
    images += [mapping(one).get("Item") for one in listing(result.get("Responses"))]
    return [one for one in images if isinstance(one, dict)]


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
