"""The part of a violation's document on its remedy: what to change about which calls, and what came of trying it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toctou.analysis.edit_words import position
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
from toctou.history.operation import Execution
from toctou.reporting.source_document import source_document

_NOT_YET = Tried("not_tried", "it has not been looked at yet")


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of a violation."""

    execution: Execution
    names: Sequence[str]

    def of(self, place: Place) -> str:
        """What the step is called that makes a call; ``""`` if none does, since the remedy came of another execution."""
        at = position(place, self.execution)
        return "" if at is None else self.names[at]


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
            "edits": [_edit(one, _Steps(violation.execution, names)) for one in best.remedy.edits],
            "tried": _tried(best.tried),
            "attempts": [{"text": one.remedy.text, "tried": _tried(one.tried)} for one in violation.attempts],
        }
    }


def _tried(tried: Tried) -> dict[str, Any]:
    return {"outcome": tried.outcome, "text": tried.text, "schedules": tried.schedules, "scenarios": tried.scenarios}


def _edit(edit: Edit, steps: _Steps) -> dict[str, Any]:
    if isinstance(edit, Answered):
        return {"kind": edit.kind, "handler": edit.handler, "exception": edit.exception, "status": edit.status}
    if isinstance(edit, Together):
        return {
            "kind": edit.kind,
            "handler": edit.places[0].handler,
            "steps": [steps.of(one) for one in edit.places],
            "actions": [one.action for one in edit.places],
            "sources": [source_document(one.source) for one in edit.places],
            "tables": [one.table for one in edit.places],
        }
    place = edit.place
    told: dict[str, Any] = {
        "kind": edit.kind,
        "step": steps.of(place),
        "handler": place.handler,
        "action": place.action,
        "table": place.table,
        "source": source_document(place.source),
    }
    match edit:
        case Conditional(_, terms, read):
            told["terms"] = [_term(one, "" if read is None else steps.of(read)) for one in terms]
        case Checked(_, terms, read):
            told["terms"] = [_term(one, steps.of(read)) for one in terms]
            told["item_table"], told["item_step"] = read.table, steps.of(read)
        case Added(_, attribute):
            told["attribute"] = attribute
        case Claimed(_, attributes):
            told["attributes"] = list(attributes)
    return told


def _term(term: Term, read: str) -> dict[str, Any]:
    return {
        "attribute": term.attribute,
        "test": term.test,
        "value": term.value,
        "read": read if term.value == "read" else "",
    }
