"""TransactGetItems: up to 100 items, as they are at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import capacity
from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import transact_get_rule
from toctou.engine.reads import Get, get
from toctou.engine.service_error import constraint, validation
from toctou.engine.transactions import MAXIMUM_SIZE, cancelled, check_distinct, prepared_each
from toctou.engine.values import item_size


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``TransactGetItems``."""
    items = parameters.get("TransactItems")
    if not items:
        raise constraint(items, "transactItems", "Member must have length greater than or equal to 1")
    prepared = prepared_each(items, lambda item: _prepared(database, item))
    reads = [read for read in prepared if isinstance(read, Get)]
    check_distinct((read.table, read.key) for read in reads)
    if len(reads) < len(prepared):
        raise cancelled([None if isinstance(one, Get) else one for one in prepared])
    responses = [read.result() for read in reads]
    # The API reference: 4 MB in all.  That projections count, and the text, were seen on DynamoDB Local.
    size = sum(item_size(response["Item"]) for response in responses if response)
    if size > MAXIMUM_SIZE:
        raise validation(f"Payload in response is too large.{size}")
    result: dict[str, Any] = {"Responses": responses}
    level = capacity.level_of(parameters)
    if level is not None:
        result["ConsumedCapacity"] = capacity.transactional_read(level, ((read.table, read.stored) for read in reads))
    return result


def _prepared(database: Database, item: Mapping[str, Any]) -> Get:
    if item.get("Get") is None:
        raise constraint(None, "transactItems.member.get", "Member must not be null")
    return get(database, item["Get"])


_REQUEST = """
TransactGetItemsInput: TransactItems!=[TransactGetItem]>=1 ReturnConsumedCapacity=string
Get: Key!={AttributeValue} TableName!=string>=1 ProjectionExpression=string ExpressionAttributeNames={string}
TransactGetItem: Get!=Get
"""
_CONSTRAINTS = rules_of("TransactItems ReturnConsumedCapacity", TransactItems=Rule(shortest=1, longest=100))

ACTION = Action(
    "TransactGetItems", Kind.READS, perform, _REQUEST, footprint=transact_get_rule, constraints=_CONSTRAINTS
)
