"""Decides how the `remedy` of a violation's document is read: its edits, what they ask for, and of which operation.

A document is a file that may come from elsewhere, so an edit of a kind that this version does not know is a
:class:`NotPossible` with its name, not a failure of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Document = Mapping[str, Any]
"""A violation's document, or a part of one, as JSON holds it."""

KINDS = ("condition", "consistent_read", "checked", "together", "add", "claim", "once", "answer")
"""What an edit may be."""


class NotPossible(Exception):
    """A change cannot be made here; the text is the reason, to follow ``no change to the source: ``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the code under test, as a report names it."""

    file: str
    line: int
    function: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison of a condition.

    Attributes:
        test: ``equals``, ``absent`` or ``exists``.
        value: what it has to equal: the ``caller``, or what was ``read``; ``""`` for the other tests.  An ``absent`` that was
            ``read`` was absent in the counterexample: it has to be as it was read.
        read: the step that read it.
    """

    attribute: str
    test: str
    value: str = ""
    read: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that an edit names, with where it is made."""

    step: str
    action: str
    table: str
    place: Place | None

    def is_same(self, other: Call) -> bool:
        """Whether the code makes both of them at one place, or, where that is not known, whether they are one step."""
        if self.place is None or other.place is None:
            return self.step == other.step
        return (self.place, self.action) == (other.place, other.action)

    @property
    def method(self) -> str:
        """What it is called in boto3: ``delete_item`` for ``DeleteItem``."""
        return "".join(f"_{one.lower()}" if one.isupper() else one for one in self.action).lstrip("_")


@dataclass(frozen=True, slots=True)
class Edit:
    """One part of a remedy.

    Attributes:
        calls: what it changes: one operation, of ``together`` several.
        handler: the name of the handler that makes them.
        item: for ``checked``, the read of the item that is to have the terms.
        attributes: for ``add`` and ``claim``.
        parts: for a transaction, the conditions of its writes.
        exception: for ``answer``, the name of the exception that leaves the handler; its call is where it is raised.
        status: for ``answer``, what to answer instead.
    """

    kind: str
    calls: tuple[Call, ...]
    handler: str
    terms: tuple[Term, ...] = ()
    item: Call | None = None
    attributes: tuple[str, ...] = ()
    parts: tuple[Edit, ...] = ()
    exception: str = ""
    status: int = 409

    @property
    def call(self) -> Call:
        """The operation that is changed, or the last of them."""
        return self.calls[-1]


def edits_of(document: Document) -> tuple[Edit, ...]:
    """The edits of a document's remedy, those of the same call joined; empty if it has none, or is advice only."""
    written = (document.get("remedy") or {}).get("edits") or ()
    joined: list[Edit] = []
    for one in (_edit(document, part) for part in written):
        same = next((at for at, other in enumerate(joined) if _alike(one, other)), None)
        if same is None:
            joined.append(one)
        else:
            terms = tuple(dict.fromkeys((*joined[same].terms, *one.terms)))
            joined[same] = Edit(one.kind, one.calls, one.handler, terms)
    return tuple(_in_one_transaction([*_gathered(joined)]))


def _gathered(edits: Sequence[Edit]) -> Iterator[Edit]:
    """The edits, with the conditions of writes that are made together within these."""
    within = {id(one) for one in edits if one.kind == "condition" for other in edits if _holds(other, one)}
    for one in edits:
        if id(one) not in within:
            parts = tuple(other for other in edits if id(other) in within and _holds(one, other))
            yield replace(one, parts=parts) if parts else one


def _in_one_transaction(edits: Sequence[Edit]) -> Iterator[Edit]:
    """The edits, with writes that are made together within what is added to the transaction of one of them."""
    together = next((one for one in edits if one.kind == "together"), None)
    of_these = [] if together is None else [one for one in edits if one.kind in _ADDING and _is_of(one, together)]
    if together is None or not of_these:
        yield from edits
        return
    if len(of_these) > 1:
        raise NotPossible("the remedy adds several checks to one transaction, which has to be written by hand")
    for one in edits:
        if one is of_these[0]:
            yield replace(one, calls=together.calls, parts=(*one.parts, *together.parts))
        elif one is not together:
            yield one


_ADDING = frozenset({"checked", "claim", "once"})


def _is_of(one: Edit, together: Edit) -> bool:
    return any(one.call.is_same(call) for call in together.calls)


def _holds(one: Edit, condition: Edit) -> bool:
    return one.kind in {"together", "checked", "claim", "once"} and any(
        condition.call.is_same(call) for call in one.calls
    )


def _alike(one: Edit, other: Edit) -> bool:
    """Whether two edits change one call in one way, such as what a loop makes several steps of."""
    same = one.call.place is not None and one.call.is_same(other.call)
    return same and one.kind == other.kind and one.kind in {"condition", "consistent_read"}


def _edit(document: Document, part: Document) -> Edit:
    kind = part.get("kind", "")
    if kind not in KINDS:
        raise NotPossible(f"the report asks for {kind!r}, which this version of toctou does not know")
    if kind == "answer":
        raised = Call("", "", "", _raised(document, part))
        return Edit(kind, (raised,), part["handler"], exception=part["exception"], status=part["status"])
    if "steps" in part:
        rows = zip(part["steps"], part["actions"], part["sources"], part["tables"], strict=True)
        calls = tuple(Call(step, action, table, _place(source)) for step, action, source, table in rows)
    else:
        calls = (Call(part.get("step", ""), part["action"], part.get("table", ""), _place(part.get("source"))),)
    terms = tuple(
        Term(one["attribute"], one["test"], one.get("value", ""), one.get("read", "")) for one in part.get("terms", ())
    )
    attributes = tuple(part.get("attributes") or filter(None, [part.get("attribute", "")]))
    return Edit(kind, calls, part.get("handler", ""), terms, _item(document, part), attributes)


def _raised(document: Document, part: Document) -> Place | None:
    """Where the handler raises the exception of an ``answer``."""
    handlers = {one["letter"]: one["handler"] for one in document["requests"]}
    for one in document["responses"]:
        raised = one["exception"]
        if (
            raised
            and raised["type"].rpartition(".")[2] == part["exception"]
            and handlers[one["request"]] == part["handler"]
        ):
            return _place(raised.get("source"))
    return None


def _item(document: Document, part: Document) -> Call | None:
    if "item_step" not in part:
        return None
    step = step_named(document, part["item_step"]) or {}
    return Call(part["item_step"], step.get("action", ""), part.get("item_table", ""), _place(step.get("source")))


def _place(source: Document | None) -> Place | None:
    return None if not source else Place(source["file"], source["line"], source["function"], source["text"])


def step_named(document: Document, name: str) -> Document | None:
    """A step of the counterexample by its name, such as ``A.1``."""
    return next((one for one in document["steps"] if one["name"] == name), None)


def place_of(document: Document, name: str) -> Place | None:
    """Where a step is made."""
    step = step_named(document, name)
    return None if step is None else _place(step.get("source"))


def type_read(document: Document, name: str, attribute: str) -> str:
    """DynamoDB's type of an attribute, such as ``N``, as a step returned it; ``""`` if it did not."""
    step = step_named(document, name) or {}
    image = ((step.get("result") or {}).get("Item") or {}).get(attribute)
    return next(iter(image), "") if isinstance(image, dict) and len(image) == 1 else ""


def key_names(document: Document, name: str) -> tuple[str, ...]:
    """The names of the key attributes that a step gave; empty if it had no ``Key``."""
    step = step_named(document, name) or {}
    return tuple((step.get("parameters") or {}).get("Key") or ())
