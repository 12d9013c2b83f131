"""Decides what the snippet of an edit consists of, in no language: calls with their keys, expressions and values.

A call is that of the counterexample, as the handler made it, with what the edit adds.  Its values are variables, named after
their placeholders, because the snippet is to be adapted; what they are is said in a comment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from toctou.history.reserved_words import RESERVED_WORDS
from toctou.remediation.remedy_data import Call, Document, Edit, NotPossible, Term, step_named, type_read

RACE_LOST = "another request won the race: re-read and retry, or answer 409"
ALREADY_DONE = "the event has been processed: return without an error"
TAKEN = "the value is taken: answer 409"


@dataclass(frozen=True, slots=True)
class Value:
    """A value of DynamoDB.

    Attributes:
        kind: its type, such as ``S``; ``""`` for one that the code has as DynamoDB's SDK represents it.
        variable: the words of the variable's name, in lower case, joined by ``_``.
        prefix: a text before the variable's, for keys that are put together.
    """

    kind: str
    variable: str
    prefix: str = ""


@dataclass(slots=True)
class Request:
    """One call, or one element of a transaction.

    Attributes:
        action: ``PutItem``, ``UpdateItem``, ``DeleteItem``, ``ConditionCheck``, or a reading action.
        key: names and values of its key; of a ``PutItem``, empty.
        item: for a ``PutItem``, the attributes to put, or the variable that holds all of them.
        consistent: whether it has ``ConsistentRead=True``.
        expressions: texts by the name of the parameter, such as ``ConditionExpression``.
    """

    action: str
    table: str
    key: dict[str, Value] = field(default_factory=dict)
    item: dict[str, Value] | Value | None = None
    consistent: bool = False
    expressions: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    @property
    def element(self) -> str:
        """What it is called as an element of a transaction."""
        return self.action.removesuffix("Item")


@dataclass(frozen=True, slots=True)
class Sketch:
    """One call to be made, and what its failure means.

    Attributes:
        requests: one, or the elements of a transaction.
        comments: what the variables are, a line each.
        failure: what to do when the condition fails; ``""`` if nothing can fail.
    """

    requests: tuple[Request, ...]
    comments: tuple[str, ...] = ()
    failure: str = ""

    @property
    def transaction(self) -> bool:
        """Whether the requests are one transaction."""
        return len(self.requests) > 1 or self.requests[0].action == "ConditionCheck"


def sketches(document: Document, edits: Sequence[Edit]) -> list[Sketch]:
    """The calls that a remedy's edits ask for."""
    made = [_MAKE[one.kind](document, one) for one in edits if one.kind in _MAKE]
    if not made:
        raise NotPossible("the remedy changes none of the calls")
    return made


def _condition(document: Document, edit: Edit) -> Sketch:
    if edit.call.action == "TransactWriteItems":
        return _in_transaction(document, edit)
    request = _recorded(document, edit.call)
    if not request.action.endswith("Item") or request.action == "GetItem":
        raise NotPossible(f"a {request.action} takes no condition of its own")
    return Sketch((request,), _guarded(document, request, edit.terms), RACE_LOST)


def _in_transaction(document: Document, edit: Edit) -> Sketch:
    """A transaction as it was made, one of its elements with the terms."""
    given = (step_named(document, edit.call.step) or {}).get("parameters") or {}
    elements = [(kind, of) for one in given.get("TransactItems", ()) for kind, of in one.items()]
    requests = tuple(_request(kind if kind == "ConditionCheck" else f"{kind}Item", of) for kind, of in elements)
    guarded = next((one for one in requests if one.table == edit.call.table and one.element != "ConditionCheck"), None)
    if guarded is None:
        raise NotPossible(f"the report does not say what the transaction does to {edit.call.table}")
    return Sketch(requests, _guarded(document, guarded, edit.terms), RACE_LOST)


def _consistent_read(document: Document, edit: Edit) -> Sketch:
    request = _recorded(document, edit.call)
    request.consistent = True
    return Sketch((request,))


