"""Reads as of an earlier point: of items, of queries and of indexes."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put

from toctou.engine import Engine, ServiceError
from toctou.errors import InternalError


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


def test_a_statement_is_answered_as_of_a_point():
    engine, points = history()
    select = {"Statement": 'SELECT who FROM "Log"."by_who" WHERE who = \'alice\''}
    assert [len(engine.perform_as_of(point, "ExecuteStatement", select)["Items"]) for point in points] == [0, 1, 0, 0]


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
    for point, message in ((start, "Requested resource not found"), (made, "does not have the specified index")):
        with pytest.raises(ServiceError, match=message):
            engine.perform_as_of(point, "Scan", scan)
    assert engine.perform("Scan", scan)["Count"] == 1  # an error leaves everything as it was


def test_reading_the_past_changes_nothing():
    engine, points = history()
    stored, now = engine.stored(), engine.sequence
    for point in points:
        engine.perform_as_of(point, "Scan", {"TableName": "Log", "IndexName": "by_who"})
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
