"""Consumed capacity: the units a call is charged, as far as they follow from sizes.

A read is charged per 4 KB, half if it need not be consistent; a write per 1 KB of the larger of old and new item; both
twice within a transaction.  Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from toctou.engine.indexes import Index
from toctou.engine.schema import Key
from toctou.engine.tables import Table
from toctou.engine.values import Item, item_size

_READ_UNIT = 4096
_WRITE_UNIT = 1024


def level_of(parameters: Mapping[str, Any]) -> str | None:
    """What ``ReturnConsumedCapacity`` requests: ``TOTAL``, ``INDEXES``, or ``None`` for nothing."""
    level: str | None = parameters.get("ReturnConsumedCapacity")
    if level is None or level == "NONE":
        return None
    return level


def read_units(size: int, *, consistent: bool, transactional: bool = False) -> float:
    """The units for reading this many bytes."""
    blocks = max(1, -(-size // _READ_UNIT))
    return blocks * (2.0 if transactional else 1.0 if consistent else 0.5)


def write_units(before: Item | None, after: Item | None) -> float:
    """The units for replacing one item by another."""
    size = max(0 if image is None else item_size(image) for image in (before, after))
    return float(max(1, -(-size // _WRITE_UNIT)))


def index_write_units(table: Table, key: Key, before: Item | None, after: Item | None) -> dict[str, float]:
    """The units for keeping each index that the write touches."""
    charged = {}
    for name, index in table.indexes.items():
        units = _index_units(index, key, before, after)
        if units:
            charged[name] = units
    return charged


def _index_units(index: Index, key: Key, before: Item | None, after: Item | None) -> float:
    old, new = index.place(before, key), index.place(after, key)
    held_before = index.held(before) if old is not None and before is not None else None
    held_after = index.held(after) if new is not None and after is not None else None
    if held_before == held_after:
        return 0.0
    if old == new:
        return write_units(held_before, held_after)
    return sum(write_units(None, image) for image in (held_before, held_after) if image is not None)


def report(
    level: str, table: Table, units: float, indexes: Mapping[str, float] | None = None, *, factor: float = 1.0
) -> dict[str, Any]:
    """A ``ConsumedCapacity`` element: ``units`` for the table itself, and those of its indexes."""
    charged = {name: amount * factor for name, amount in (indexes or {}).items()}
    units *= factor
    total: dict[str, Any] = {"TableName": table.schema.table, "CapacityUnits": units + sum(charged.values())}
    if level == "INDEXES":
        total["Table"] = {"CapacityUnits": units}
        for parameter, is_global in (("GlobalSecondaryIndexes", True), ("LocalSecondaryIndexes", False)):
            part = {
                name: {"CapacityUnits": amount}
                for name, amount in charged.items()
                if table.schema.indexes[name].is_global == is_global
            }
            if part:
                total[parameter] = part
    return total


def reports(level: str, charged: Iterable[tuple[Table, float]], *, factor: float = 1.0) -> list[dict[str, Any]]:
    """A ``ConsumedCapacity`` element for each table, given what is charged for each of its items."""
    units: dict[str, tuple[Table, float]] = {}
    for table, amount in charged:
        _, sofar = units.get(table.schema.table, (table, 0.0))
        units[table.schema.table] = (table, sofar + amount)
    return [report(level, table, amount, factor=factor) for table, amount in units.values()]


def transactional_read(level: str, items: Iterable[tuple[Table, Item | None]]) -> list[dict[str, Any]]:
    """The ``ConsumedCapacity`` of reading these items within a transaction."""
    sizes = ((table, item_size(item or {})) for table, item in items)
    return reports(level, ((table, read_units(size, consistent=True, transactional=True)) for table, size in sizes))


def collection_metrics(parameters: Mapping[str, Any], table: Table, key: Key) -> dict[str, Any] | None:
    """``ItemCollectionMetrics`` of the written item, for tables with local indexes; sizes in GB, as a range."""
    wanted = parameters.get("ReturnItemCollectionMetrics")
    if wanted is None or wanted == "NONE":
        return None
    if all(index.is_global for index in table.schema.indexes.values()):
        return None
    name, kind = table.schema.key.partition
    # The service estimates to within a gigabyte, which no collection here comes near.
    return {"ItemCollectionKey": {name: {kind: key[0]}}, "SizeEstimateRangeGB": [0.0, 1.0]}
