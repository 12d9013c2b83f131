"""Queries and scans: of a table, of a global index and of a local one; what each finds, in which order, and page by page."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import engine_with, refusal

from toctou.engine import Engine


def key(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def projecting(kind: str, *names: str) -> dict[str, Any]:
    return {"ProjectionType": kind, **({"NonKeyAttributes": list(names)} if names else {})}


ORDERS = {
    "TableName": "Orders",
    "KeySchema": key("who", "nr"),
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("who", "S"), ("nr", "N"), ("phase", "S"), ("price", "N"), ("code", "S"))
    ],
    "GlobalSecondaryIndexes": [
        {"IndexName": "by_phase", "KeySchema": key("phase", "price"), "Projection": projecting("INCLUDE", "note")},
        {"IndexName": "by_code", "KeySchema": key("code"), "Projection": projecting("ALL")},
    ],
    "LocalSecondaryIndexes": [
        {"IndexName": "by_price", "KeySchema": key("who", "price"), "Projection": projecting("KEYS_ONLY")}
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
VALUES = {":w": {"S": "ann"}, ":p": {"S": "open"}, ":two": {"N": "2"}, ":nine": {"N": "9"}, ":n": {"S": "n1"}}
# At 10, 9, 2 and 1 the prices are 2, 9, 10 and none: as texts they would come in another order.
PRICES = {10: 2, 9: 9, 2: 10, 1: None}


def loaded() -> Engine:
    engine = engine_with(ORDERS)
    for at, price in PRICES.items():
        item = {"who": {"S": "ann"}, "nr": {"N": str(at)}, "note": {"S": f"n{at}"}, "weight": {"N": "1"}}
        priced = {} if price is None else {"price": {"N": str(price)}, "phase": {"S": "open"}}
        engine.perform("PutItem", {"TableName": "Orders", "Item": {**item, **priced}})
    engine.perform(
        "PutItem", {"TableName": "Orders", "Item": {"who": {"S": "bob"}, "nr": {"N": "5"}, "code": {"S": "abc"}}}
    )
    return engine


def request(**parameters: Any) -> dict[str, Any]:
    """A request with the values that its expressions name."""
    texts = " ".join(str(text) for name, text in parameters.items() if name.endswith("Expression"))
    used = {name: value for name, value in VALUES.items() if name in texts.replace("(", " ").replace(")", " ").split()}
    return {"TableName": "Orders", **parameters, **({"ExpressionAttributeValues": used} if used else {})}


def numbers(result: dict[str, Any]) -> list[int]:
    return [int(item["nr"]["N"]) for item in result["Items"]]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"KeyConditionExpression": "who = :w"}, [1, 2, 9, 10]),
        ({"KeyConditionExpression": "who = :w", "ScanIndexForward": False}, [10, 9, 2, 1]),
        ({"KeyConditionExpression": "who = :w", "ConsistentRead": True}, [1, 2, 9, 10]),
        ({"KeyConditionExpression": "who = :w AND nr = :two"}, [2]),
        ({"KeyConditionExpression": "who = :w AND nr < :nine"}, [1, 2]),
        ({"KeyConditionExpression": "who = :w AND nr <= :nine"}, [1, 2, 9]),
        ({"KeyConditionExpression": "who = :w AND nr > :two"}, [9, 10]),
        ({"KeyConditionExpression": "who = :w AND nr >= :two"}, [2, 9, 10]),
        ({"KeyConditionExpression": "who = :w AND nr BETWEEN :two AND :nine"}, [2, 9]),
        ({"KeyConditionExpression": ":nine <= nr AND :w = who"}, [9, 10]),
        ({"KeyConditionExpression": ":nine < nr AND :w = who"}, [10]),
        ({"KeyConditionExpression": "who = :w AND :nine > nr"}, [1, 2]),
        ({"KeyConditionExpression": "who = :w AND :nine >= nr"}, [1, 2, 9]),
        ({"KeyConditionExpression": "(who = :w) AND (nr < :two)"}, [1]),
        ({"KeyConditionExpression": "who = :w", "FilterExpression": "note = :n"}, [1]),
        ({"IndexName": "by_price", "KeyConditionExpression": "who = :w"}, [10, 9, 2]),
        ({"IndexName": "by_price", "KeyConditionExpression": "who = :w", "ConsistentRead": True}, [10, 9, 2]),
        ({"IndexName": "by_phase", "KeyConditionExpression": "phase = :p"}, [10, 9, 2]),
        ({"IndexName": "by_phase", "KeyConditionExpression": "phase = :p AND price > :two"}, [9, 2]),
        ({"IndexName": "by_phase", "KeyConditionExpression": "phase = :p", "ScanIndexForward": False}, [2, 9, 10]),
    ],
)
def test_a_query_finds_a_range_of_one_partition_in_order(more: dict[str, Any], found: list[int]):
    assert numbers(loaded().perform("Query", request(**more))) == found


@pytest.mark.parametrize(
    ("prefix", "found"), [("a", ["a", "ab", "abc"]), ("ab", ["ab", "abc"]), ("b", ["b"]), ("abd", [])]
)
def test_a_sort_key_may_be_asked_for_by_its_beginning(prefix: str, found: list[str]):
    table = {**ORDERS, "KeySchema": key("who", "code"), "AttributeDefinitions": ORDERS["AttributeDefinitions"][::4]}
    engine = engine_with({name: value for name, value in table.items() if not name.endswith("Indexes")})
    for code in ("abc", "b", "ab", "a"):
        engine.perform("PutItem", {"TableName": "Orders", "Item": {"who": {"S": "ann"}, "code": {"S": code}}})
    values = {":w": {"S": "ann"}, ":c": {"S": prefix}}
    condition = "who = :w AND begins_with(code, :c)"
    asked = {"TableName": "Orders", "KeyConditionExpression": condition, "ExpressionAttributeValues": values}
    assert [item["code"]["S"] for item in engine.perform("Query", asked)["Items"]] == found


QUERY = {"KeyConditionExpression": "who = :w AND nr = :two"}
OF_LOCAL = {"IndexName": "by_price", "KeyConditionExpression": "who = :w AND price = :nine"}
OF_GLOBAL = {"IndexName": "by_phase", "KeyConditionExpression": "phase = :p AND price = :nine"}
KEYS = {"who", "nr", "price"}


@pytest.mark.parametrize(
    ("more", "names"),
    [
        (QUERY, {*KEYS, "phase", "note", "weight"}),
        ({**QUERY, "Select": "ALL_ATTRIBUTES"}, {*KEYS, "phase", "note", "weight"}),
        ({**QUERY, "ProjectionExpression": "note, absent"}, {"note"}),
        ({**QUERY, "ProjectionExpression": "note", "Select": "SPECIFIC_ATTRIBUTES"}, {"note"}),
        (OF_LOCAL, KEYS),
        ({**OF_LOCAL, "Select": "ALL_PROJECTED_ATTRIBUTES"}, KEYS),
        ({**OF_LOCAL, "Select": "ALL_ATTRIBUTES"}, {*KEYS, "phase", "note", "weight"}),  # fetched from the table
        ({**OF_LOCAL, "ProjectionExpression": "note, price"}, {"note", "price"}),
        (OF_GLOBAL, {*KEYS, "phase", "note"}),
        ({**OF_GLOBAL, "Select": "ALL_PROJECTED_ATTRIBUTES"}, {*KEYS, "phase", "note"}),
        ({**OF_GLOBAL, "ProjectionExpression": "note"}, {"note"}),
    ],
)
def test_a_search_returns_what_it_selects_and_an_index_holds(more: dict[str, Any], names: set[str]):
    (item,) = loaded().perform("Query", request(**more))["Items"]
    assert set(item) == names


def test_only_the_number_of_items_is_returned_if_that_is_asked_for():
    counted = loaded().perform("Query", request(KeyConditionExpression="who = :w", Select="COUNT"))
    assert counted == {"Count": 4, "ScannedCount": 4}


def test_an_index_holds_the_items_that_have_its_key_and_follows_them():
    engine = loaded()
    scan = request(IndexName="by_phase")
    assert sorted(numbers(engine.perform("Scan", scan))) == [2, 9, 10]
    change = {"TableName": "Orders", "Key": {"who": {"S": "ann"}, "nr": {"N": "2"}}, "UpdateExpression": "REMOVE price"}
    engine.perform("UpdateItem", change)
    engine.perform("DeleteItem", {"TableName": "Orders", "Key": {"who": {"S": "ann"}, "nr": {"N": "9"}}})
    assert numbers(engine.perform("Scan", scan)) == [10]
    values = {":p": {"S": "open"}, ":n": {"N": "7"}}
    change["UpdateExpression"] = "SET price = :n, phase = :p"
    engine.perform("UpdateItem", {**change, "ExpressionAttributeValues": values})
    assert numbers(engine.perform("Query", request(IndexName="by_phase", KeyConditionExpression="phase = :p"))) == [
        10,
        2,
    ]


@pytest.mark.parametrize("action", ["Query", "Scan"])
def test_a_limit_counts_what_is_looked_at_and_not_what_passes_the_filter(action: str):
    engine = loaded()
    asked = request(**({"KeyConditionExpression": "who = :w"} if action == "Query" else {}))
    asked["FilterExpression"] = "price = :nine"
    asked.setdefault("ExpressionAttributeValues", {})[":nine"] = VALUES[":nine"]
    first = engine.perform(action, {**asked, "Limit": 2})
    assert (first["Count"], first["ScannedCount"], first["Items"]) == (0, 2, [])
    second = engine.perform(action, {**asked, "Limit": 2, "ExclusiveStartKey": first["LastEvaluatedKey"]})
    assert (numbers(second), second["ScannedCount"]) == ([9], 2)


def test_items_that_share_the_key_of_an_index_are_each_met_once_on_pages():
    engine = loaded()
    for at in range(20, 30):
        item = {"who": {"S": f"w{at % 3}"}, "nr": {"N": str(at)}, "phase": {"S": "open"}, "price": {"N": "9"}}
        engine.perform("PutItem", {"TableName": "Orders", "Item": item})
    for forward in (True, False):
        asked = request(IndexName="by_phase", KeyConditionExpression="phase = :p", ScanIndexForward=forward, Limit=3)
        met: list[int] = []
        page = engine.perform("Query", asked)
        while True:
            met += numbers(page)
            if "LastEvaluatedKey" not in page:
                break
            assert set(page["LastEvaluatedKey"]) == {"who", "nr", "phase", "price"}
            page = engine.perform("Query", {**asked, "ExclusiveStartKey": page["LastEvaluatedKey"]})
        assert sorted(met) == [2, 9, 10, *range(20, 30)]


def test_a_page_ends_at_one_megabyte_also_of_items_that_grew():
    engine = engine_with(ORDERS)
    for at in range(4):
        grow = {"UpdateExpression": "SET note = :n", "ExpressionAttributeValues": {":n": {"S": "x" * 390_000}}}
        engine.perform(
            "UpdateItem", {"TableName": "Orders", "Key": {"who": {"S": "ann"}, "nr": {"N": str(at)}}, **grow}
        )
    assert engine.perform("Query", request(KeyConditionExpression="who = :w"))["Count"] == 3


INVALID = "One or more parameter values were invalid: "
START = {"who": {"S": "ann"}, "nr": {"N": "2"}}


@pytest.mark.parametrize(
    ("action", "more", "message"),
    [
        *(
            (
                action,
                {"IndexName": "by_phase", "ConsistentRead": True, **more},
                "Consistent reads are not supported on global secondary indexes",
            )
            for action, more in (("Query", OF_GLOBAL), ("Scan", {}))
        ),
        (
            "Query",
            {**OF_GLOBAL, "Select": "ALL_ATTRIBUTES"},
            f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index by_phase because its "
            "projection type is not ALL",
        ),
        (
            "Query",
            {**OF_GLOBAL, "ProjectionExpression": "weight"},
            f"{INVALID}Global secondary index by_phase does not project [weight]",
        ),
        (
            "Query",
            {**OF_GLOBAL, "FilterExpression": "code = :n"},
            f"{INVALID}Secondary index by_phase does not project one or more filter attributes: [code]",
        ),
        (
            "Query",
            {**QUERY, "Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ),
        (
            "Query",
            {**QUERY, "Select": "COUNT", "ProjectionExpression": "note"},
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
        (
            "Scan",
            {"Select": "ALL_ATTRIBUTES", "AttributesToGet": ["note"]},
            "Cannot specify the AttributesToGet when choosing to get ALL_ATTRIBUTES",
        ),
        (
            "Scan",
            {"Select": "ALL_PROJECTED_ATTRIBUTES"},
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        ),
        ("Query", {**QUERY, "IndexName": "by_none"}, "The table does not have the specified index: by_none"),
        (
            "Scan",
            {"Segment": 3, "TotalSegments": 3},
            "The Segment parameter is zero-based and must be less than parameter "
            "TotalSegments: Segment: 3 is not less than TotalSegments: 3",
        ),
        ("Query", {"KeyConditionExpression": "nr = :two"}, "Query condition missed key schema element: who"),
        ("Query", {"KeyConditionExpression": "who > :w"}, "Query key condition not supported"),
        (
            "Query",
            {"KeyConditionExpression": "who = :two"},
            f"{INVALID}Condition parameter type does not match schema type",
        ),
        (
            "Query",
            {"KeyConditionExpression": "who = :w AND note = :n"},
            "Query condition missed key schema element: nr",
        ),
        (
            "Query",
            {"KeyConditionExpression": "who = :w AND nr <> :two"},
            "Invalid operator used in KeyConditionExpression: <>",
        ),
        (
            "Query",
            {"KeyConditionExpression": "who = :w OR nr = :two"},
            "Invalid operator used in KeyConditionExpression: OR",
        ),
        (
            "Query",
            {"KeyConditionExpression": "who = :w AND NOT nr = :two"},
            "Invalid operator used in KeyConditionExpression: NOT",
        ),
        (
            "Query",
            {"KeyConditionExpression": "who = :w AND nr > :two AND nr < :nine"},
            "KeyConditionExpressions must only contain one condition per key",
        ),
        (
            "Query",
            {"KeyConditionExpression": "who = :w AND begins_with ( nr, :two )"},
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: "
            "begins_with, operand type: N",
        ),
        (
            "Query",
            {"KeyConditionExpression": "who = :w", "FilterExpression": "nr = :two"},
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: nr",
        ),
        (
            "Query",
            {**QUERY, "FilterExpression": "who.a = :n"},
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: who",
        ),
        (
            "Scan",
            {"FilterExpression": "phase[0] = :n"},
            "Key attributes must be scalars; list random access '[]' and "
            "map lookup '.' are not allowed: IndexKey: phase",
        ),
        ("Query", {**QUERY, "ExclusiveStartKey": {"who": {"S": "ann"}}}, "The provided starting key is invalid"),
        ("Scan", {"ExclusiveStartKey": {**START, "note": {"S": "x"}}}, "The provided starting key is invalid"),
        (
            "Scan",
            {"ExclusiveStartKey": {**START, "nr": {"S": "2"}}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
        (
            "Query",
            {**QUERY, "ExclusiveStartKey": {**START, "nr": {"N": "3"}}},
            "The provided starting key does not match the range key predicate",
        ),
        (
            "Scan",
            {"ProjectionExpression": "a.b, a"},
            "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these "
            "paths; path one: [a, b], path two: [a]",
        ),
        ("Scan", {"AttributesToGet": ["a", "a"]}, "Cannot have two attributes with the same name"),
    ],
)
def test_wrong_searches_are_refused_in_the_services_words(action: str, more: dict[str, Any], message: str):
    error = refusal(loaded(), action, request(**more))
    assert (error.code, error.message) == ("ValidationException", message)
