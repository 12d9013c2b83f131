"""Decides how a computed number that is stored becomes an ``ADD``, which needs neither a read nor a condition.

Two ways of writing it are known: ``SET #n = :next`` where the value is the attribute plus or minus something, and a
``put_item`` of ``{**item, "n": item["n"] + 1}``.  What else the code may do with the number, such as to compare it with a
limit, is a reason not to.
"""

from __future__ import annotations

import re

import libcst as cst

from toctou.remediation.remedy_data import Document, Edit, NotPossible, key_names, step_named
from toctou.remediation.source_edits.conditions import NAMES, VALUES, Placeholders, refuse_unseen, with_placeholders
from toctou.remediation.source_edits.layout import argument, exploded, mapping, text_literal, with_keywords
from toctou.remediation.source_edits.meanings import is_plain, part_of
from toctou.remediation.source_edits.parsed import Parsed, keyword, literal


def add(document: Document, parsed: Parsed, edit: Edit) -> tuple[str, list[str]]:
    """The write as an update that adds."""
    (attribute,) = edit.attributes
    call = parsed.call(edit.call)
    refuse_unseen(parsed, call)
    if edit.call.method == "update_item":
        changed = _updated(parsed, call, attribute)
    elif edit.call.method == "put_item":
        changed = _put(document, parsed, edit, call, attribute)
    else:
        raise NotPossible(f"a {edit.call.action} cannot add")
    return parsed.with_call(call, changed), []


def _updated(parsed: Parsed, call: cst.Call, attribute: str) -> cst.Call:
    update, given = keyword(call, "UpdateExpression"), keyword(call, VALUES)
    text = None if update is None else literal(update.value)
    placeholders = Placeholders(parsed, call)
    if update is None or text is None or given is None or not isinstance(given.value, cst.Dict):
        raise NotPossible("the UpdateExpression and its values are not written out there")
    name = placeholders.name(attribute)
    names = {name, attribute}
    assigned = re.fullmatch(r"\s*SET\s+(.*)", text, re.IGNORECASE | re.DOTALL)
    clauses = [one.strip() for one in assigned.group(1).split(",")] if assigned and "(" not in text else []
    found = [one for one in clauses if one.partition("=")[0].strip() in names]
    if len(found) != 1 or re.search(r"\b(ADD|REMOVE|DELETE)\b", text):
        raise NotPossible(f"the UpdateExpression {text!r} does not only SET {attribute} to a value")
    placeholder = found[0].partition("=")[2].strip()
    entries = [
        one for one in given.value.elements if isinstance(one, cst.DictElement) and literal(one.key) == placeholder
    ]
    if len(entries) != 1:
        raise NotPossible(f"{placeholder} is not written out in the call")
    change = _change(parsed, entries[0].value, attribute, plain=is_plain(parsed, call))
    rest = ", ".join(one for one in clauses if one is not found[0])
    expression = f"{f'SET {rest} ' if rest else ''}ADD {name} {placeholder}"
    values = given.value.with_changes(
        elements=[
            one.with_changes(value=cst.parse_expression(change)) if one is entries[0] else one
            for one in given.value.elements
        ]
    )
    new = {"UpdateExpression": cst.parse_expression(text_literal(expression)), VALUES: values}
    arguments = [
        one.with_changes(value=new.get(one.keyword.value, one.value)) if one.keyword else one for one in call.args
    ]
    return with_keywords(parsed, call, with_placeholders(arguments, placeholders))


def _put(document: Document, parsed: Parsed, edit: Edit, call: cst.Call, attribute: str) -> cst.Call:
    given = keyword(call, "Item")
    item = None if given is None else given.value
    if len(call.args) > (1 if keyword(call, "TableName") is None else 2):
        raise NotPossible("the put_item takes more than an item, and an update might not do the same")
    if (
        not isinstance(item, cst.Dict)
        or len(item.elements) != 2
        or not isinstance(item.elements[0], cst.StarredDictElement)
    ):
        raise NotPossible("the item is not written as {**item, …} there")
    whole, own = item.elements
    if not isinstance(own, cst.DictElement) or literal(own.key) != attribute:
        raise NotPossible(f"the put_item changes more than {attribute}")
    plain = is_plain(parsed, call)
    change = _change(parsed, own.value, attribute, plain=plain)
    base = parsed.code(whole.value)
    keys = _keys(document, edit)
    placeholders = Placeholders(parsed, call)
    name = placeholders.name(attribute)
    value = placeholders.value("change", change)
    table = keyword(call, "TableName")
    arguments = [
        *([] if table is None else [table]),
        argument("Key", mapping([(text_literal(one), f"{base}[{text_literal(one)}]") for one in keys])),
        argument("UpdateExpression", text_literal(f"ADD {name} {value}")),
        *(
            argument(which, mapping(placeholders.added[which]))
            for which in (NAMES, VALUES)
            if placeholders.added[which]
        ),
    ]
    assert isinstance(call.func, cst.Attribute)  # noqa: S101 - that is how it was found
    return exploded(call.with_changes(func=call.func.with_changes(attr=cst.Name("update_item")), args=arguments))


def _keys(document: Document, edit: Edit) -> tuple[str, ...]:
    """The names of the table's key attributes, as some step of the counterexample gave them."""
    own = step_named(document, edit.call.step) or {}
    table = (own.get("parameters") or {}).get("TableName")
    for step in document["steps"]:
        if (step.get("parameters") or {}).get("TableName") == table and (found := key_names(document, step["name"])):
            return found
    raise NotPossible("the report does not say what the key of the table is")


def _change(parsed: Parsed, value: cst.BaseExpression, attribute: str, *, plain: bool) -> str:
    """What is added, of an expression that computes the sum."""
    if not plain:
        value = _number_of(value)
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Add | cst.Subtract):
        sides = [value.left, value.right]
        for mine, other in ((0, 1), (1, 0)):
            if _is_number(sides[mine], attribute) and not (mine == 1 and isinstance(value.operator, cst.Subtract)):
                text = parsed.code(sides[other])
                simple = isinstance(sides[other], cst.Name | cst.Integer | cst.Subscript | cst.Call | cst.Attribute)
                if isinstance(value.operator, cst.Subtract):
                    text = f"-{text}" if simple else f"-({text})"
                return text if plain else f'{{"N": str({text})}}'
    raise NotPossible(f"{parsed.code(value)} is not {attribute} as it was read, plus or minus something")


def _number_of(value: cst.BaseExpression) -> cst.BaseExpression:
    """``x`` of ``{"N": str(x)}``."""
    if isinstance(value, cst.Dict) and len(value.elements) == 1 and isinstance(value.elements[0], cst.DictElement):
        inner = value.elements[0].value
        if (
            isinstance(inner, cst.Call)
            and isinstance(inner.func, cst.Name)
            and inner.func.value == "str"
            and inner.args
        ):
            return inner.args[0].value
    return value


def _is_number(node: cst.BaseExpression, attribute: str) -> bool:
    """Whether an expression is the attribute of some item: ``item["n"]``, ``int(item["n"]["N"])``, ``item.get("n", 0)``."""
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Name)
        and node.func.value in {"int", "float", "Decimal"}
        and node.args
    ):
        return _is_number(node.args[0].value, attribute)
    part = part_of(node)
    if part is None:
        return False
    return part[1] == attribute or (part[1] == "N" and _is_number(part[0], attribute))
