"""Footprints of reads and writes of single items, alone and in transactions.

A request that is wrong whatever is stored is told by the ``ServiceError`` or ``KeyError`` that its rule raises, or by a rule
that notes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from checker.engine import legacy
from checker.engine.expressions.conditions import compiled_condition
from checker.engine.expressions.placeholders import NO_NAMES
from checker.engine.expressions.projections import compiled_projection
from checker.engine.expressions.updates import CompiledUpdate, UpdateAction, compiled_update
from checker.engine.schema import Schema
from checker.engine.touched import WHOLE_ITEM, Touched
from checker.engine.values import SETS, item_size, normal_value, type_of
from checker.engine.writes import write_expressions
from checker.history.footprint import ALL, EXISTENCE
from checker.history.item import Change, Image, ItemId

Rule = Callable[[Touched, Mapping[str, Any], Mapping[str, Any] | None, str | None], None]
"""Notes what an action touched, given its parameters, its result or ``None``, and its error's code or ``None``."""

LARGE = 64 * 1024
"""Items and values of fewer bytes cannot bring an item to its limit together with another one like them."""

TOKENS = "(client request tokens)"
"""Stands as table for the tokens of transactions; no table can have this name."""


def names_in(parameters: Mapping[str, Any]) -> Mapping[str, str]:
    """The request's ``ExpressionAttributeNames``."""
    return parameters.get("ExpressionAttributeNames") or NO_NAMES


def without_keys(schema: Schema, attributes: Iterable[str]) -> set[str]:
    """Key attributes cannot change, so that looking at one only tells whether the item exists."""
    found = set(attributes)
    if not found.isdisjoint(schema.key_names):
        found -= schema.key_names
        found.add(EXISTENCE)
    return found


def projected(schema: Schema, parameters: Mapping[str, Any]) -> set[str]:
    """The attributes that a read returns, with the existence of the item."""
    text = parameters.get("ProjectionExpression")
    if text is not None:
        attributes: Iterable[str] = compiled_projection(text, names_in(parameters)).reads
    else:
        attributes = parameters.get("AttributesToGet") or WHOLE_ITEM
    return without_keys(schema, attributes) | {EXISTENCE}


def get_rule(touched: Touched, parameters: Mapping[str, Any], _: Mapping[str, Any] | None, error: str | None) -> None:
    """A ``GetItem``, or the ``Get`` of a transaction."""
    if error is None:
        schema = touched.schemas[parameters["TableName"]]
        touched.reads(schema.item_id(parameters["Key"]), projected(schema, parameters))


def _condition_reads(schema: Schema, parameters: Mapping[str, Any]) -> set[str]:
    text = parameters.get("ConditionExpression")
    if text is not None:
        return without_keys(schema, compiled_condition("ConditionExpression", text, names_in(parameters)).reads)
    return set(WHOLE_ITEM) if parameters.get("Expected") else set()


def _refused(touched: Touched, schema: Schema, item: ItemId, parameters: Mapping[str, Any]) -> None:
    """A write that did not take effect has read its condition."""
    attributes = _condition_reads(schema, parameters)
    if parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and attributes:
        attributes |= WHOLE_ITEM
    touched.reads(item, attributes)


