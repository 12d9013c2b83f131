"""BatchGetItem: up to 100 items by their keys, each read on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine import capacity
from toctou.engine.actions.action import Action, Kind
from toctou.engine.batches import MAXIMUM_GETS, MAXIMUM_RESPONSE, by_table, check_distinct, groups
from toctou.engine.constraints import rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import get_rule
from toctou.engine.reads import Get, projection_of
from toctou.engine.service_error import validation
from toctou.engine.touched import WHOLE_ITEM, Parameters, Result, Touched
from toctou.engine.values import MAXIMUM_ITEM_SIZE, item_size


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    requested: Mapping[str, Any] = parameters.get("RequestItems") or {}
    if not requested:
        raise validation("The requestItems parameter is required for BatchGetItem")
    if sum(len(one.get("Keys") or ()) for one in requested.values()) > MAXIMUM_GETS:
        raise validation("Too many items requested for the BatchGetItem call")
    reads = {name: _reads(database, name, one) for name, one in requested.items()}
    check_distinct((read.table, read.key) for gets in reads.values() for read in gets)
    result: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
    consumed = []
    level = capacity.level_of(parameters)
    size = 0
    for name, gets in reads.items():
        found: list[Any] = []
        left: list[Any] = []
        units = 0.0
        for read, key in zip(gets, requested[name]["Keys"], strict=True):
            own = item_size(read.stored or {})
            size += own
            if size > MAXIMUM_RESPONSE:
                left.append(key)
                continue
            units += capacity.read_units(own, consistent=bool(requested[name].get("ConsistentRead")))
            found += read.result().values()
        result["Responses"][name] = found
        if left:
            result["UnprocessedKeys"][name] = {**requested[name], "Keys": left}
        if level is not None:
            consumed.append(capacity.report(level, gets[0].table, units))
    if level is not None:
        result["ConsumedCapacity"] = consumed
    return result


def _reads(database: Database, name: str, request: Mapping[str, Any]) -> list[Get]:
    if not request.get("Keys"):
        raise validation(f"The list of keys in RequestItems for BatchGetItem is required: {name} has empty list")
    projection = projection_of(request)
    table = database.table({"TableName": name})
    keys = [table.schema.key_of(key) for key in request["Keys"]]
    if projection is not None:
        table.schema.check_scalars(projection.opened)
    return [Get(table, key, projection) for key in keys]


def _footprint(touched: Touched, parameters: Parameters, result: Result, error: str | None) -> None:
    if error is not None or result is None:
        return
    requested = parameters["RequestItems"]
    items = {touched.schemas[name].item_id(key) for name, request in requested.items() for key in request["Keys"]}
    may_be_full = len(items) * MAXIMUM_ITEM_SIZE > MAXIMUM_RESPONSE
    sizes_count = may_be_full and touched.reads_large(lambda item, _: item in items)
    for name, request in requested.items():
        left = (result.get("UnprocessedKeys") or {}).get(name, {}).get("Keys", ())
        for key in request["Keys"]:
            if sizes_count:
                touched.reads(touched.schemas[name].item_id(key), WHOLE_ITEM)
            elif key not in left:
                get_rule(touched, {**request, "TableName": name, "Key": key}, None, None)


def _eventual(parameters: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name, one in parameters["RequestItems"].items() if not one.get("ConsistentRead"))


def _divided(parameters: Parameters, most: int) -> Sequence[Parameters]:
    requested = parameters["RequestItems"]
    keys = [(name, key) for name, one in requested.items() for key in one["Keys"]]
    if len(keys) * MAXIMUM_ITEM_SIZE > MAXIMUM_RESPONSE:
        return [parameters]  # what is left unprocessed depends on the sizes of all of them
    return [
        {
            **parameters,
            "RequestItems": {name: {**requested[name], "Keys": own} for name, own in by_table(group).items()},
        }
        for group in groups(keys, most)
    ]


_REQUEST = """
BatchGetItemInput: RequestItems!={KeysAndAttributes}>=1 ReturnConsumedCapacity=string
KeysAndAttributes: Keys!=[{AttributeValue}]>=1 AttributesToGet=[string]>=1 ConsistentRead=boolean
  ProjectionExpression=string ExpressionAttributeNames={string}
"""
_CONSTRAINTS = rules_of("ReturnConsumedCapacity")

ACTION = Action(
    "BatchGetItem",
    Kind.READS,
    _perform,
    _REQUEST,
    footprint=_footprint,
    constraints=_CONSTRAINTS,
    eventual=_eventual,
    divided=_divided,
)
