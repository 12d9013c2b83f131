"""Decides which element of a ``transact_write_items`` gets a condition: the only one that writes to the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst

from toctou.remediation.remedy_data import NotPossible, Term
from toctou.remediation.source_edits.conditions import guarded_arguments
from toctou.remediation.source_edits.layout import with_elements
from toctou.remediation.source_edits.parsed import Parsed, every, keyword, literal

_WRITES = frozenset({"Put", "Update", "Delete"})


def guarded_element(
    parsed: Parsed, call: cst.Call, table: str, terms: Sequence[Term], values: Mapping[Term, str]
) -> tuple[cst.Dict, cst.Dict]:
    """The parameters of the element that writes to a table, as they are and with the terms in their condition.

    Raises:
        NotPossible: they are not written out there, or several elements may write to that table.
    """
    items = keyword(call, "TransactItems")
    if items is None or not isinstance(items.value, cst.List):
        raise NotPossible("the elements of the transaction are not written out there")
    writes = [
        row.value
        for element in every(items.value, cst.Dict)
        for row in element.elements
        if isinstance(row, cst.DictElement) and literal(row.key) in _WRITES and isinstance(row.value, cst.Dict)
    ]
    named = [one for one in writes if literal(_entry(one, "TableName")) == table]
    candidates = named or [one for one in writes if literal(_entry(one, "TableName")) is None]
    if len(candidates) != 1:
        raise NotPossible(f"it cannot be seen which element of the transaction writes the item of {table}")
    (old,) = candidates
    if any(isinstance(one, cst.StarredDictElement) for one in old.elements):
        raise NotPossible("the element takes **, which may hold a condition already")
    return old, _with_condition(parsed, old, terms, values)


def _with_condition(parsed: Parsed, old: cst.Dict, terms: Sequence[Term], values: Mapping[Term, str]) -> cst.Dict:
    rows = [one for one in old.elements if isinstance(one, cst.DictElement)]
    names = [literal(one.key) or "" for one in rows]
    # An element has the parameters of a call, under the same names.
    as_call = cst.Call(
        cst.Name("element"),
        args=[cst.Arg(keyword=cst.Name(name), value=row.value) for name, row in zip(names, rows, strict=True)],
    )
    given = {one.keyword.value: one.value for one in guarded_arguments(parsed, as_call, terms, values) if one.keyword}
    kept = old.with_changes(
        elements=[row.with_changes(value=given.pop(name)) for name, row in zip(names, rows, strict=True)]
    )
    return with_elements(kept, [(f'"{name}"', parsed.code(value)) for name, value in given.items()])


def _entry(parameters: cst.Dict, name: str) -> cst.BaseExpression | None:
    rows = (one for one in parameters.elements if isinstance(one, cst.DictElement))
    return next((one.value for one in rows if literal(one.key) == name), None)
