"""BatchWriteItem: up to 25 puts and deletes without conditions, each on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine import capacity, writes
from toctou.engine.actions.action import Action, Kind
from toctou.engine.batches import MAXIMUM_WRITES, by_table, check_distinct, groups
from toctou.engine.constraints import rules_of, shown
from toctou.engine.database import Database
from toctou.engine.item_footprints import delete_rule, put_rule
from toctou.engine.service_error import constraint, validation
from toctou.engine.touched import Parameters, Result, Touched
from toctou.engine.writes import Write

_LENGTH = (
    f"Map value must satisfy constraint: [Member must have length less than or equal to {MAXIMUM_WRITES}, "
    "Member must have length greater than or equal to 1]"
)


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    requested = _requested(parameters)
    prepared = {name: [_write(database, name, one) for one in requests] for name, requests in requested.items()}
    check_distinct((write.table, write.key) for group in prepared.values() for write in group)
    level = capacity.level_of(parameters)
    consumed, metrics = [], {}
    for name, group in prepared.items():
        units, charged, collections = 0.0, dict[str, float](), []
        for write in group:
            before = write.before
            after = write.after(before)
            if before is not None or after is not None:
                database.commit(write.table, write.key, before, after)
            if level is not None:
                units += capacity.write_units(before, after)
                for index, amount in capacity.index_write_units(write.table, write.key, before, after).items():
                    charged[index] = charged.get(index, 0.0) + amount
            collections.append(capacity.collection_metrics(parameters, write.table, write.key))
        if level is not None:
            consumed.append(capacity.report(level, group[0].table, units, charged))
        if any(collections):
            metrics[name] = collections
    result: dict[str, Any] = {"UnprocessedItems": {}}
    if level is not None:
        result["ConsumedCapacity"] = consumed
    if metrics:
        result["ItemCollectionMetrics"] = metrics
    return result


def _requested(parameters: Mapping[str, Any]) -> Mapping[str, list[Mapping[str, Any]]]:
    requested: Mapping[str, Any] = parameters.get("RequestItems") or {}
    if not requested:
        raise validation("The requestItems parameter is required for BatchWriteItem")
    if any(not 1 <= len(requests) <= MAXIMUM_WRITES for requests in requested.values()):
        raise constraint(shown(requested), "requestItems", _LENGTH)
    if sum(map(len, requested.values())) > MAXIMUM_WRITES:
        raise validation("Too many items requested for the BatchWriteItem call")
    return requested


def _write(database: Database, name: str, request: Mapping[str, Any]) -> Write:
    if len(request) == 1:
        if "PutRequest" in request:
            return writes.put(database, {"TableName": name, "Item": request["PutRequest"]["Item"]})
        if "DeleteRequest" in request:
            return writes.delete(database, {"TableName": name, "Key": request["DeleteRequest"]["Key"]})
    raise validation(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
    )


def _footprint(touched: Touched, parameters: Parameters, result: Result, error: str | None) -> None:
    if error is not None or result is None:
        return
    for name, requests in parameters["RequestItems"].items():
        left = (result.get("UnprocessedItems") or {}).get(name, ())
        for request in requests:
            if request in left:
                continue
            if "PutRequest" in request:
                put_rule(touched, {"TableName": name, "Item": request["PutRequest"]["Item"]}, None, None)
            else:
                delete_rule(touched, {"TableName": name, "Key": request["DeleteRequest"]["Key"]}, None, None)


def _divided(parameters: Parameters, most: int) -> Sequence[Parameters]:
    requests = [(name, one) for name, group in parameters["RequestItems"].items() for one in group]
    return [{**parameters, "RequestItems": by_table(group)} for group in groups(requests, most)]


_REQUEST = """
BatchWriteItemInput: RequestItems!={[WriteRequest]>=1}>=1 ReturnConsumedCapacity=string
  ReturnItemCollectionMetrics=string
DeleteRequest: Key!={AttributeValue}
PutRequest: Item!={AttributeValue}
WriteRequest: PutRequest=PutRequest DeleteRequest=DeleteRequest
"""
_CONSTRAINTS = rules_of("ReturnConsumedCapacity ReturnItemCollectionMetrics")

ACTION = Action(
    "BatchWriteItem", Kind.WRITES, _perform, _REQUEST, footprint=_footprint, constraints=_CONSTRAINTS, divided=_divided
)
