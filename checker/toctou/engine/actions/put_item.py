"""PutItem: one item in the place of what was there under its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import single_writes
from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import put_rule
from toctou.engine.writes import put


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    single_writes.check_return_values(parameters, "ALL_OLD")
    return single_writes.perform(database, parameters, put(database, parameters))


_REQUEST = """
PutItemInput: TableName!=string>=1 Item!={AttributeValue} Expected={ExpectedAttributeValue} ReturnValues=string
  ReturnConsumedCapacity=string ReturnItemCollectionMetrics=string ConditionalOperator=string
  ConditionExpression=string ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
"""
_CONSTRAINTS = rules_of(
    "ReturnConsumedCapacity TableName ConditionalOperator Expected ReturnValues "
    "ReturnItemCollectionMetrics ReturnValuesOnConditionCheckFailure"
)

ACTION = Action("PutItem", Kind.WRITES, _perform, _REQUEST, footprint=put_rule, constraints=_CONSTRAINTS, one_item=True)
