"""Footprints of reads of many items: Query and Scan.

Such a read has read a range of keys, because an item put into the range later would have been found; and at those
attributes of the items in it that decide what it returns.  A query whose condition fixes the whole key has read one item.

Where a page ends depends on the sizes of the items before its end, so that a read which could fill one has read the items whole,
whatever it returns of them.  One that only large items could make fill a page is met by every write of a large item, which counts
as come or gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from toctou.engine.expressions.conditions import compiled_condition
from toctou.engine.expressions.key_conditions import KeyPart, compiled_key_condition
from toctou.engine.expressions.placeholders import NO_NAMES
from toctou.engine.expressions.projections import compiled_projection
from toctou.engine.legacy_conditions import legacy_key_parts
from toctou.engine.schema import IndexSchema, KeySchema, Schema
from toctou.engine.search import PAGE_SIZE
from toctou.engine.touched import LARGE, Parameters, Result, Touched
from toctou.engine.values import MAXIMUM_ITEM_SIZE, normal_value
from toctou.history.footprint import ALL, EXISTENCE, Attributes, KeyRange, Partition
from toctou.history.item import ItemId

MANY = PAGE_SIZE // LARGE
"""Fewer items than this, none of them large, cannot fill a page."""

FEW = PAGE_SIZE // MAXIMUM_ITEM_SIZE
"""So many items cannot fill a page, however large they are."""


def range_rule(touched: Touched, parameters: Parameters, result: Result, error: str | None) -> None:
    """A ``Query``, or a ``Scan``, which has no key condition."""
    if error is not None or result is None:
        return
    schema = touched.schemas[parameters["TableName"]]
    name = parameters.get("IndexName")
    index = None if name is None else schema.indexes[name]
    parts = _key_parts(parameters)
    item = None if index is not None else _only_item(schema, parts)
    attributes = frozenset({ALL}) if touched.capacity else _accessed(schema, index, parameters)
    if item is not None:
        touched.reads(item, attributes | {EXISTENCE})
        return
    partition, sort = _condition(schema.key if index is None else index.key, parts)
    queried = KeyRange(schema.table, partition, sort, attributes, None if index is None else index.named_key)
    if _may_fill_a_page(touched, queried, result):
        attributes = frozenset({ALL})
        queried = replace(queried, attributes=attributes)
    touched.ranges.append(queried)
    for image in result.get("Items") or ():
        if schema.key_names <= image.keys():
            touched.reads(schema.item_id(image), attributes | {EXISTENCE})


def _key_parts(parameters: Mapping[str, Any]) -> Sequence[KeyPart]:
    """What a query asks of the key; nothing for a scan."""
    if parameters.get("KeyConditions"):
        return legacy_key_parts(parameters["KeyConditions"])
    text = parameters.get("KeyConditionExpression")
    if text is None:
        return ()
    given = parameters.get("ExpressionAttributeValues") or {}
    values = {key: normal_value(value) for key, value in given.items()}
    return compiled_key_condition(text, parameters.get("ExpressionAttributeNames") or NO_NAMES).parts(values)


def _only_item(schema: Schema, parts: Sequence[KeyPart]) -> ItemId | None:
    """The one item that can meet the conditions, if they fix its key."""
    key = {part.name: part.operands[0] for part in parts if part.operator == "="}
    return schema.item_id(key) if key.keys() == schema.key_names else None


def _may_fill_a_page(touched: Touched, queried: KeyRange, result: Mapping[str, Any]) -> bool:
    """Whether a write that leaves only small items could bring a page to its end, or move the end."""
    examined = result.get("ScannedCount", MANY)
    return examined > FEW and (examined >= MANY or touched.reads_large(queried.holds))


def _accessed(schema: Schema, index: IndexSchema | None, parameters: Mapping[str, Any]) -> Attributes:
    """The attributes that decided what was found; those of the keys change only where an item comes or goes."""
    if parameters.get("QueryFilter") or parameters.get("ScanFilter"):
        return frozenset({ALL})
    names = parameters.get("ExpressionAttributeNames") or NO_NAMES
    attributes: Attributes = frozenset()
    projection = parameters.get("ProjectionExpression")
    if projection is not None:
        attributes = compiled_projection(projection, names).reads
    elif parameters.get("AttributesToGet"):
        attributes = frozenset(parameters["AttributesToGet"])
    elif parameters.get("Select") != "COUNT":
        if index is None or index.projected is None or parameters.get("Select") == "ALL_ATTRIBUTES":
            return frozenset({ALL})
        attributes = index.projected
    text = parameters.get("FilterExpression")
    if text is not None:
        attributes |= compiled_condition("FilterExpression", text, names).reads
    keys = schema.key_names if index is None else schema.key_names | index.named_key.names
    return attributes - keys


def _condition(key: KeySchema, parts: Sequence[KeyPart]) -> tuple[Partition | None, str | None]:
    name, kind = key.partition
    partition = sort = None
    for part in parts:
        if part.name == name:
            partition = (kind, part.operands[0][kind])
        else:
            operands = " AND ".join(str(content) for operand in part.operands for content in operand.values())
            sort = f"{part.operator} {operands}"
    return partition, sort
