"""Consumed capacity, against the rules of the developer guide's page on read and write operations."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put

from toctou.engine import Engine

KEY = {"id": {"S": "a"}}


def item(size: int, name: str = "a") -> dict[str, Any]:
    """An item of exactly this many bytes: names and strings count by their bytes in UTF-8."""
    fixed = len("id") + len(name) + len("text")
    return {"id": {"S": name}, "text": {"S": "x" * (size - fixed)}}


def holding(*sizes: int) -> Engine:
    """An engine with items ``a``, ``b``, … of these sizes."""
    engine = engine_with(ITEMS)
    for name, size in zip("abcdef", sizes, strict=False):
        engine.perform("PutItem", {"TableName": "Items", "Item": item(size, name)})
    return engine


def charged(engine: Engine, action: str, **parameters: Any) -> float:
    """The units of one call about one table."""
    capacity = engine.perform(action, {**parameters, "ReturnConsumedCapacity": "TOTAL"})["ConsumedCapacity"]
    (only,) = capacity if isinstance(capacity, list) else [capacity]
    units: float = only["CapacityUnits"]
    return units


@pytest.mark.parametrize(
    ("size", "units"),
    [(100, 1), (4096, 1), (4097, 2), (8192, 2), (8193, 3)],
)
def test_a_read_is_charged_per_4_kb_and_half_if_it_need_not_be_consistent(size: int, units: float):
    engine = holding(size)
    assert charged(engine, "GetItem", TableName="Items", Key=KEY, ConsistentRead=True) == units
    assert charged(engine, "GetItem", TableName="Items", Key=KEY) == units / 2
    reads = [{"Get": {"TableName": "Items", "Key": KEY}}]
    assert charged(engine, "TransactGetItems", TransactItems=reads) == 2 * units


def test_a_read_of_a_missing_item_is_charged_the_least():
    assert charged(holding(), "GetItem", TableName="Items", Key=KEY) == 0.5
    assert charged(holding(), "GetItem", TableName="Items", Key=KEY, ConsistentRead=True) == 1


def test_a_projection_makes_a_read_no_cheaper():
    assert charged(holding(8192), "GetItem", TableName="Items", Key=KEY, ProjectionExpression="id") == 1


def test_a_batch_is_charged_item_by_item():
    """Two items of 1.5 and 6.5 KB cost 1 + 2 units and not 2: the example of the page."""
    keys = [{"id": {"S": name}} for name in "ab"]
    wanted = {"Items": {"Keys": keys, "ConsistentRead": True}}
    assert charged(holding(1536, 6656), "BatchGetItem", RequestItems=wanted) == 3


def test_a_search_is_charged_by_the_sum_of_what_it_looked_at():
    """40 KB in all cost 10 units: the example of the page; a filter makes it no cheaper."""
    engine = holding(10 * 1024, 10 * 1024, 10 * 1024, 10 * 1024)
    assert charged(engine, "Scan", TableName="Items", ConsistentRead=True) == 10
    assert charged(engine, "Scan", TableName="Items") == 5
    assert charged(engine, "Scan", TableName="Items", FilterExpression="attribute_exists(z)") == 5


@pytest.mark.parametrize(("size", "units"), [(100, 1), (1024, 1), (1025, 2), (3 * 1024, 3)])
def test_a_write_is_charged_per_kb_of_the_item(size: int, units: float):
    put_it = {"TableName": "Items", "Item": item(size)}
    assert charged(holding(), "PutItem", **put_it) == units
    assert charged(holding(), "TransactWriteItems", TransactItems=[{"Put": put_it}]) == 2 * units
    assert charged(holding(size), "DeleteItem", TableName="Items", Key=KEY) == units


def test_a_write_is_charged_by_the_larger_of_the_item_before_and_after():
    assert charged(holding(3000), "PutItem", TableName="Items", Item=item(100)) == 3
    update = "REMOVE #t"
    names = {"#t": "text"}
    assert (
        charged(
            holding(3000),
            "UpdateItem",
            TableName="Items",
            Key=KEY,
            UpdateExpression=update,
            ExpressionAttributeNames=names,
        )
        == 3
    )


def test_deleting_a_missing_item_is_charged_one_unit():
    assert charged(holding(), "DeleteItem", TableName="Items", Key=KEY) == 1


@pytest.mark.parametrize(
    ("before", "after", "index"),
    [
        (None, {"who": "x"}, 1),  # an item that enters the index: one write
        ({"who": "x"}, {"who": "y"}, 2),  # a changed index key: one write to delete, one to put
        ({"who": "x"}, {}, 1),  # an item that leaves it: one
        ({"who": "x", "n": 1}, {"who": "x", "n": 2}, None),  # a change of what is not projected: none
        (None, {"n": 1}, None),  # an item that the index does not hold: none
    ],
)
def test_an_index_is_charged_as_the_page_on_global_indexes_says(
    before: dict[str, Any] | None, after: dict[str, Any], index: float | None
):
    engine = engine_with(LOG)
    if before is not None:
        put(engine, day="mon", at=1, **before)
    attributes = {name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in after.items()}
    whole = {"day": {"S": "mon"}, "at": {"N": "1"}, **attributes}
    request = {"TableName": "Log", "Item": whole, "ReturnConsumedCapacity": "INDEXES"}
    capacity = engine.perform("PutItem", request)["ConsumedCapacity"]
    told = None if index is None else {"by_who": {"CapacityUnits": index}}
    assert (capacity["CapacityUnits"], capacity["Table"]) == (1 + (index or 0), {"CapacityUnits": 1})
    assert capacity.get("GlobalSecondaryIndexes") == told


def test_each_index_is_told_among_those_of_its_kind():
    keys = [LOG["KeySchema"][0], {"AttributeName": "who", "KeyType": "RANGE"}]
    local = {"IndexName": "by_day", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
    engine = engine_with({**LOG, "LocalSecondaryIndexes": [local]})
    request = {"TableName": "Log", "Item": {"day": {"S": "mon"}, "at": {"N": "1"}, "who": {"S": "x"}}}
    capacity = engine.perform("PutItem", {**request, "ReturnConsumedCapacity": "INDEXES"})["ConsumedCapacity"]
    assert capacity == {
        "TableName": "Log",
        "CapacityUnits": 3.0,
        "Table": {"CapacityUnits": 1.0},
        "GlobalSecondaryIndexes": {"by_who": {"CapacityUnits": 1.0}},
        "LocalSecondaryIndexes": {"by_day": {"CapacityUnits": 1.0}},
    }


def test_statements_are_charged_as_the_calls_they_stand_for():
    engine = holding(4097)
    select = {"Statement": "SELECT id FROM Items WHERE id = 'a'"}
    assert charged(engine, "ExecuteStatement", **select) == 1
    assert charged(engine, "ExecuteStatement", **select, ConsistentRead=True) == 2
    update = "UPDATE Items SET n = 1 WHERE id = 'a'"
    assert charged(engine, "ExecuteStatement", Statement=update) == 5
    assert charged(engine, "ExecuteTransaction", TransactStatements=[select]) == 4
    assert charged(engine, "ExecuteTransaction", TransactStatements=[{"Statement": update}]) == 10
