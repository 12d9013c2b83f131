"""Footprints of reads of many items: Query and Scan.

Such a read has read a range of keys, because an item put into the range later would have been found; and at those
attributes of the items in it that decide what it returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.expressions.conditions import compiled_condition
from toctou.engine.expressions.key_conditions import compiled_key_condition
from toctou.engine.expressions.placeholders import NO_NAMES
from toctou.engine.expressions.projections import compiled_projection
from toctou.engine.schema import Schema
from toctou.engine.touched import Parameters, Result, Touched
from toctou.engine.values import normal_value
from toctou.history.footprint import ALL, EXISTENCE, KeyRange

Partition = tuple[str, Any]

MANY = 16
"""Fewer items than this, none of them large, cannot fill a page."""


_CONDITIONS = frozenset({"KeyConditionExpression", "KeyConditions"})


def range_rule(touched: Touched, parameters: Parameters, result: Result, error: str | None) -> None:
    """A ``Query``, or a ``Scan``, which has no key condition."""
    if error is not None or result is None:
        return
    schema = touched.schemas[parameters["TableName"]]
    queried = _range(schema, parameters, result)
    touched.ranges.append(queried)
    attributes = queried.attributes | {EXISTENCE}
    for image in result.get("Items") or ():
        if schema.key_names <= image.keys():
            touched.reads(schema.item_id(image), attributes)


def _range(schema: Schema, parameters: Mapping[str, Any], result: Mapping[str, Any]) -> KeyRange:
    attributes = _accessed(schema, parameters, result)
    if parameters.get("IndexName") is not None or not (_CONDITIONS & parameters.keys()):
        return KeyRange(schema.table, None, None, attributes)
    partition, sort = _condition(schema, parameters)
    return KeyRange(schema.table, partition, sort, attributes)


def _accessed(schema: Schema, parameters: Mapping[str, Any], result: Mapping[str, Any]) -> frozenset[str]:
    """The attributes that decided what a query or scan returned; those of the table's key cannot change."""
    if parameters.get("ReturnConsumedCapacity", "NONE") != "NONE" or result.get("ScannedCount", MANY) >= MANY:
        return frozenset({ALL})
    names = parameters.get("ExpressionAttributeNames") or NO_NAMES
    attributes: set[str] = set()
    if parameters.get("QueryFilter") or parameters.get("ScanFilter"):
        return frozenset({ALL})
    text = parameters.get("FilterExpression")
    if text is not None:
        attributes |= compiled_condition("FilterExpression", text, names).reads
    projection = parameters.get("ProjectionExpression")
    if projection is not None:
        attributes |= compiled_projection(projection, names).reads
    elif parameters.get("AttributesToGet"):
        attributes |= set(parameters["AttributesToGet"])
    elif parameters.get("Select") != "COUNT":
        return frozenset({ALL})
    index = schema.indexes.get(parameters.get("IndexName", ""))
    if index is not None:
        attributes |= {attribute.name for attribute in index.key.attributes}
    return frozenset(attributes - schema.key_names)


def _condition(schema: Schema, parameters: Mapping[str, Any]) -> tuple[Partition | None, str | None]:
    name, kind = schema.key.partition
    if parameters.get("KeyConditions"):
        content = normal_value(parameters["KeyConditions"][name]["AttributeValueList"][0])[kind]
        return (kind, content), None
    text = parameters["KeyConditionExpression"]
    given = parameters.get("ExpressionAttributeValues") or {}
    values = {key: normal_value(value) for key, value in given.items()}
    partition = sort = None
    for part in compiled_key_condition(text, parameters.get("ExpressionAttributeNames") or NO_NAMES).parts(values):
        if part.name == name:
            partition = (kind, part.operands[0][kind])
        else:
            operands = " AND ".join(str(content) for operand in part.operands for content in operand.values())
            sort = f"{part.operator} {operands}"
    return partition, sort
