"""One write as a call of its own: apply it, commit it, and return what ``ReturnValues`` requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import capacity
from toctou.engine.database import Database
from toctou.engine.service_error import validation
from toctou.engine.values import Item
from toctou.engine.writes import Write


def check_return_values(parameters: Mapping[str, Any], *allowed: str) -> None:
    """Refuse a ``ReturnValues`` that this action does not take; ``NONE`` it always takes."""
    wanted = parameters.get("ReturnValues")
    if wanted is None or wanted == "NONE" or wanted in allowed:
        return
    raise validation("Return values set to invalid value")


def perform(database: Database, parameters: Mapping[str, Any], write: Write) -> dict[str, Any]:
    """Apply and commit a write; the result of its action."""
    before = write.before
    after = write.after(before)
    if after is not None or before is not None:
        database.commit(write.table, write.key, before, after)
    result: dict[str, Any] = {}
    wanted = parameters.get("ReturnValues")
    if wanted is not None and wanted != "NONE":
        attributes = _returned(write, wanted, before, after)
        if attributes:
            result["Attributes"] = attributes
    if "ReturnConsumedCapacity" in parameters:
        level = capacity.level_of(parameters)
        if level is not None:
            units = capacity.write_units(before, after)
            indexes = capacity.index_write_units(write.table, write.key, before, after)
            result["ConsumedCapacity"] = capacity.report(level, write.table, units, indexes)
    if "ReturnItemCollectionMetrics" in parameters:
        metrics = capacity.collection_metrics(parameters, write.table, write.key)
        if metrics is not None:
            result["ItemCollectionMetrics"] = metrics
    return result


def _returned(write: Write, wanted: str, before: Item | None, after: Item | None) -> Item | None:
    image = before if wanted.endswith("OLD") else after
    if image is None:
        return None
    if wanted.startswith("ALL"):
        return image
    if write.update is None:
        return None
    return write.update.updated_old(image) if wanted.endswith("OLD") else write.update.updated_new(image)
