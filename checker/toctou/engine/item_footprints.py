"""Footprints of reads and writes of single items, alone and in transactions.

A request that is wrong whatever is stored is recognised by the ``ServiceError`` or ``KeyError`` that its rule raises, or by its
noting nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from toctou.engine import legacy
from toctou.engine.expressions.compiled import CACHE_SIZE
from toctou.engine.expressions.conditions import compiled_condition
from toctou.engine.expressions.projections import compiled_projection
from toctou.engine.expressions.updates import CompiledUpdate, UpdateAction, compiled_update
from toctou.engine.number import normal_number
from toctou.engine.schema import Schema
from toctou.engine.touched import LARGE, WHOLE_ITEM, FootprintRule, Parameters, Touched
from toctou.engine.transactions import MAXIMUM_SIZE
from toctou.engine.values import MAXIMUM_ITEM_SIZE, item_size, normal_item, normal_value
from toctou.engine.writes import write_expressions
from toctou.history.footprint import ALL, EXISTENCE, Attributes
from toctou.history.item import Change, Image, ItemId

TOKENS = "(client request tokens)"
"""Stands as table for the tokens of transactions; no table can have this name."""


EXISTS = frozenset({EXISTENCE})
_ATTRIBUTES = frozenset({ALL})
_NONE: Attributes = frozenset()


class _Action(NamedTuple):
    """One action of an update: what it reads, and the attribute that it writes to."""

    action: UpdateAction
    reads: Attributes
    writes: Attributes


class _Looks(NamedTuple):
    """What an operation's expressions read; ``update`` is ``None`` if it has no update expression.

    ``existing`` is ``condition`` and whether the item is there.
    """

    condition: Attributes
    existing: Attributes
    projection: Attributes
    update: CompiledUpdate | None
    actions: tuple[_Action, ...]


def _looks(schema: Schema, parameters: Mapping[str, Any]) -> _Looks:
    given = parameters.get("ExpressionAttributeNames")
    return _compiled_looks(
        schema.key_names,
        parameters.get("ConditionExpression"),
        parameters.get("ProjectionExpression"),
        parameters.get("UpdateExpression"),
        tuple(given.items()) if given else (),
        bool(parameters.get("Expected")),
    )


@lru_cache(maxsize=CACHE_SIZE)
def _compiled_looks(  # noqa: PLR0917 - the cache takes its key in order
    keys: Attributes,
    condition_text: str | None,
    projection_text: str | None,
    update_text: str | None,
    given: tuple[tuple[str, str], ...],
    expected: bool,  # noqa: FBT001
) -> _Looks:
    names, projection, update = dict(given), WHOLE_ITEM, None
    condition = WHOLE_ITEM if expected else _NONE
    actions: tuple[_Action, ...] = ()
    if condition_text is not None:
        condition = _without(keys, compiled_condition("ConditionExpression", condition_text, names).reads)
    if projection_text is not None:
        projection = _without(keys, compiled_projection(projection_text, names).reads) | EXISTS
    if update_text is not None:
        update = compiled_update(update_text, names)
        actions = tuple(
            _Action(one, _without(keys, one.reads), frozenset({str(one.steps[0])})) for one in update.actions
        )
    return _Looks(condition, EXISTS | condition, projection, update, actions)


def _without(keys: Attributes, attributes: Attributes) -> Attributes:
    # Key attributes cannot change, so that reading one only shows whether the item exists.
    return attributes if attributes.isdisjoint(keys) else (attributes - keys) | EXISTS


def get_rule(touched: Touched, parameters: Mapping[str, Any], _: Mapping[str, Any] | None, error: str | None) -> None:
    """A ``GetItem``, or the ``Get`` of a transaction."""
    if error is not None:
        return
    schema = touched.schemas[parameters["TableName"]]
    attributes = WHOLE_ITEM
    if parameters.get("ProjectionExpression") is not None:
        attributes = _looks(schema, parameters).projection
    elif parameters.get("AttributesToGet"):
        attributes = _without(schema.key_names, frozenset(parameters["AttributesToGet"])) | EXISTS
    touched.reads(schema.item_id(parameters["Key"]), attributes)


def _refused(touched: Touched, item: ItemId, condition: Attributes, parameters: Mapping[str, Any]) -> None:
    """A write that did not take effect has read what its condition depends on."""
    attributes = condition
    if parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and attributes:
        attributes |= WHOLE_ITEM
    touched.reads(item, attributes)


def put_rule(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    """A ``PutItem``, or the ``Put`` of a transaction."""
    schema = touched.schemas[parameters["TableName"]]
    item = touched.item(schema, parameters["Item"])
    if error == "ValidationException":
        return
    if error is not None:
        _refused(touched, item, _looks(schema, parameters).condition, parameters)
        return
    _whole_write(touched, schema, item, parameters)
    _replaced(touched, item)
    if schema.indexes and item not in touched.changes:
        touched.stays(item, normal_item(parameters["Item"]))


def _replaced(touched: Touched, item: ItemId) -> None:
    change = touched.changes.get(item)
    created = change is not None and change.before is None
    touched.writes(item, WHOLE_ITEM if created or touched.is_large(change) else _ATTRIBUTES)


def delete_rule(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    """A ``DeleteItem``, or the ``Delete`` of a transaction."""
    schema = touched.schemas[parameters["TableName"]]
    item = touched.item(schema, parameters["Key"])
    if error == "ValidationException":
        return
    touched.reads(item, EXISTS)
    if error is not None:
        _refused(touched, item, _looks(schema, parameters).condition, parameters)
        return
    _whole_write(touched, schema, item, parameters)
    if item in touched.changes:
        touched.writes(item, WHOLE_ITEM)


def _whole_write(touched: Touched, schema: Schema, item: ItemId, parameters: Mapping[str, Any]) -> None:
    attributes = _looks(schema, parameters).condition
    if parameters.get("ReturnValues", "NONE") != "NONE":
        attributes |= WHOLE_ITEM
    if attributes or touched.capacity:
        touched.reads(item, attributes)


def _check(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    schema = touched.schemas[parameters["TableName"]]
    _refused(
        touched,
        schema.item_id(parameters["Key"]),
        _looks(schema, parameters).condition,
        parameters if error else {**parameters, "ReturnValuesOnConditionCheckFailure": "NONE"},
    )


def update_rule(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    """An ``UpdateItem``, or the ``Update`` of a transaction."""
    schema = touched.schemas[parameters["TableName"]]
    item = touched.item(schema, parameters["Key"])
    if error == "ValidationException" and _always_invalid(schema, parameters):
        return
    looks = _looks(schema, parameters)
    touched.reads(item, looks.existing)
    if parameters.get("AttributeUpdates"):
        touched.reads(item, WHOLE_ITEM)
        if error is None:
            _replaced(touched, item)
        return
    if error is None:
        _updated(touched, item, looks, parameters)
        return
    _refused(touched, item, looks.condition, parameters)
    if error != "ConditionalCheckFailedException":
        _unapplied(touched, schema, item, looks.update, parameters)


def _updated(touched: Touched, item: ItemId, looks: _Looks, parameters: Mapping[str, Any]) -> None:
    change = touched.changes.get(item)
    if change is not None and (indexed := touched.schemas[item.table].indexed):
        touched.judges(item, indexed)  # it decides in which ranges of indexes the write is met
    if change is not None and change.before is None:
        touched.writes(item, EXISTS)
    returned = parameters.get("ReturnValues", "NONE")
    for one in looks.actions:
        if one.action.increment is not None and returned == "NONE" and _commutes(change, one.action, parameters):
            touched.increments(item, one.writes)
            if change is not None and not _by_a_number(one.action, parameters):
                touched.judges(item, one.writes)
        else:
            touched.reads(item, one.reads)
            touched.writes(item, one.writes)
    if returned != "NONE":
        some = None if looks.update is None or returned.startswith("ALL") else looks.update.written
        touched.reads(item, WHOLE_ITEM if some is None else frozenset(some))
    if looks.update is not None and touched.is_large(change):
        touched.reads(item, WHOLE_ITEM)
        touched.writes(item, WHOLE_ITEM)


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
        touched.reads(item, _without(schema.key_names, update.reads.union(update.written)))
        given: Mapping[str, Any] = parameters.get("ExpressionAttributeValues") or {}
        if any(_is_large_value(value) for value in given.values()):
            touched.reads(item, WHOLE_ITEM)


def _by_a_number(action: UpdateAction, parameters: Mapping[str, Any]) -> bool:
    """Whether an increment changes its attribute by the same number whatever comes before it.

    What is added to a set may be there by then, and of a map others change other parts.
    """
    return len(action.steps) == 1 and "N" in parameters["ExpressionAttributeValues"][action.increment]


def _commutes(change: Change | None, action: UpdateAction, parameters: Mapping[str, Any]) -> bool:
    """Whether an increment gives the same item, and succeeds, before as well as after any other such increment."""
    operand = parameters["ExpressionAttributeValues"][action.increment]
    of_sets = "N" not in operand
    if not of_sets and not _is_short(operand["N"]):
        return False
    if change is None:
        return True  # nothing changed, so the attribute was there
    before = _at(change.before, action.steps)
    return before is not None and (of_sets or _is_ordinary(before))


def _is_ordinary(value: Mapping[str, Any]) -> bool:
    """Whether this is a number so short that three like it can be added without running out of digits."""
    return "N" in value and _is_short(value["N"])


@lru_cache(maxsize=8192)
def _is_short(number: str) -> bool:
    whole, _, fraction = normal_number(number).lstrip("-").partition(".")
    return len(whole) <= 18 and len(fraction) <= 18


def _at(image: Image | None, steps: Sequence[str | int]) -> Mapping[str, Any] | None:
    """The value at a path through maps; ``None`` within lists, where adding beyond the end appends."""
    value = None if image is None else image.get(str(steps[0]))
    for step in steps[1:]:
        value = None if value is None else value.get("M", {}).get(step)
    return value


def _is_large_value(value: Mapping[str, Any]) -> bool:
    return item_size({"": normal_value(value)}) > LARGE


_PARTS: Mapping[str, FootprintRule] = {
    "Put": put_rule,
    "Update": update_rule,
    "Delete": delete_rule,
    "ConditionCheck": _check,
}


def transact_write_rule(touched: Touched, parameters: Parameters, _: object, error: str | None) -> None:
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
            try:
                _PARTS[name](touched, inner, None, outcome)
            except KeyError:
                # A part that fits no table cancels the transaction; what the others read still shows in the reasons.
                if outcome is None:
                    raise


def transact_get_rule(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    """A ``TransactGetItems``."""
    parts = parameters["TransactItems"]
    if error == "ValidationException" and len(parts) * MAXIMUM_ITEM_SIZE > MAXIMUM_SIZE:
        error = None  # what it asked for may have been too large, which the items decide
    for part in parts:
        get_rule(touched, part["Get"], None, error)
