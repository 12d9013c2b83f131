"""What loading, querying and restoring cost as a table grows: time and memory per item stay the same, restoring costs nothing.

The items have an owner each, of whom every one has a hundred, and a kind, which they all share: the query by owner looks at
many small partitions of an index, the query by kind at one that holds everything, page by page.
"""

from __future__ import annotations

import gc
import statistics
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import thread_time
from typing import Any

from toctou import Table
from toctou.engine import Engine

TABLE = Table("Items", "item_id", indexes={"by_owner": ("owner",), "by_kind": ("kind", "item_id")})
OWNED = 100
"""Items of each owner."""

CHANGED = 10
"""Items that are changed before the engine is restored."""


@dataclass(frozen=True)
class Growth:
    """What was measured at one size.

    Attributes:
        items: in the table.
        load: microseconds per item put.
        memory: bytes per item, its version in the log and its place in two indexes included.
        by_owner: microseconds per item found.
        by_kind: microseconds per item found.
        checkpoint: microseconds to remember a point.
        restore: microseconds to go back to it, after :data:`CHANGED` items were changed.
    """

    items: int
    load: float
    memory: float
    by_owner: float
    by_kind: float
    checkpoint: float
    restore: float


def growth(items: int, rounds: int = 3) -> Growth:
    """Measure one size; times are medians of so many rounds."""
    gc.collect()
    tracemalloc.start()
    engine = loaded(items)
    memory = tracemalloc.get_traced_memory()[0] / items
    tracemalloc.stop()
    load = statistics.median(_seconds(lambda: loaded(items)) for _ in range(rounds))
    by_owner = statistics.median(_seconds(lambda: query_owners(engine, items)) for _ in range(rounds))
    by_kind = statistics.median(_seconds(lambda: query_kind(engine)) for _ in range(rounds))
    points = []
    for _ in range(10 * rounds):
        checkpoint = _seconds(lambda: engine.sequence)
        initial = engine.sequence
        change(engine)
        points.append((checkpoint, _seconds(partial(engine.restore, initial))))
    checkpoints, restores = zip(*points, strict=True)
    per_item = 1e6 / items
    return Growth(
        items,
        load * per_item,
        memory,
        by_owner * per_item,
        by_kind * per_item,
        statistics.median(checkpoints) * 1e6,
        statistics.median(restores) * 1e6,
    )


def loaded(items: int) -> Engine:
    """An engine with a table of so many items."""
    engine = Engine()
    engine.perform("CreateTable", TABLE.parameters)
    for number in range(items):
        engine.perform("PutItem", {"TableName": "Items", "Item": item(number)})
    return engine


def item(number: int) -> dict[str, Any]:
    """One item as a client puts it."""
    return {
        "item_id": {"S": f"i{number * 7919 % 1_000_003:07d}"},  # in no particular order
        "owner": {"S": f"o{number // OWNED}"},
        "kind": {"S": "item"},
        "version": {"N": "1"},
        "title": {"S": "a title of some length"},
    }


def query_owners(engine: Engine, items: int) -> int:
    """Query the items of each owner; how many were found."""
    return sum(_found(engine, "by_owner", "owner", f"o{owner}") for owner in range((items - 1) // OWNED + 1))


def query_kind(engine: Engine) -> int:
    """Query all items through one partition of an index; how many were found."""
    return _found(engine, "by_kind", "kind", "item")


def _found(engine: Engine, index: str, name: str, value: str) -> int:
    request: dict[str, Any] = {
        "TableName": "Items",
        "IndexName": index,
        "KeyConditionExpression": "#name = :value",
        "ExpressionAttributeValues": {":value": {"S": value}},
        "ExpressionAttributeNames": {"#name": name},
    }
    found = 0
    while True:
        page = engine.perform("Query", request)
        found += page["Count"]
        if "LastEvaluatedKey" not in page:
            return found
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def change(engine: Engine) -> None:
    """Change a few items, and with them their places in an index."""
    for number in range(CHANGED):
        engine.perform("PutItem", {"TableName": "Items", "Item": {**item(number), "owner": {"S": "another"}}})


def _seconds(work: Callable[[], object]) -> float:
    begun = thread_time()
    work()
    return thread_time() - begun
