"""GetItem: one item by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import capacity
from toctou.engine.database import Database
from toctou.engine.reads import get
from toctou.engine.values import item_size


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``GetItem``."""
    read = get(database, parameters)
    result = read.result()
    if "ReturnConsumedCapacity" in parameters:
        level = capacity.level_of(parameters)
        if level is not None:
            consistent = bool(parameters.get("ConsistentRead"))
            units = capacity.read_units(item_size(read.stored or {}), consistent=consistent)
            result["ConsumedCapacity"] = capacity.report(level, read.table, units)
    return result
