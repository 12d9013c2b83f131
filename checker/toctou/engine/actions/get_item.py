"""GetItem: one item by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import capacity
from toctou.engine.actions.action import Action, Kind, named_table
from toctou.engine.constraints import rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import get_rule
from toctou.engine.reads import get
from toctou.engine.values import item_size


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    read = get(database, parameters)
    result = read.result()
    if "ReturnConsumedCapacity" in parameters:
        level = capacity.level_of(parameters)
        if level is not None:
            consistent = bool(parameters.get("ConsistentRead"))
            units = capacity.read_units(item_size(read.stored or {}), consistent=consistent)
            result["ConsumedCapacity"] = capacity.report(level, read.table, units)
    return result


_REQUEST = """
GetItemInput: TableName!=string>=1 Key!={AttributeValue} AttributesToGet=[string]>=1 ConsistentRead=boolean
  ReturnConsumedCapacity=string ProjectionExpression=string ExpressionAttributeNames={string}
"""
_CONSTRAINTS = rules_of("ReturnConsumedCapacity TableName")

ACTION = Action(
    "GetItem", Kind.READS, _perform, _REQUEST, footprint=get_rule, constraints=_CONSTRAINTS, eventual=named_table
)
