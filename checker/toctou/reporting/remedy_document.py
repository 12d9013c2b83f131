"""The part of a violation's document on its remedy: what to change about which calls, and what came of trying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toctou.analysis.edits import (
    Added,
    Answered,
    Attempt,
    Checked,
    Claimed,
    Conditional,
    Edit,
    Place,
    Term,
    Together,
    Tried,
)
from toctou.counterexample.violation import Violation
from toctou.reporting.source_document import source_document

_NOT_YET = Tried("not_tried", "it has not been looked at yet")


def remedy_document(violation: Violation, names: Sequence[str]) -> dict[str, Any]:
    """The member ``remedy`` of a violation's document; nothing if there is nothing to suggest."""
    best = violation.remedy
    if best is None and violation.explanation.remedies:
        best = Attempt(violation.explanation.remedies[0], _NOT_YET)
    if best is None:
        return {}
    return {
        "remedy": {
            "text": best.remedy.text,
            "edits": [_edit(one, names) for one in best.remedy.edits],
            "tried": _tried(best.tried),
            "attempts": [{"text": one.remedy.text, "tried": _tried(one.tried)} for one in violation.attempts],
        }
    }


def _tried(tried: Tried) -> dict[str, Any]:
    return {"outcome": tried.outcome, "text": tried.text, "schedules": tried.schedules, "scenarios": tried.scenarios}


def _edit(edit: Edit, names: Sequence[str]) -> dict[str, Any]:
    if isinstance(edit, Answered):
        return {"kind": edit.kind, "handler": edit.handler, "exception": edit.exception, "status": edit.status}
    if isinstance(edit, Together):
        return {
            "kind": edit.kind,
            "handler": edit.places[0].handler,
            "steps": [_name(one, names) for one in edit.places],
            "actions": [one.action for one in edit.places],
            "sources": [source_document(one.source) for one in edit.places],
            "tables": [one.table for one in edit.places],
        }
    place = edit.place
    told: dict[str, Any] = {
        "kind": edit.kind,
        "step": _name(place, names),
        "handler": place.handler,
        "action": place.action,
        "table": place.table,
        "source": source_document(place.source),
    }
    match edit:
        case Conditional(_, terms, read):
            told["terms"] = [_term(one, "" if read is None else _name(read, names)) for one in terms]
        case Checked(_, terms, read):
            told["terms"] = [_term(one, _name(read, names)) for one in terms]
            told["item_table"], told["item_step"] = read.table, _name(read, names)
        case Added(_, attribute):
            told["attribute"] = attribute
        case Claimed(_, attributes):
            told["attributes"] = list(attributes)
    return told


def _name(place: Place, names: Sequence[str]) -> str:
    """What the step is called in this violation; ``""`` for one of another execution."""
    return names[place.at] if 0 <= place.at < len(names) else ""


def _term(term: Term, read: str) -> dict[str, Any]:
    return {
        "attribute": term.attribute,
        "test": term.test,
        "value": term.value,
        "read": read if term.value == "read" else "",
    }
