"""What is stored at each moment of a violation, computed from its document, without a backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toctou.history.item import plain
from toctou.history.literals import literal
from toctou.history.wording import listed
from toctou.reporting.document import Document
from toctou.reporting.encoding import decode

MOST_CHARACTERS, _SHOWN = 400, 120
"""Of a stored value."""


def item_text(image: Document) -> str:
    """One stored item of a document, as ``{item_id: 'i1', owner: 'alice'}``."""
    return "{" + ", ".join(f"{name}: {_cut(literal(value))}" for name, value in plain(decode(image)).items()) + "}"


def _cut(text: str) -> str:
    """A value, of which no more is shown than a reader looks at; the document has all of it."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:_SHOWN]}… ({len(text):,} characters)"


def left_out(document: Document) -> str:
    """What the model stores besides; ``""`` if everything is shown."""
    count = sum(map(len, document["left_out"].values()))
    if not count:
        return ""
    where = listed(sorted(table for table, images in document["left_out"].items() if images))
    items = f"1 more item in {where}, which makes" if count == 1 else f"{count} more items in {where}, which make"
    return f"the model stores {items} no difference here"


def timeline(document: Document) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What is stored at first, and then what each step leaves of the items that it changes; so each state is there once.

    Pairs of a moment (``at first``, ``after A.2``) and its rows: the table, and the text of an item.
    """
    first = [
        (table, item_text(image) if image is not None else "empty")
        for table, images in document["initial"].items()
        if images or not document["left_out"].get(table)
        for image in images or [None]
    ]
    yield "at first", first or [("", "nothing")]
    for step in document["steps"]:
        if step["changes"]:
            yield (
                f"after {step['name']}",
                [
                    (one["item"].partition("[")[0], item_text(one["after"]))
                    if one["after"] is not None
                    else (one["item"], "is deleted")
                    for one in step["changes"]
                ],
            )


def _stored(document: Document, position: int) -> list[tuple[str, Document]]:
    stored = [(table, image) for table, images in sorted(document["initial"].items()) for image in images]
    for step in document["steps"][:position]:
        stored = [(table, after) for table, _, after in _around(stored, step) if after is not None]
    return stored


def _around(stored: list[tuple[str, Document]], step: Document) -> list[tuple[str, Any, Any]]:
    """Table, image before and image after a step, of every item."""
    rows: list[tuple[str, Any, Any]] = [(table, image, image) for table, image in stored]
    for change in step["changes"]:
        table = change["item"].partition("[")[0]
        # the item is found by its whole image before the change, because a document holds no key schema
        found = (table, change["before"], change["before"])
        if found in rows:
            rows[rows.index(found)] = (table, change["before"], change["after"])
        else:
            rows.append((table, change["before"], change["after"]))
    return rows


def in_time(document: Document) -> Iterator[tuple[Document | None, Document | None]]:
    """Every step, and every response after the step that led to it, in the order in which they happened."""
    waiting = sorted(document["responses"], key=lambda response: int(response["after"]))
    for position, step in enumerate([*document["steps"], None]):
        while waiting and waiting[0]["after"] <= position:
            yield None, waiting.pop(0)
        if step is not None:
            yield step, None


def states(document: Document) -> list[list[Document]]:
    """For each step, every item that is stored before or after it."""
    return [
        [
            {"table": table, "before": before and item_text(before), "after": after and item_text(after)}
            | {"changed": before != after}
            for table, before, after in _around(_stored(document, position), step)
        ]
        for position, step in enumerate(document["steps"])
    ]