def _checked(document: Document, edit: Edit) -> Sketch:
    assert edit.item is not None  # noqa: S101 - it is what makes this kind
    read = _recorded(document, edit.item)
    check = Request("ConditionCheck", edit.item.table, read.key or _key_of(document, edit.item.table))
    comments = _guarded(document, check, edit.terms)
    written, of_writes = _written(document, edit)
    return Sketch((check, *written), comments + of_writes, RACE_LOST)


def _together(document: Document, edit: Edit) -> Sketch:
    written, comments = _written(document, edit)
    return Sketch(written, comments, RACE_LOST)


def _written(document: Document, edit: Edit) -> tuple[tuple[Request, ...], tuple[str, ...]]:
    """The writes of a transaction with their conditions, and what the values of these are."""
    written = tuple(_recorded(document, one) for one in edit.calls)
    comments: tuple[str, ...] = ()
    for part in edit.parts:
        at = next(at for at, call in enumerate(edit.calls) if call.is_same(part.call))
        comments += _guarded(document, written[at], part.terms)
    return written, comments


def _add(document: Document, edit: Edit) -> Sketch:
    (attribute,) = edit.attributes
    own = _recorded(document, edit.call)
    request = Request("UpdateItem", own.table, own.key or _key_of(document, own.table))
    name = _name(request, attribute)
    request.expressions["UpdateExpression"] = f"ADD {name} :change"
    request.values[":change"] = Value("N", "change")
    return Sketch((request,), (f"change: what is added to {attribute}, negative to subtract",))


def _claim(document: Document, edit: Edit) -> Sketch:
    name = edit.attributes[0] if edit.attributes else "value"
    claim = _marker(document, edit, f"claim#{name}#", _variable(name))
    comment = (
        f"{_variable(name)}: the value that only one item may have; delete its claim with the item, in one transaction"
    )
    written, comments = _written(document, edit)
    return Sketch((claim, *written), (comment, *comments), TAKEN)


def _once(document: Document, edit: Edit) -> Sketch:
    marker = _marker(document, edit, "event#", "event_id")
    comment = "event_id: what identifies the event (messageId, eventID, id, or a client's idempotency key)"
    written, comments = _written(document, edit)
    return Sketch((marker, *written), (comment, *comments), ALREADY_DONE)


_MAKE = {
    "condition": _condition,
    "consistent_read": _consistent_read,
    "checked": _checked,
    "together": _together,
    "add": _add,
    "claim": _claim,
    "once": _once,
}


def _marker(document: Document, edit: Edit, prefix: str, variable: str) -> Request:
    """The put of an item that is there only to be there once."""
    names = list(_key_of(document, edit.call.table)) or ["pk"]
    item = {names[0]: Value("S", variable, prefix)} | {one: Value("S", variable, prefix) for one in names[1:]}
    request = Request("PutItem", edit.call.table, item=item)
    request.expressions["ConditionExpression"] = f"attribute_not_exists({_name(request, names[0])})"
    return request


def _recorded(document: Document, call: Call) -> Request:
    """A call as it was made, its values as variables."""
    step = step_named(document, call.step) or {}
    given = step.get("parameters") or {}
    action = step.get("action", call.action)
    if action == "BatchWriteItem":
        action, given = _of_batch(call, given)
    return _request(action, {"TableName": call.table, **given})


def _request(action: str, given: Document) -> Request:
    """A call, or an element of a transaction, of its parameters."""
    old = next((name for name in ("AttributeUpdates", "Expected") if given.get(name)), None)
    if old is not None:
        raise NotPossible(f"the {action} has a parameter in the old form ({old}), which no expression can stand beside")
    request = Request(action, given["TableName"])
    request.key = {name: _value(name, value) for name, value in (given.get("Key") or {}).items()}
    if request.action == "PutItem":
        request.item = Value("", "item")
    request.expressions = {name: one for name, one in given.items() if name.endswith("Expression")}
    if "IndexName" in given:
        request.expressions["IndexName"] = given["IndexName"]
    request.names = dict(given.get("ExpressionAttributeNames") or {})
    values = given.get("ExpressionAttributeValues") or {}
    request.values = {name: _value(name, value) for name, value in values.items()}
    return request


