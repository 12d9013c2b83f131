"""Batches: each part on its own, up to their limits."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put, refusal

from toctou.engine import Engine


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": name}}


def test_a_batch_of_writes_puts_and_deletes_in_several_tables():
    engine = engine_with(ITEMS, LOG)
    put(engine, id="old", n=1)
    entry = {"day": {"S": "mon"}, "at": {"N": "1"}, "who": {"S": "alice"}}
    requests = {
        "Items": [
            {"PutRequest": {"Item": key("new")}},
            {"DeleteRequest": {"Key": key("old")}},
            {"DeleteRequest": {"Key": key("no")}},
        ],
        "Log": [{"PutRequest": {"Item": entry}}],
    }
    done = engine.perform("BatchWriteItem", {"RequestItems": requests, "ReturnConsumedCapacity": "INDEXES"})
    assert done["UnprocessedItems"] == {}
    assert [one["CapacityUnits"] for one in done["ConsumedCapacity"]] == [3.0, 2.0]
    assert engine.stored() == {"Items": [key("new")], "Log": [entry]}


def test_a_batch_of_reads_gives_what_there_is_and_what_is_asked_for():
    engine = engine_with(ITEMS)
    put(engine, id="a", n=1)
    wanted = {"Keys": [key("a"), key("b")], "ProjectionExpression": "n"}
    done = engine.perform("BatchGetItem", {"RequestItems": {"Items": wanted}})
    assert done == {"Responses": {"Items": [{"n": {"N": "1"}}]}, "UnprocessedKeys": {}}


def test_what_is_beyond_16_mb_of_a_batch_is_left():
    engine = engine_with(ITEMS)
    names = [f"i{n}" for n in range(50)]
    for name in names:
        engine.perform("PutItem", {"TableName": "Items", "Item": {**key(name), "text": {"S": "x" * 400_000}}})
    request = {"Items": {"Keys": [key(name) for name in names]}}
    rounds = 0
    found: list[str] = []
    while request:
        done = engine.perform("BatchGetItem", {"RequestItems": request})
        found += [item["id"]["S"] for item in done["Responses"]["Items"]]
        request = done["UnprocessedKeys"]
        rounds += 1
    assert (found, rounds) == (names, 2)


@pytest.mark.parametrize(
    ("action", "parts", "message"),
    [
        ("BatchGetItem", {"Keys": [key("a"), key("a")]}, "Provided list of item keys contains duplicates"),
        (
            "BatchGetItem",
            {"Keys": [key(str(n)) for n in range(101)]},
            "Too many items requested for the BatchGetItem call",
        ),
        (
            "BatchWriteItem",
            [{"PutRequest": {"Item": key("a")}}, {"DeleteRequest": {"Key": key("a")}}],
            "Provided list of item keys contains duplicates",
        ),
        (
            "BatchWriteItem",
            [{}],
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        ),
    ],
)
def test_wrong_batches_are_refused_whole(action: str, parts: Any, message: str):
    engine = engine_with(ITEMS)
    assert refusal(engine, action, {"RequestItems": {"Items": parts}}).message == message
    assert engine.stored() == {"Items": []}


def test_a_batch_over_several_tables_has_one_limit():
    engine = engine_with(ITEMS, {**ITEMS, "TableName": "More"})
    parts = {name: [{"DeleteRequest": {"Key": key(str(n))}} for n in range(13)] for name in ("Items", "More")}
    error = refusal(engine, "BatchWriteItem", {"RequestItems": parts})
    assert error.message == "Too many items requested for the BatchWriteItem call"


def test_keys_are_the_same_however_a_number_is_written():
    keys = [{"day": {"S": "mon"}, "at": {"N": number}} for number in ("1", "1.0")]
    deletes = [{"DeleteRequest": {"Key": one}} for one in keys]
    for action, parts in (("BatchGetItem", {"Keys": keys}), ("BatchWriteItem", deletes)):
        error = refusal(engine_with(LOG), action, {"RequestItems": {"Log": parts}})
        assert error.message == "Provided list of item keys contains duplicates"


def test_a_batch_is_as_large_as_it_may_be():
    engine = engine_with(ITEMS)
    keys = [key(str(number)) for number in range(100)]
    for part in range(4):
        puts = [{"PutRequest": {"Item": item}} for item in keys[25 * part : 25 * part + 25]]
        assert engine.perform("BatchWriteItem", {"RequestItems": {"Items": puts}}) == {"UnprocessedItems": {}}
    found = engine.perform("BatchGetItem", {"RequestItems": {"Items": {"Keys": keys, "ConsistentRead": True}}})
    assert found == {"Responses": {"Items": keys}, "UnprocessedKeys": {}}


def test_a_batch_has_no_conditions():
    engine = engine_with(ITEMS)
    put_request = {"Item": key("a"), "ConditionExpression": "attribute_exists(id)"}
    engine.perform("BatchWriteItem", {"RequestItems": {"Items": [{"PutRequest": put_request}]}})
    assert engine.stored() == {"Items": [key("a")]}


def test_a_failed_write_of_a_batch_leaves_nothing_behind():
    engine: Engine = engine_with(ITEMS)
    parts = [{"PutRequest": {"Item": key("a")}}, {"PutRequest": {"Item": {"n": {"N": "1"}}}}]
    error = refusal(engine, "BatchWriteItem", {"RequestItems": {"Items": parts}})
    assert error.message.endswith("Missing the key id in the item")
    assert engine.stored() == {"Items": []}
