"""DeleteItem: remove one item by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import single_writes
from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import delete_rule
from toctou.engine.writes import delete


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    single_writes.check_return_values(parameters, "ALL_OLD")
    return single_writes.perform(database, parameters, delete(database, parameters))


_REQUEST = """
DeleteItemInput: TableName!=string>=1 Key!={AttributeValue} Expected={ExpectedAttributeValue}
  ConditionalOperator=string ReturnValues=string ReturnConsumedCapacity=string ReturnItemCollectionMetrics=string
  ConditionExpression=string ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
"""
_CONSTRAINTS = rules_of(
    "ReturnConsumedCapacity TableName ReturnValues ReturnItemCollectionMetrics "
    "ReturnValuesOnConditionCheckFailure ConditionalOperator Expected"
)

ACTION = Action(
    "DeleteItem", Kind.WRITES, _perform, _REQUEST, footprint=delete_rule, constraints=_CONSTRAINTS, one_item=True
)