def _of_batch(call: Call, given: Document) -> tuple[str, Document]:
    """The one write of a batch as a call of its own, since a batch takes no conditions."""
    for table, (first, *_) in (given.get("RequestItems") or {call.table: [{}]}).items():
        if "PutRequest" in first:
            return "PutItem", {"TableName": table, **first["PutRequest"]}
        return "DeleteItem", {"TableName": table, **first.get("DeleteRequest", {})}
    raise NotPossible("the report does not say what the batch writes")


def _key_of(document: Document, table: str) -> dict[str, Value]:
    """The key of a table, as some step of the counterexample gave it."""
    for step in document["steps"]:
        given = step.get("parameters") or {}
        if given.get("TableName") == table and given.get("Key"):
            return {name: _value(name, value) for name, value in given["Key"].items()}
    return {}


def _value(name: str, value: Any) -> Value:
    kind = next(iter(value), "") if isinstance(value, dict) and len(value) == 1 else ""
    return Value(kind if kind in {"S", "N", "BOOL"} else "", _variable(name))


def _guarded(document: Document, request: Request, terms: Sequence[Term]) -> tuple[str, ...]:
    """Add terms to the condition of a request; returns what their values are."""
    written, comments = [], []
    for one in terms:
        name = _name(request, one.attribute)
        if one.test != "equals":
            written.append(f"{'attribute_exists' if one.test == 'exists' else 'attribute_not_exists'}({name})")
            if one.value == "read":
                comments.append(
                    f"{one.attribute} was absent when it was read; where it is there: {name} = <what was read>"
                )
            continue
        of_caller = one.value == "caller"
        variable = "caller" if of_caller else _variable(one.attribute)
        kind = "S" if of_caller else type_read(document, one.read, one.attribute)
        value = Value(kind if kind in {"S", "N", "BOOL"} else "", variable)
        placeholder = f":{variable}"
        if request.values.get(placeholder, value) != value or (not of_caller and placeholder in request.values):
            value = replace(value, variable=f"{variable}_read")
            placeholder = f":{value.variable}"
        request.values[placeholder] = value
        written.append(f"{name} = {placeholder}")
        comments.append(
            f"{value.variable}: {'the principal' if of_caller else f'the value of {one.attribute} that was read'}"
        )
    before = request.expressions.get("ConditionExpression", "")
    if re.search(r"\bor\b", before, re.IGNORECASE):
        before = f"({before})"
    request.expressions["ConditionExpression"] = " AND ".join([*([before] if before else []), *written])
    return tuple(comments)


def _name(request: Request, attribute: str) -> str:
    """An attribute as the request's expressions name it."""
    if re.fullmatch(r"[A-Za-z]\w*", attribute, re.ASCII) and attribute.upper() not in RESERVED_WORDS:
        return attribute
    known = next((name for name, one in request.names.items() if one == attribute), None)
    if known is None:
        known = f"#{_variable(attribute)}"
        request.names[known] = attribute
    return known


def _variable(name: str) -> str:
    """Words in lower case, joined by ``_``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.lstrip(":#"))
    found = re.sub(r"\W+", "_", words, flags=re.ASCII).strip("_").lower()
    return found if found[:1].isalpha() else f"value_{found}"


def camel(words: str) -> str:
    """A variable's name where these are written ``likeThis``."""
    first, *rest = words.split("_")
    return first + "".join(one.capitalize() for one in rest)


def parameters(request: Request) -> dict[str, str]:
    """A request's expressions in the order of DynamoDB's documentation."""
    order = ("IndexName", "KeyConditionExpression", "FilterExpression", "ProjectionExpression", "UpdateExpression")
    return {name: request.expressions[name] for name in (*order, "ConditionExpression") if name in request.expressions}
