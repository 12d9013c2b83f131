"""One write to one item: what it needs, and what it makes of the item.

The same four writes (put, update, delete, and the check that writes nothing) stand alone as actions and together in a
transaction.  Preparing a write finds what is wrong with the request; applying it finds what the stored item forbids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from checker.engine import legacy
from checker.engine.database import Database
from checker.engine.expressions.compiled import CACHE_SIZE
from checker.engine.expressions.conditions import CompiledCondition, compiled_condition
from checker.engine.expressions.placeholders import (
    NO_VALUES,
    Values,
    check_all_used,
    names_of,
    normal_values,
    values_of,
)
from checker.engine.expressions.updates import CompiledUpdate, compiled_update
from checker.engine.legacy_conditions import legacy_condition
from checker.engine.legacy_updates import legacy_update
from checker.engine.schema import Key, Schema
from checker.engine.service_error import condition_failed, constraint, invalid_parameter, validation
from checker.engine.tables import Table
from checker.engine.values import (
    MAXIMUM_ITEM_SIZE,
    Item,
    Value,
    check_depth_of,
    item_size,
    normal_item,
)

Make = Callable[[Item | None], Item | None]
"""What a write makes of an item; ``None`` stands for no item."""

_EMPTY: Item = {}
_PLACEHOLDERS = ("ExpressionAttributeNames", "ExpressionAttributeValues")
_ON_FAILURE = ("ALL_OLD", "NONE")


class WriteExpressions:
    """The condition and update of one write, checked, with the request's values."""

    __slots__ = ("condition", "update", "values")

    def __init__(self, condition: CompiledCondition | None, update: CompiledUpdate | None, values: Values) -> None:
        self.condition = condition
        self.update = update
        self.values = values


_NO_EXPRESSIONS = WriteExpressions(None, None, NO_VALUES)

_SOUND: dict[tuple[object, ...], tuple[CompiledCondition | None, CompiledUpdate | None]] = {}
"""The expressions of requests in which nothing was wrong, by all that they depend on but the values themselves."""


def write_expressions(
    parameters: Mapping[str, Any], update_text: str | None = None, *, schema: Schema
) -> WriteExpressions:
    """Compile and check what a write's parameters say in expressions.

    Args:
        parameters: the request.
        update_text: its ``UpdateExpression``; ``None`` for writes that have none.
        schema: of the table that is written to.

    Raises:
        ServiceError: the request is wrong, whatever is stored.
    """
    condition_text = parameters.get("ConditionExpression")
    if legacy.check_not_mixed(parameters):
        return WriteExpressions(legacy_condition(parameters, "Expected"), legacy_update(parameters), NO_VALUES)
    if condition_text is None and update_text is None and parameters.keys().isdisjoint(_PLACEHOLDERS):
        return _NO_EXPRESSIONS
    names, given = parameters.get("ExpressionAttributeNames"), parameters.get("ExpressionAttributeValues")
    key = (
        update_text,
        condition_text,
        None if names is None else tuple(names.items()),
        None if given is None else tuple(given),
    )
    sound = _SOUND.get(key)
    if sound is None:
        expressions = _checked_expressions(parameters, update_text, condition_text)
        if len(_SOUND) >= CACHE_SIZE:
            _SOUND.clear()
        _SOUND[key] = expressions.condition, expressions.update
    else:
        condition, update = sound
        values = normal_values(given) if given else NO_VALUES
        for compiled in (update, condition):
            if compiled is not None:
                compiled.check(values)
        expressions = WriteExpressions(condition, update, values)
    for compiled in (expressions.update, expressions.condition):
        if compiled is not None and compiled.opened:
            schema.check_scalars(compiled.opened)
    return expressions


def _checked_expressions(
    parameters: Mapping[str, Any], update_text: str | None, condition_text: str | None
) -> WriteExpressions:
    present = (update_text is not None, condition_text is not None)
    names = names_of(parameters, present)
    missing = "UpdateExpression" if parameters.get("Key") is not None and "UpdateExpression" in parameters else None
    values = values_of(parameters, None if any(present) else missing or "ConditionExpression")
    update = condition = None
    used_names: frozenset[str] = frozenset()
    used_values: frozenset[str] = frozenset()
    if update_text is not None:
        update = compiled_update(update_text, names)
        update.check(values)
        used_names, used_values = update.used_names, update.used_values
    if condition_text is not None:
        condition = compiled_condition("ConditionExpression", condition_text, names)
        condition.check(values)
        used_names |= condition.used_names
        used_values |= condition.used_values
    check_all_used(names, values, used_names, used_values)
    return WriteExpressions(condition, update, values)


