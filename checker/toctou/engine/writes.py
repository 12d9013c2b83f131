"""One write to one item: what it needs, and what it makes of the item.

The same four writes (put, update, delete, and the check that writes nothing) stand alone as actions and together in a
transaction.  Preparing a write finds what is wrong with the request; applying it finds what the stored item forbids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toctou.engine import legacy
from toctou.engine.database import Database
from toctou.engine.expressions.compiled import CACHE_SIZE, Check
from toctou.engine.expressions.conditions import CompiledCondition, compiled_condition
from toctou.engine.expressions.placeholders import NO_VALUES, Values, check_all_used, names_of, normal_values, values_of
from toctou.engine.expressions.updates import CompiledUpdate, compiled_update
from toctou.engine.legacy_conditions import legacy_condition
from toctou.engine.legacy_updates import legacy_update
from toctou.engine.schema import Key, Schema, key_update
from toctou.engine.service_error import ServiceError, condition_failed, constraint, validation
from toctou.engine.tables import Table
from toctou.engine.values import (
    MAXIMUM_ITEM_SIZE,
    Item,
    check_depth_of,
    item_size,
    normal_item,
    normal_value,
    value_size,
)

Make = Callable[[Item | None], Item | None]
"""What a write makes of an item; ``None`` is no item."""

_EMPTY: Item = {}
_PLACEHOLDERS = ("ExpressionAttributeNames", "ExpressionAttributeValues")


class WriteExpressions:
    """The condition and update of one write, checked, with the request's values."""

    __slots__ = ("condition", "update", "values")

    def __init__(self, condition: CompiledCondition | None, update: CompiledUpdate | None, values: Values) -> None:
        self.condition = condition
        self.update = update
        self.values = values

    def check_scalars(self, schema: Schema) -> None:
        """Refuse paths into the table's key attributes."""
        for compiled in (self.update, self.condition):
            if compiled is not None and compiled.opened:
                schema.check_scalars(compiled.opened)


_NO_EXPRESSIONS = WriteExpressions(None, None, NO_VALUES)

_SOUND: dict[tuple[object, ...], tuple[CompiledCondition | None, CompiledUpdate | None, tuple[Check, ...]]] = {}
"""The expressions of requests in which nothing was wrong, by all that they depend on but the values themselves, and the checks
of those."""


def write_expressions(
    parameters: Mapping[str, Any], update_text: str | None = None, *, schema: Schema
) -> WriteExpressions:
    """What a write's parameters say in expressions, compiled and checked, also against the table's schema.

    Args:
        update_text: its ``UpdateExpression``; ``None`` for writes that have none.

    Raises:
        ServiceError: the request is wrong, whatever is stored.
    """
    expressions = _compiled(parameters, legacy.used(parameters), update_text)
    expressions.check_scalars(schema)
    return expressions


def check_expressions(parameters: Mapping[str, Any]) -> None:
    """Refuse a write whose expressions are wrong, whatever table it is to; raises ``ServiceError``."""
    _compiled(parameters, legacy.used(parameters), parameters.get("UpdateExpression"))


def _compiled(parameters: Mapping[str, Any], old: Sequence[str], update_text: str | None = None) -> WriteExpressions:
    """``old``: the legacy parameters that the request has."""
    condition_text = parameters.get("ConditionExpression")
    if old:
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
        parts = (expressions.update, expressions.condition)
        checks = tuple(check for part in parts if part is not None for check in part.checks)
        _SOUND[key] = expressions.condition, expressions.update, checks
        return expressions
    condition, update, checks = sound
    values = normal_values(given) if given else NO_VALUES
    for check in checks:
        check(values)
    return WriteExpressions(condition, update, values)


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
        make: what becomes of the item.
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
        self._report_old = parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"

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


def check_values(key: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a key with values that are none; only needed before another fault is reported, since keys are read after all."""
    for value in key.values():
        normal_value(value)


# Each of these finds what is wrong in the order of the service: mixed parameters, values, expressions; then whether the
# table is there, and whether all of it fits the table.


def put(database: Database, parameters: Mapping[str, Any]) -> Write:
    """Prepare a ``PutItem`` or the ``Put`` of a transaction."""
    old = legacy.check_not_mixed(parameters)
    item = item_of(parameters)
    size = item_size(item)
    _check_size(size, "Item size has exceeded the maximum allowed size")
    expressions = _compiled(parameters, old)
    table = database.table(parameters)
    key = table.schema.key_of_item(item)
    expressions.check_scalars(table.schema)
    table.largest = max(table.largest, size)
    return Write(parameters, table, key, expressions, lambda _: item)


def delete(database: Database, parameters: Mapping[str, Any]) -> Write:
    """Prepare a ``DeleteItem`` or the ``Delete`` of a transaction."""
    table, key, expressions = _keyed(database, parameters)
    return Write(parameters, table, key, expressions, lambda _: None)


def check(database: Database, parameters: Mapping[str, Any]) -> Write:
    """Prepare the ``ConditionCheck`` of a transaction."""
    if parameters.get("ConditionExpression") is None:
        raise constraint(None, "transactItems.member.conditionCheck.conditionExpression", "Member must not be null")
    table, key, expressions = _keyed(database, parameters)
    return Write(parameters, table, key, expressions, lambda before: before)


def update(database: Database, parameters: Mapping[str, Any]) -> Write:
    """Prepare an ``UpdateItem`` or the ``Update`` of a transaction."""
    table, key, expressions = _keyed(database, parameters, parameters.get("UpdateExpression"))
    compiled = expressions.update
    if compiled is not None:
        for name in compiled.written:
            if name in table.schema.key_names:
                raise key_update(name)
    values = expressions.values

    def make(before: Item | None) -> Item:
        base = table.schema.image_of_key(key) if before is None else before
        new = base if compiled is None else compiled.apply(base, values)
        if before is None or (compiled is not None and _grows(compiled, base, new)):
            size = item_size(new)
            _check_size(size, "Item size to update has exceeded the maximum allowed size")
            table.largest = max(table.largest, size)
        if compiled is not None:
            _check_updated(table, compiled, new)
        return new

    return Write(parameters, table, key, expressions, make)


def _keyed(
    database: Database, parameters: Mapping[str, Any], update_text: str | None = None
) -> tuple[Table, Key, WriteExpressions]:
    old = legacy.check_not_mixed(parameters)
    given = key_in(parameters)
    try:
        expressions = _compiled(parameters, old, update_text)
        table = database.table(parameters)
    except ServiceError:
        check_values(given)
        raise
    key = table.schema.key_of(given)
    expressions.check_scalars(table.schema)
    return table, key, expressions


def _check_updated(table: Table, compiled: CompiledUpdate, new: Item) -> None:
    if table.indexes:
        table.schema.check_update(new)
    if compiled.deepens:
        for name in compiled.written:
            if name in new:
                check_depth_of(new[name])


def _grows(compiled: CompiledUpdate, base: Item, new: Item) -> bool:
    """Whether the new item may be larger than the one that it is made of."""
    for name in compiled.written:
        if name in new:
            old = base.get(name)
            if old is None or value_size(new[name]) > value_size(old):
                return True
    return False


def _check_size(size: int, message: str) -> None:
    if size > MAXIMUM_ITEM_SIZE:
        raise validation(message)
