"""Decides how separate writes of a function become one ``TransactWriteItems``, alone or with a check of another item.

They can if moving the earlier ones to the last one changes nothing else: they are statements of their own in one block,
nobody uses what they return, and nothing between them leaves the function.  What they are given is taken over as it is
written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import libcst as cst

from toctou.remediation.remedy_data import Document, Edit, NotPossible
from toctou.remediation.source_edits.conditions import (
    NAMES,
    VALUES,
    Placeholders,
    conditional,
    expression,
    refuse_unseen,
)
from toctou.remediation.source_edits.guards import copies, refuse_what_may_be_absent, replaced
from toctou.remediation.source_edits.layout import mapping, text_literal
from toctou.remediation.source_edits.meanings import is_plain
from toctou.remediation.source_edits.parsed import Parsed, every, keyword, literal
from toctou.remediation.source_edits.refusals import (
    CANCELLED,
    CONDITION_FAILED,
    Reaction,
    caught,
    client_of,
    exception_text,
    reaction,
    wrapped,
)
from toctou.remediation.source_edits.values import Value, Values

ELEMENTS = {"put_item": "Put", "update_item": "Update", "delete_item": "Delete"}
_TAKEN = ("TableName", "Key", "Item", "UpdateExpression", "ConditionExpression", NAMES, VALUES)
_LEAVES = (cst.Return, cst.Raise, cst.Break, cst.Continue)


@dataclass(frozen=True, slots=True)
class _Write:
    """A write that goes into the transaction.

    Attributes:
        statement: what is taken out: its statement, or the ``try`` around it that catches its failed condition.
        refusal: what that ``try`` does then.
    """

    call: cst.Call
    statement: cst.CSTNode
    refusal: cst.SimpleStatementLine | None
    awaited: bool


def together(document: Document, parsed: Parsed, edit: Edit) -> tuple[str, list[str]]:
    """Several writes of one request in one transaction."""
    return _composed(document, parsed, edit, [])


def checked(document: Document, parsed: Parsed, edit: Edit) -> tuple[str, list[str]]:
    """A write in one transaction with a check of another item."""
    item = edit.item
    if item is None or item.place is None or item.method != "get_item":
        raise NotPossible(
            f"the item that {edit.call.action} depends on is not read by a get_item that the report names"
        )
    if item.place.file != parsed.file:
        raise NotPossible("the item is read in another file, so its key is not at hand where the write is made")
    read = parsed.call(item)
    write = parsed.call(edit.call)
    if parsed.function(read) is not parsed.function(write):
        raise NotPossible("the item is read in another function, so its key is not at hand where the write is made")
    refuse_unseen(parsed, read)
    if is_plain(parsed, read) != is_plain(parsed, write):
        raise NotPossible("one call uses a client and the other a resource")
    refuse_what_may_be_absent(parsed, write, edit)
    terms = tuple(replace(one, read=one.read or item.step) for one in edit.terms)
    values = Values(document, parsed, edit, write)
    found = {one: values.of(one) for one in terms if one.test == "equals"}
    placeholders = Placeholders(parsed, cst.Call(cst.Name("check")))
    condition = expression(terms, {term: one.text for term, one in found.items()}, placeholders)
    key = keyword(read, "Key")
    entries = [
        ("TableName", _table(parsed, read)),
        ("Key", "" if key is None else flat(parsed, key.value)),
        ("ConditionExpression", text_literal(condition)),
        *((name, mapping(added)) for name, added in placeholders.added.items() if added),
    ]
    return _composed(document, parsed, replace(edit, terms=()), [("ConditionCheck", entries)], list(found.values()))


def _composed(
    document: Document,
    parsed: Parsed,
    edit: Edit,
    others: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    values: Sequence[Value] = (),
) -> tuple[str, list[str]]:
    writes = [_write(parsed, parsed.call(one)) for one in edit.calls]
    _refuse_what_cannot_move(parsed, writes)
    elements, used = list(others), list(values)
    for call, write in zip(edit.calls, writes, strict=True):
        terms = tuple(term for part in edit.parts if part.call.is_same(call) for term in part.terms)
        for part in edit.parts:
            refuse_what_may_be_absent(parsed, write.call, part)
        found = {one: Values(document, parsed, edit, write.call).of(one) for one in terms if one.test == "equals"}
        used += found.values()
        texts = {term: one.text for term, one in found.items()}
        guarded = conditional(parsed, write.call, terms, texts) if terms else write.call
        elements.append((ELEMENTS[call.method], _entries(parsed, write.call, guarded)))
    last = writes[-1]
    client = client_of(parsed, last.call)
    indent = parsed.at(last.statement)[1]
    text = transaction(f"{'await ' if last.awaited else ''}{client}", elements, parsed.width - indent - 4)
    composed: Any = cst.parse_statement(text)
    check = next((one.check for one in used if one.check is not None), None)
    reacts = _reaction(parsed, writes, check)
    if reacts.refusal is not None:
        composed = wrapped(composed, exception_text(parsed, last.call, CANCELLED), reacts.refusal)
    leading = getattr(last.statement, "leading_lines", ())
    composed = composed.with_changes(leading_lines=leading)
    gone: dict[cst.CSTNode, list[Any]] = {one.statement: [] for one in writes[:-1]}
    ahead = copies(used, last.statement, composed)
    return replaced(parsed, gone | {last.statement: [composed]} | ahead), [reacts.note] if reacts.note else []


def _reaction(parsed: Parsed, writes: Sequence[_Write], check: cst.If | None) -> Reaction:
    own = next((one.refusal for one in writes if one.refusal is not None), None)
    if own is not None and not caught(parsed, writes[-1].call, CANCELLED):
        return Reaction(own)
    return reaction(parsed, writes[-1].call, CANCELLED, check)


def _write(parsed: Parsed, call: cst.Call) -> _Write:
    """A write as a statement of its own."""
    refuse_unseen(parsed, call)
    assert isinstance(call.func, cst.Attribute)  # noqa: S101 - that is how it was found
    if call.func.attr.value not in ELEMENTS:
        raise NotPossible(f"{call.func.attr.value} is no single write")
    line = parsed.statement(call)
    value = line.body[0].value if len(line.body) == 1 and isinstance(line.body[0], cst.Expr) else None
    awaited = isinstance(value, cst.Await)
    if (value.expression if isinstance(value, cst.Await) else value) is not call:
        raise NotPossible(
            f"what the {call.func.attr.value} in line {parsed.at(call)[0]} returns is used, and a transaction returns nothing"
        )
    block = parsed.block(line)
    around = next(iter(parsed.ancestors(block)), None)
    if (
        isinstance(around, cst.Try)
        and block is around.body
        and len(around.body.body) == 1
        and len(around.handlers) == 1
        and around.orelse is None
        and around.finalbody is None
        and caught(parsed, call, CONDITION_FAILED)
    ):
        return _Write(call, around, _taken_over(around.handlers[0]), awaited)
    return _Write(call, line, None, awaited)


def _taken_over(handler: cst.ExceptHandler) -> cst.SimpleStatementLine | None:
    """What a handler does, if it is one statement that does not look into the exception."""
    lines = handler.body.body
    if handler.name is not None or len(lines) != 1 or not isinstance(lines[0], cst.SimpleStatementLine):
        return None
    return lines[0]


def _refuse_what_cannot_move(parsed: Parsed, writes: Sequence[_Write]) -> None:
    blocks = {id(parsed.block(one.statement)) for one in writes}
    if len(blocks) != 1:
        raise NotPossible("the writes are not in one block of one function")
    if len({id(one.statement) for one in writes}) != len(writes):
        raise NotPossible("the writes are one call, made several times")
    if len({is_plain(parsed, one.call) for one in writes}) != 1:
        raise NotPossible("one write uses a client and the other a resource")
    rows: Any = parsed.block(writes[0].statement)
    at = [next(at for at, row in enumerate(rows.body) if row is one.statement) for one in writes]
    if at != sorted(at):
        raise NotPossible("the writes are not made in the order of the source")
    between = [row for row in rows.body[at[0] : at[-1]] if all(row is not one.statement for one in writes)]
    if any(True for row in between for _ in every(row, _LEAVES)):
        raise NotPossible("the function may return between the writes")


def _entries(parsed: Parsed, original: cst.Call, call: cst.Call) -> list[tuple[str, str]]:
    """What a call is given, as an element of a transaction takes it."""
    unknown = [one.keyword.value for one in call.args if one.keyword is not None and one.keyword.value not in _TAKEN]
    if unknown:
        raise NotPossible(f"a transaction does not take {unknown[0]}")
    condition = keyword(call, "ConditionExpression")
    if condition is not None and literal(condition.value) is None:
        raise NotPossible("a transaction takes conditions as text only")
    given = {one.keyword.value: flat(parsed, one.value) for one in call.args if one.keyword is not None}
    given["TableName"] = _table(parsed, original)
    return [(name, given[name]) for name in _TAKEN if name in given]


def _table(parsed: Parsed, call: cst.Call) -> str:
    named = keyword(call, "TableName")
    if named is not None:
        return parsed.code(named.value)
    assert isinstance(call.func, cst.Attribute)  # noqa: S101 - that is how it was found
    return f"{parsed.code(call.func.value)}.name"


def transaction(client: str, elements: Sequence[tuple[str, Sequence[tuple[str, str]]]], width: int) -> str:
    """The text of a call of ``transact_write_items``, from the first column."""
    rows = []
    for name, entries in elements:
        short = f'        {{"{name}": {mapping([(text_literal(key), value) for key, value in entries])}}},'
        if len(short) <= width:
            rows.append(short)
            continue
        rows += ["        {", f'            "{name}": {{']
        rows += [f"                {text_literal(key)}: {value}," for key, value in entries]
        rows += ["            }", "        },"]
    return "\n".join([f"{client}.transact_write_items(", "    TransactItems=[", *rows, "    ]", ")"])


def flat(parsed: Parsed, node: cst.BaseExpression) -> str:
    """The text of an expression in one line."""
    found = node.visit(_Flat())
    assert isinstance(found, cst.BaseExpression)  # noqa: S101 - it replaces white space only
    return parsed.code(found)


class _Flat(cst.CSTTransformer):
    """Takes the line breaks out of an expression."""

    def leave_ParenthesizedWhitespace(self, original_node: Any, updated_node: Any) -> cst.SimpleWhitespace:  # noqa: ARG002, N802 - libcst's name
        return cst.SimpleWhitespace(" ")

    def leave_Dict(self, original_node: cst.Dict, updated_node: cst.Dict) -> cst.Dict:  # noqa: N802 - libcst's name
        if not isinstance(original_node.lbrace.whitespace_after, cst.ParenthesizedWhitespace):
            return updated_node
        rows = [*updated_node.elements[:-1], updated_node.elements[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
        empty = cst.SimpleWhitespace("")
        return updated_node.with_changes(
            elements=rows,
            lbrace=cst.LeftCurlyBrace(whitespace_after=empty),
            rbrace=cst.RightCurlyBrace(whitespace_before=empty),
        )