class Write:
    """One prepared write.

    Attributes:
        table: the table.
        key: the item's key.
        make: what becomes of the item.
        update: the update expression, if it has one.
        size: of its parameters, as a transaction counts them.
    """

    __slots__ = ("_condition", "_report_old", "_values", "key", "make", "table", "update")

    def __init__(
        self, parameters: Mapping[str, Any], table: Table, key: Key, expressions: WriteExpressions, make: Make
    ) -> None:
        self.table = table
        self.key = key
        self.make = make
        self.update = expressions.update
        self._condition = expressions.condition
        self._values = expressions.values
        on_failure = parameters.get("ReturnValuesOnConditionCheckFailure")
        if on_failure is not None and on_failure not in _ON_FAILURE:
            allowed = f"Member must satisfy enum value set: [{', '.join(_ON_FAILURE)}]"
            raise constraint(on_failure, "returnValuesOnConditionCheckFailure", allowed)
        self._report_old = on_failure == "ALL_OLD"

    @property
    def before(self) -> Item | None:
        """The item as it is stored now."""
        return self.table.items.get(self.key)

    def after(self, before: Item | None) -> Item | None:
        """What the write makes of the item.

        Raises:
            ServiceError: its condition does not hold, or the update cannot be applied.
        """
        condition = self._condition
        if condition is not None and not condition.holds(before or _EMPTY, self._values):
            raise condition_failed(before if self._report_old else None)
        return self.make(before)


def item_of(parameters: Mapping[str, Any]) -> Item:
    """The item of a put, in normal form."""
    item: Mapping[str, Mapping[str, Any]] | None = parameters.get("Item")
    if item is None:
        raise constraint(None, "item", "Member must not be null")
    return normal_item(item)


def key_in(parameters: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The ``Key`` of a request."""
    key: Mapping[str, Mapping[str, Any]] | None = parameters.get("Key")
    if key is None:
        raise constraint(None, "key", "Member must not be null")
    return key


def put(database: Database, parameters: Mapping[str, Any]) -> Write:
    """Prepare a ``PutItem`` or the ``Put`` of a transaction."""
    table = database.table(parameters)
    item = item_of(parameters)
    key = table.schema.key_of_item(item)
    _check_size(table, item, "Item size has exceeded the maximum allowed size")
    expressions = write_expressions(parameters, schema=table.schema)
    return Write(parameters, table, key, expressions, lambda _: item)


def delete(database: Database, parameters: Mapping[str, Any]) -> Write:
    """Prepare a ``DeleteItem`` or the ``Delete`` of a transaction."""
    table = database.table(parameters)
    key = table.schema.key_of(key_in(parameters))
    expressions = write_expressions(parameters, schema=table.schema)
    return Write(parameters, table, key, expressions, lambda _: None)


def check(database: Database, parameters: Mapping[str, Any]) -> Write:
    """Prepare the ``ConditionCheck`` of a transaction."""
    table = database.table(parameters)
    if parameters.get("ConditionExpression") is None:
        raise constraint(None, "transactItems.member.conditionCheck.conditionExpression", "Member must not be null")
    key = table.schema.key_of(key_in(parameters))
    expressions = write_expressions(parameters, schema=table.schema)
    return Write(parameters, table, key, expressions, lambda before: before)


def update(database: Database, parameters: Mapping[str, Any]) -> Write:
    """Prepare an ``UpdateItem`` or the ``Update`` of a transaction."""
    table = database.table(parameters)
    key = table.schema.key_of(key_in(parameters))
    expressions = write_expressions(parameters, parameters.get("UpdateExpression"), schema=table.schema)
    compiled = expressions.update
    if compiled is not None:
        for name in compiled.written:
            if name in table.schema.key_names:
                raise invalid_parameter(f"Cannot update attribute {name}. This attribute is part of the key")
    values = expressions.values

    def make(before: Item | None) -> Item:
        base = table.schema.image_of_key(key) if before is None else before
        return base if compiled is None else _updated(table, compiled, base, values)

    return Write(parameters, table, key, expressions, make)


def _updated(table: Table, compiled: CompiledUpdate, base: Item, values: Mapping[str, Value]) -> Item:
    new = compiled.apply(base, values)
    _check_size(table, new, "Item size to update has exceeded the maximum allowed size")
    if table.indexes:
        table.schema.check_update(new)
    if compiled.deepens:
        for name in compiled.written:
            if name in new:
                check_depth_of(new[name])
    return new


def _check_size(table: Table, item: Item, message: str) -> None:
    size = item_size(item)
    if size > MAXIMUM_ITEM_SIZE:
        raise validation(message)
    table.largest = max(table.largest, size)