def put_rule(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    """A ``PutItem``, or the ``Put`` of a transaction."""
    schema = touched.schemas[parameters["TableName"]]
    item = schema.item_id(parameters["Item"])
    if error == "ValidationException":
        return
    if error is not None:
        _refused(touched, schema, item, parameters)
        return
    _whole_write(touched, schema, item, parameters)
    change = touched.changes.get(item)
    touched.writes(item, WHOLE_ITEM if change is not None and change.before is None else {ALL})


def delete_rule(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    """A ``DeleteItem``, or the ``Delete`` of a transaction."""
    schema = touched.schemas[parameters["TableName"]]
    item = schema.item_id(parameters["Key"])
    if error == "ValidationException":
        return
    touched.reads(item, {EXISTENCE})
    if error is not None:
        _refused(touched, schema, item, parameters)
        return
    _whole_write(touched, schema, item, parameters)
    if item in touched.changes:
        touched.writes(item, WHOLE_ITEM)


def _whole_write(touched: Touched, schema: Schema, item: ItemId, parameters: Mapping[str, Any]) -> None:
    attributes = _condition_reads(schema, parameters)
    if parameters.get("ReturnValues", "NONE") != "NONE":
        attributes |= WHOLE_ITEM
    if attributes or touched.capacity:
        touched.reads(item, attributes)


def _check(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    schema = touched.schemas[parameters["TableName"]]
    _refused(
        touched,
        schema,
        schema.item_id(parameters["Key"]),
        parameters if error else {**parameters, "ReturnValuesOnConditionCheckFailure": "NONE"},
    )


def update_rule(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    """An ``UpdateItem``, or the ``Update`` of a transaction."""
    schema = touched.schemas[parameters["TableName"]]
    item = schema.item_id(parameters["Key"])
    if error == "ValidationException" and _always_invalid(schema, parameters):
        return
    touched.reads(item, {EXISTENCE} | _condition_reads(schema, parameters))
    if parameters.get("AttributeUpdates"):
        touched.reads(item, WHOLE_ITEM)
        if error is None:
            _legacy_update(touched, item)
        return
    text = parameters.get("UpdateExpression")
    update = None if text is None else compiled_update(text, names_in(parameters))
    if error is not None:
        _refused(touched, schema, item, parameters)
        if error != "ConditionalCheckFailedException":
            _unapplied(touched, schema, item, update, parameters)
        return
    change = touched.changes.get(item)
    if change is not None and change.before is None:
        touched.writes(item, {EXISTENCE})
    if update is not None:
        for one in update.actions:
            _update_action(touched, schema, item, one, parameters)
        returned = parameters.get("ReturnValues", "NONE")
        if returned != "NONE":
            touched.reads(item, WHOLE_ITEM if returned.startswith("ALL") else update.written)
        if change is not None and _is_large(change):
            touched.reads(item, WHOLE_ITEM)
            touched.writes(item, {ALL})
    elif parameters.get("ReturnValues", "NONE") != "NONE":
        touched.reads(item, WHOLE_ITEM)


def _always_invalid(schema: Schema, parameters: Mapping[str, Any]) -> bool:
    """Whether an update is refused whatever is stored; raises ``ServiceError`` instead where that is at hand."""
    if legacy.used(parameters):
        return False
    update = write_expressions(parameters, parameters.get("UpdateExpression"), schema=schema).update
    return update is not None and not schema.key_names.isdisjoint(update.written)


def _unapplied(
    touched: Touched, schema: Schema, item: ItemId, update: CompiledUpdate | None, parameters: Mapping[str, Any]
) -> None:
    if update is not None:
        touched.reads(item, without_keys(schema, update.reads | set(update.written)))
        given: Mapping[str, Any] = parameters.get("ExpressionAttributeValues") or {}
        if any(_is_large_value(value) for value in given.values()):
            touched.reads(item, WHOLE_ITEM)


def _legacy_update(touched: Touched, item: ItemId) -> None:
    change = touched.changes.get(item)
    touched.writes(item, WHOLE_ITEM if change is not None and change.before is None else {ALL})


def _update_action(
    touched: Touched, schema: Schema, item: ItemId, action: UpdateAction, parameters: Mapping[str, Any]
) -> None:
    name = str(action.steps[0])
    if action.increment is not None and _commutes(touched, item, action, parameters):
        touched.increments(item, name)
    else:
        touched.reads(item, without_keys(schema, action.reads))
        touched.writes(item, {name})


def _commutes(touched: Touched, item: ItemId, action: UpdateAction, parameters: Mapping[str, Any]) -> bool:
    """Whether an increment gives the same item, and succeeds, before as well as after any other such increment."""
    if parameters.get("ReturnValues", "NONE") != "NONE":
        return False
    operand = normal_value(parameters["ExpressionAttributeValues"][action.increment])
    kind = type_of(operand)
    if kind not in SETS and not _is_ordinary(operand):
        return False
    change = touched.changes.get(item)
    if change is None:
        return True  # nothing changed, so the attribute was there
    before = _at(change.before, action.steps)
    return before is not None and (kind in SETS or _is_ordinary(before))


def _is_ordinary(value: Mapping[str, Any]) -> bool:
    """Whether this is a number so short that three like it can be added without running out of digits."""
    whole, _, fraction = str(value.get("N", "")).lstrip("-").partition(".")
    return whole.isdigit() and len(whole) <= 18 and len(fraction) <= 18


def _at(image: Image | None, steps: Sequence[str | int]) -> Mapping[str, Any] | None:
    """The value at a path through maps; ``None`` within lists, where adding beyond the end appends."""
    value: Mapping[str, Any] | None = {"M": image or {}}
    for step in steps:
        value = None if value is None else value.get("M", {}).get(step)
    return value


def _is_large(change: Change) -> bool:
    return any(image is not None and item_size(image) > LARGE for image in (change.before, change.after))


def _is_large_value(value: Mapping[str, Any]) -> bool:
    return item_size({"": normal_value(value)}) > LARGE


_PARTS: Mapping[str, Rule] = {"Put": put_rule, "Update": update_rule, "Delete": delete_rule, "ConditionCheck": _check}


def transact_write_rule(
    touched: Touched, parameters: Mapping[str, Any], _: Mapping[str, Any] | None, error: str | None
) -> None:
    """A ``TransactWriteItems``."""
    if error == "ValidationException":
        # Of the two kinds that implementations answer with this code, one depends on what is stored.
        for part in parameters["TransactItems"]:
            for name, inner in part.items():
                text = inner.get("UpdateExpression") if name == "Update" else None
                write_expressions(inner, text, schema=touched.schemas[inner["TableName"]])
    token = parameters.get("ClientRequestToken")
    if token:
        name = ItemId(TOKENS, (("S", token),))
        touched.reads(name, WHOLE_ITEM)
        if error is None:
            touched.writes(name, WHOLE_ITEM)
    if error == "IdempotentParameterMismatchException":
        return
    outcome = None if error is None else "TransactionCanceledException"
    for part in parameters["TransactItems"]:
        for name, inner in part.items():
            _PARTS[name](touched, inner, None, outcome)


def transact_get_rule(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    """A ``TransactGetItems``."""
    for part in parameters["TransactItems"]:
        get_rule(touched, part["Get"], None, error)
