"""Decides how single calls are changed: a write gets a condition, and a read becomes consistent."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from typing import Any

import libcst as cst

from toctou.remediation.remedy_data import Document, Edit, NotPossible, Term
from toctou.remediation.source_edits.conditions import conditional, refuse_unseen
from toctou.remediation.source_edits.elements import guarded_element
from toctou.remediation.source_edits.layout import argument, with_keywords
from toctou.remediation.source_edits.parsed import Parsed, every, keyword
from toctou.remediation.source_edits.refusals import (
    CANCELLED,
    CONDITION_FAILED,
    exception_text,
    reaction,
    refused_if_there,
    wrapped,
)
from toctou.remediation.source_edits.values import Value, Values

_CONDITIONAL = frozenset({"put_item", "update_item", "delete_item"})
_STEP = 4


def condition(document: Document, parsed: Parsed, edit: Edit) -> tuple[str, list[str]]:
    """A write with a condition, and what the handler does when that fails."""
    in_transaction = edit.call.action == "TransactWriteItems"
    if edit.call.method not in _CONDITIONAL and not in_transaction:
        raise NotPossible(f"a {edit.call.action} takes no condition of its own")
    call = parsed.call(edit.call)
    refuse_what_may_be_absent(parsed, call, edit)
    values = Values(document, parsed, edit, call)
    found = {one: values.of(one) for one in edit.terms if one.test == "equals"}
    statement = parsed.statement(call)
    check = next((one.check for one in found.values() if one.check is not None), None)
    exception = CANCELLED if in_transaction else CONDITION_FAILED
    reacts = reaction(parsed, call, exception, check)
    column = parsed.at(call)[1] + (_STEP if reacts.refusal is not None else 0)
    texts = {term: one.text for term, one in found.items()}
    if in_transaction:
        changed: Any = statement.deep_replace(*guarded_element(parsed, call, edit.call.table, edit.terms, texts))
    else:
        changed = statement.deep_replace(call, conditional(parsed, call, edit.terms, texts, column))
    if reacts.refusal is not None:
        changed = wrapped(changed, exception_text(parsed, call, exception), reacts.refusal)
    text = replaced(parsed, {statement: [changed]} | copies(list(found.values()), statement, changed))
    return text, [*([reacts.note] if reacts.note else []), *notes_on_absence(found)]


def notes_on_absence(values: Mapping[Term, Value]) -> list[str]:
    """What the reader should know of attributes that the code reads by ``get``, since no condition has the value ``None``."""
    return [
        f"{term.attribute} is read by get(): an item without it is not written any more, unless the condition for it is "
        f"attribute_not_exists({term.attribute})"
        for term, one in values.items()
        if term.value == "read" and re.search(r"\.get\([^,()]+\)$", one.copied or one.text)
    ]


def refuse_what_may_be_absent(parsed: Parsed, call: cst.Call, edit: Edit) -> None:
    """Raise if a condition depends on whether the item that was read had an attribute."""
    for one in edit.terms:
        if one.test == "absent" and one.value == "read" and not refused_if_there(parsed, call, one.attribute):
            raise NotPossible(
                f"{one.attribute} was not there when it was read: an item that has it needs another condition, so the code has "
                "to choose one of the two"
            )


def answer(_document: Document, parsed: Parsed, edit: Edit) -> tuple[str, list[str]]:
    """A statement of which an exception leaves the handler, in a ``try`` that answers instead."""
    place = edit.call.place
    assert place is not None  # noqa: S101 - else there is no file
    statement = parsed.line(place)
    reacts = reaction(parsed, statement, edit.exception, None, edit.status)
    if reacts.refusal is None:
        raise NotPossible(reacts.note or f"{edit.exception} is caught already where it is raised")
    changed = wrapped(statement, _raised_as(parsed, statement, edit.exception), reacts.refusal)
    return replaced(parsed, {statement: [changed]}), []


def _raised_as(parsed: Parsed, statement: cst.SimpleStatementLine, exception: str) -> str:
    """The expression that names an exception which comes from a statement."""
    known = {one.value for one in every(parsed.module, cst.Name)}
    if exception in known or hasattr(builtins, exception):
        return exception
    calls = [one for one in every(statement, cst.Call) if isinstance(one.func, cst.Attribute)]
    if exception in {CONDITION_FAILED, CANCELLED} and calls:
        return exception_text(parsed, calls[-1], exception)
    raise NotPossible(f"{parsed.file} has no name for {exception}")


def copies(values: list[Value], statement: cst.CSTNode, changed: cst.CSTNode) -> dict[cst.CSTNode, list[Any]]:
    """The statements before which something has to be copied, with the copies."""
    found: dict[cst.CSTNode, list[Any]] = {}
    for one in values:
        if one.ahead_of is not None:
            rest = found.get(one.ahead_of) or [changed if one.ahead_of is statement else one.ahead_of]
            found[one.ahead_of] = [cst.parse_statement(one.copied), *rest]
    return found


def consistent_read(_document: Document, parsed: Parsed, edit: Edit) -> tuple[str, list[str]]:
    """A read with ``ConsistentRead=True``."""
    call = parsed.call(edit.call)
    refuse_unseen(parsed, call)
    if keyword(call, "IndexName") is not None:
        raise NotPossible("a global secondary index cannot be read consistently")
    given = keyword(call, "ConsistentRead")
    new = argument("ConsistentRead", "True")
    arguments = [one.with_changes(value=new.value) if one is given else one for one in call.args]
    changed = with_keywords(parsed, call, arguments if given is not None else [*call.args, new])
    return parsed.with_call(call, changed), []


def replaced(parsed: Parsed, statements: dict[cst.CSTNode, list[Any]]) -> str:
    """The text of the file with statements replaced, each by one or more."""
    module: Any = parsed.module.visit(_Statements(statements))
    return str(module.code)


class _Statements(cst.CSTTransformer):
    """Puts statements in the place of one."""

    def __init__(self, statements: dict[cst.CSTNode, list[Any]]) -> None:
        super().__init__()
        self._statements = statements

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        new = self._statements.get(original_node)
        return super().on_leave(original_node, updated_node) if new is None else cst.FlattenSentinel(new)
