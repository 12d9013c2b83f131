"""TransactGetItems: up to 100 items, as they are at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checker.engine import capacity
from checker.engine.database import Database
from checker.engine.reads import Get, get
from checker.engine.service_error import constraint, validation
from checker.engine.tables import Table
from checker.engine.transactions import MAXIMUM_ACTIONS
from checker.engine.values import item_size


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``TransactGetItems``."""
    items = parameters.get("TransactItems")
    if not items:
        raise constraint(items, "transactItems", "Member must have length greater than or equal to 1")
    if len(items) > MAXIMUM_ACTIONS:
        rule = f"Member must have length less than or equal to {MAXIMUM_ACTIONS}"
        raise constraint(f"[{len(items)} elements]", "transactItems", rule)
    reads = []
    for item in items:
        if item.get("Get") is None:
            raise constraint(None, "transactItems.member.get", "Member must not be null")
        reads.append(get(database, item["Get"]))
    if len({(read.table.schema.table, read.key) for read in reads}) < len(reads):
        raise validation("Transaction request cannot include multiple operations on one item")
    result: dict[str, Any] = {"Responses": [read.result() for read in reads]}
    level = capacity.level_of(parameters)
    if level is not None:
        result["ConsumedCapacity"] = _consumed(level, reads)
    return result


def _consumed(level: str, reads: list[Get]) -> list[dict[str, Any]]:
    units: dict[str, tuple[Table, float]] = {}
    for read in reads:
        _, sofar = units.get(read.table.schema.table, (None, 0.0))
        size = item_size(read.stored or {})
        amount = sofar + capacity.read_units(size, consistent=True, transactional=True)
        units[read.table.schema.table] = (read.table, amount)
    return [capacity.report(level, table, amount) for table, amount in units.values()]
