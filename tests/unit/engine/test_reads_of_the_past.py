"""Reads as of an earlier point: of items, of queries, of tables and of each index on its own."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put

from toctou.engine import Engine, ServiceError, Source
from toctou.errors import InternalError

BY_WHO = Source("Log", "by_who")


def by_who(who: str) -> dict[str, Any]:
    return {
        "TableName": "Log",
        "IndexName": "by_who",
        "KeyConditionExpression": "who = :w",
        "ExpressionAttributeValues": {":w": {"S": who}},
    }


DAY = {
    "TableName": "Log",
    "KeyConditionExpression": "#d = :d",
    "ExpressionAttributeNames": {"#d": "day"},
    "ExpressionAttributeValues": {":d": {"S": "mon"}},
}
KEY = {"day": {"S": "mon"}, "at": {"N": "1"}}
GET = {"TableName": "Log", "Key": KEY}


def history() -> tuple[Engine, list[int]]:
    """An item that is put for alice, handed to bob, and deleted; and the points before, between and after."""
    engine = engine_with(LOG, ITEMS)
    points = [engine.sequence]
    for who in ("alice", "bob"):
        put(engine, day="mon", at=1, who=who)
        points.append(engine.sequence)
    engine.perform("DeleteItem", GET)
    points.append(engine.sequence)
    return engine, points


def whos(result: dict[str, Any]) -> list[str]:
    return [item["who"]["S"] for item in result["Items"]]


def test_items_queries_scans_and_indexes_are_read_as_of_each_point():
    engine, points = history()
    seen = [["alice"], ["bob"]]
    for action, parameters in (
        ("Query", DAY),
        ("Scan", {"TableName": "Log"}),
        ("Scan", {"TableName": "Log", "IndexName": "by_who"}),
    ):
        found = [whos(engine.perform_as_of(point, action, parameters)) for point in points]
        assert found == [[], *seen, []]
    items = [engine.perform_as_of(point, "GetItem", GET).get("Item", {}).get("who") for point in points]
    assert items == [None, {"S": "alice"}, {"S": "bob"}, None]
    for who, expected in (("alice", [0, 1, 0, 0]), ("bob", [0, 0, 1, 0])):
        assert [engine.perform_as_of(point, "Query", by_who(who))["Count"] for point in points] == expected


def test_an_index_lags_behind_its_table_on_its_own():
    engine, points = history()
    for lag, (alice, bob) in zip(points, [(0, 0), (1, 0), (0, 1), (0, 0)], strict=True):
        lags = {BY_WHO: lag}
        assert engine.perform_with_lags(lags, "Query", by_who("alice"))["Count"] == alice
        assert engine.perform_with_lags(lags, "Query", by_who("bob"))["Count"] == bob
        assert engine.perform_with_lags(lags, "Query", DAY)["Count"] == 0  # the table does not lag
        assert engine.perform_with_lags(lags, "GetItem", GET) == {}


def test_a_table_lags_behind_its_index_and_one_table_behind_another():
    engine, points = history()
    put(engine, id="a", n=1)
    both = {"RequestItems": {"Log": {"Keys": [KEY]}, "Items": {"Keys": [{"id": {"S": "a"}}]}}}
    found = engine.perform_with_lags({Source("Log"): points[2]}, "BatchGetItem", both)["Responses"]
    assert (len(found["Log"]), len(found["Items"])) == (1, 1)
    found = engine.perform_with_lags({Source("Items"): points[2]}, "BatchGetItem", both)["Responses"]
    assert (len(found["Log"]), len(found["Items"])) == (0, 0)
    assert engine.perform_with_lags({Source("Log"): points[1]}, "Query", by_who("alice"))["Count"] == 0


@pytest.mark.parametrize("source", ['"Log"."by_who"', '"Log"'])
def test_statements_lag_as_what_they_select_from(source: str):
    engine, points = history()
    select = {"Statement": f"SELECT who FROM {source} WHERE who = 'alice'"}
    lags = {Source("Log", "by_who" if "." in source else None): points[1]}
    assert whos(engine.perform_with_lags(lags, "ExecuteStatement", select)) == ["alice"]
    assert engine.perform("ExecuteStatement", select)["Items"] == []
    reads = {"TransactItems": [{"Get": GET}]}
    assert engine.perform_with_lags({Source("Log"): points[1]}, "TransactGetItems", reads)["Responses"] != [{}]


def test_a_table_and_an_index_are_not_there_before_they_were_made():
    engine = Engine()
    start = engine.sequence
    engine.perform("CreateTable", ITEMS)
    made = engine.sequence
    put(engine, id="a", n=1)
    index = {
        "IndexName": "by_n",
        "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    change = {
        "TableName": "Items",
        "AttributeDefinitions": [{"AttributeName": "n", "AttributeType": "N"}],
        "GlobalSecondaryIndexUpdates": [{"Create": index}],
    }
    engine.perform("UpdateTable", change)
    scan = {"TableName": "Items", "IndexName": "by_n"}
    assert engine.perform("Scan", scan)["Count"] == 1
    for lag, told in ((start, "Requested resource not found"), (made, "does not have the specified index")):
        for perform in (
            lambda lag=lag: engine.perform_as_of(lag, "Scan", scan),
            lambda lag=lag: engine.perform_with_lags({Source("Items", "by_n"): lag}, "Scan", scan),
        ):
            with pytest.raises(ServiceError, match=told):
                perform()
    assert engine.perform("Scan", scan)["Count"] == 1  # an error leaves everything as it was


def test_reading_the_past_changes_nothing():
    engine, points = history()
    stored, now = engine.stored(), engine.sequence
    for point in points:
        engine.perform_as_of(point, "Scan", {"TableName": "Log", "IndexName": "by_who"})
        engine.perform_with_lags({BY_WHO: point}, "Query", by_who("bob"))
    assert (engine.stored(), engine.sequence) == (stored, now)
    assert engine.perform("Query", by_who("bob"))["Count"] == 0


def test_nothing_is_written_into_the_past():
    engine, points = history()
    stored, now = engine.stored(), engine.sequence
    write = {"TableName": "Log", "Item": {**KEY, "who": {"S": "carol"}}}
    with pytest.raises(InternalError):
        engine.perform_as_of(points[1], "PutItem", write)
    with pytest.raises(InternalError):
        engine.perform_without([now], "PutItem", write)
    assert (engine.stored(), engine.sequence) == (stored, now)


def test_what_is_forgotten_takes_no_room_and_leaves_what_is_stored():
    engine, _ = history()
    put(engine, id="a", n=1)
    stored = engine.stored()
    engine.forget()
    assert (engine.sequence, engine.stored()) == (0, stored)
    put(engine, id="a", n=2)
    engine.restore(0)
    assert engine.stored() == stored


def test_a_forgotten_transaction_may_be_performed_again():
    engine = engine_with(ITEMS)
    add = {
        "TableName": "Items",
        "Key": {"id": {"S": "a"}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    transaction = {"TransactItems": [{"Update": add}], "ClientRequestToken": "t"}
    for _ in range(2):
        engine.perform("TransactWriteItems", transaction)
    assert engine.tokens == ("t",)
    engine.forget_transaction("t")
    engine.perform("TransactWriteItems", transaction)
    assert engine.perform("GetItem", {"TableName": "Items", "Key": {"id": {"S": "a"}}})["Item"]["n"] == {"N": "2"}
