"""TransactWriteItems: up to 100 writes, all or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toctou.engine import capacity, writes
from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import transact_write_rule
from toctou.engine.schema import EmptyIndexKey, SchemaMismatch
from toctou.engine.service_error import ServiceError, constraint, validation
from toctou.engine.transactions import MAXIMUM_SIZE, cancelled, check_distinct, prepared_each
from toctou.engine.values import Item, item_size

_PREPARE: dict[str, Callable[[Database, Mapping[str, Any]], writes.Write]] = {
    "Put": writes.put,
    "Update": writes.update,
    "Delete": writes.delete,
    "ConditionCheck": writes.check,
}


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``TransactWriteItems``."""
    items = parameters.get("TransactItems")
    if not items:
        raise constraint(items, "transactItems", "Member must have length greater than or equal to 1")
    token = parameters.get("ClientRequestToken")
    every = prepared_each(items, lambda item: _prepared(database, item))
    prepared = [write for write in every if isinstance(write, writes.Write)]
    level = capacity.level_of(parameters)
    if token and (earlier := database.completed.get(token)) is not None:
        if earlier != items:
            message = (
                "Specified idempotent token was used with different request parameters within the idempotency window"
            )
            raise ServiceError("IdempotentParameterMismatchException", message)
        if level is None:
            return {}
        # A repeated request is charged as a read of its items.
        return {"ConsumedCapacity": capacity.transactional_read(level, ((one.table, one.before) for one in prepared))}
    check_distinct((write.table, write.key) for write in prepared)
    images = _images(every)
    for write, (before, after) in zip(prepared, images, strict=True):
        if after is not before:
            database.commit(write.table, write.key, before, after)
    if token:
        database.complete(token, _frozen(items))
    return _result(parameters, level, prepared, images)


def _prepared(database: Database, item: Mapping[str, Any]) -> writes.Write:
    if len(item) != 1:
        if not item:
            raise validation("Invalid Request: TransactWriteRequest should contain Delete or Put or Update request")
        raise validation("TransactItems can only contain one of Check, Put, Update or Delete")
    for name, parameters in item.items():
        if name in _PREPARE:
            return _PREPARE[name](database, parameters)
    raise validation("TransactItems can only contain one of Check, Put, Update or Delete")


def _images(every: list[writes.Write | SchemaMismatch]) -> list[tuple[Item | None, Item | None]]:
    """Each item before and after; raises ``ServiceError`` with all reasons if any write fails."""
    images: list[tuple[Item | None, Item | None]] = []
    faults: list[ServiceError | None] = []
    for write in every:
        if isinstance(write, SchemaMismatch):
            faults.append(write)
            continue
        before = write.before
        try:
            images.append((before, write.after(before)))
            faults.append(None)
        except EmptyIndexKey:
            raise
        except ServiceError as fault:
            faults.append(fault)
    if any(faults):
        raise cancelled(faults)
    size = sum(item_size(after) for _, after in images if after is not None)
    if size > MAXIMUM_SIZE:
        raise validation(f"Transaction payload size cannot exceed 4MB. Payload Size: {size}")
    return images


def _result(
    parameters: Mapping[str, Any],
    level: str | None,
    prepared: list[writes.Write],
    images: list[tuple[Item | None, Item | None]],
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if level is not None:
        charged = (
            (write.table, capacity.write_units(before, after))
            for write, (before, after) in zip(prepared, images, strict=True)
        )
        result["ConsumedCapacity"] = capacity.reports(level, charged, factor=2.0)
    if parameters.get("ReturnItemCollectionMetrics") not in (None, "NONE"):
        metrics: dict[str, list[Any]] = {}
        for write in prepared:
            one = capacity.collection_metrics(parameters, write.table, write.key)
            if one is not None:
                metrics.setdefault(write.table.schema.table, []).append(one)
        if metrics:
            result["ItemCollectionMetrics"] = metrics
    return result


def _frozen(items: Any) -> Any:
    """A copy that a caller who changes its parameters afterwards does not reach."""
    if isinstance(items, Mapping):
        return {name: _frozen(value) for name, value in items.items()}
    if isinstance(items, list | tuple):
        return [_frozen(value) for value in items]
    return items


_PARTS = ("ConditionCheck", "Put", "Delete", "Update")
_PART = Rule(members=rules_of("ReturnValuesOnConditionCheckFailure"))

_REQUEST = """
TransactWriteItemsInput: TransactItems!=[TransactWriteItem]>=1 ReturnConsumedCapacity=string
  ReturnItemCollectionMetrics=string ClientRequestToken=string>=1
ConditionCheck: Key!={AttributeValue} TableName!=string>=1 ConditionExpression!=string
  ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
Delete: Key!={AttributeValue} TableName!=string>=1 ConditionExpression=string ExpressionAttributeNames={string}
  ExpressionAttributeValues={AttributeValue} ReturnValuesOnConditionCheckFailure=string
Put: Item!={AttributeValue} TableName!=string>=1 ConditionExpression=string ExpressionAttributeNames={string}
  ExpressionAttributeValues={AttributeValue} ReturnValuesOnConditionCheckFailure=string
TransactWriteItem: ConditionCheck=ConditionCheck Put=Put Delete=Delete Update=Update
Update: Key!={AttributeValue} UpdateExpression!=string TableName!=string>=1 ConditionExpression=string
  ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
"""
_CONSTRAINTS = rules_of(
    "ClientRequestToken ReturnConsumedCapacity ReturnItemCollectionMetrics TransactItems",
    TransactItems=Rule(each=Rule(members=dict.fromkeys(_PARTS, _PART)), shortest=1, longest=100),
)

ACTION = Action(
    "TransactWriteItems", Kind.WRITES, perform, _REQUEST, footprint=transact_write_rule, constraints=_CONSTRAINTS
)
