"""UpdateItem: change some attributes of one item, creating it if it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import single_writes
from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import update_rule
from toctou.engine.writes import update


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    single_writes.check_return_values(parameters, "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
    return single_writes.perform(database, parameters, update(database, parameters))


_REQUEST = """
UpdateItemInput: TableName!=string>=1 Key!={AttributeValue} AttributeUpdates={AttributeValueUpdate}
  Expected={ExpectedAttributeValue} ConditionalOperator=string ReturnValues=string ReturnConsumedCapacity=string
  ReturnItemCollectionMetrics=string UpdateExpression=string ConditionExpression=string
  ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
AttributeValueUpdate: Value=AttributeValue Action=string
"""
_CONSTRAINTS = rules_of(
    "ReturnConsumedCapacity TableName ReturnItemCollectionMetrics ReturnValues "
    "ReturnValuesOnConditionCheckFailure ConditionalOperator Expected AttributeUpdates",
    AttributeUpdates=Rule(each=Rule(members={"Action": Rule(("ADD", "DELETE", "PUT"))})),
)

ACTION = Action(
    "UpdateItem", Kind.WRITES, _perform, _REQUEST, footprint=update_rule, constraints=_CONSTRAINTS, one_item=True
)
