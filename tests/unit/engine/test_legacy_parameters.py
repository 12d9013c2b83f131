"""The parameters from before expressions, as the page on legacy conditional parameters documents them."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put, refusal

from toctou.engine import Engine

KEY = {"id": {"S": "a"}}
STORED = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "t": {"SS": ["x", "y"]},
    "l": {"L": [{"S": "q"}, {"N": "1"}]},
}
INVALID = "One or more parameter values were invalid: "


def loaded() -> Engine:
    engine = engine_with(ITEMS, LOG)
    engine.perform("PutItem", {"TableName": "Items", "Item": {**KEY, **STORED}})
    for at in range(1, 5):
        put(engine, day="mon", at=at, who="alice" if at % 2 else "bob")
    return engine


def compared(name: str, operator: str, *operands: Any) -> dict[str, Any]:
    """A condition; strings and integers only."""
    typed = [{"S": one} if isinstance(one, str) else {"N": str(one)} for one in operands]
    return {name: {"ComparisonOperator": operator, **({"AttributeValueList": typed} if typed else {})}}


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (compared("n", "EQ", 5), True),
        (compared("n", "EQ", "5"), False),
        (compared("n", "NE", 6), True),
        (compared("z", "NE", 6), True),
        (compared("n", "LT", 5), False),
        (compared("n", "LE", 5), True),
        (compared("n", "GT", 4), True),
        (compared("n", "GE", 6), False),
        (compared("n", "BETWEEN", 5, 6), True),
        (compared("n", "IN", 4, 5), True),
        (compared("s", "BEGINS_WITH", "he"), True),
        (compared("s", "CONTAINS", "ell"), True),
        (compared("t", "CONTAINS", "x"), True),
        (compared("t", "NOT_CONTAINS", "x"), False),
        (compared("n", "NULL"), False),
        (compared("z", "NULL"), True),
        (compared("n", "NOT_NULL"), True),
        ({"n": {"Value": {"N": "5"}}}, True),
        ({"n": {"Value": {"N": "6"}}}, False),
        ({"z": {"Exists": False}}, True),
        ({"n": {"Exists": False}}, False),
        ({**compared("n", "EQ", 5), **compared("s", "EQ", "x")}, False),
    ],
)
def test_expected_conditions_hold_as_documented(condition: dict[str, Any], met: bool):
    engine = loaded()
    request = {"TableName": "Items", "Key": KEY, "Expected": condition}
    if met:
        engine.perform("DeleteItem", request)
    else:
        assert refusal(engine, "DeleteItem", request).code == "ConditionalCheckFailedException"


def test_conditions_may_be_joined_by_or():
    either = {**compared("n", "EQ", 5), **compared("s", "EQ", "x")}
    request = {"TableName": "Items", "Key": KEY, "Expected": either, "ConditionalOperator": "OR"}
    loaded().perform("DeleteItem", request)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (compared("n", "BETWEEN", 1), f"{INVALID}Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        (compared("n", "NULL", 1), f"{INVALID}Invalid number of argument(s) for the NULL ComparisonOperator"),
        (
            compared("n", "BETWEEN", 2, 1),
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ),
        (compared("n", "IN", 1, "a"), f"{INVALID}AttributeValues inside AttributeValueList must be of same type"),
        ({"n": {"Exists": True}}, f"{INVALID}Value must be provided when Exists is true for Attribute: n"),
        ({"n": {}}, f"{INVALID}Value must be provided when Exists is null for Attribute: n"),
        (
            {"n": {"Exists": False, "Value": {"N": "1"}}},
            f"{INVALID}Value cannot be used when Exists is false for Attribute: n",
        ),
        (
            {"n": {"AttributeValueList": [{"N": "1"}]}},
            f"{INVALID}AttributeValueList can only be used with a ComparisonOperator for Attribute: n",
        ),
        (
            {"n": {**compared("n", "EQ", 1)["n"], "Value": {"N": "1"}}},
            f"{INVALID}Value and AttributeValueList cannot be used together for Attribute: n",
        ),
    ],
)
def test_wrong_conditions_are_refused_in_the_services_words(condition: dict[str, Any], message: str):
    request = {"TableName": "Items", "Key": KEY, "Expected": condition}
    assert refusal(loaded(), "DeleteItem", request).message == message


@pytest.mark.parametrize(
    ("updates", "changed"),
    [
        ({"n": {"Action": "PUT", "Value": {"N": "6"}}}, {"n": {"N": "6"}}),
        ({"n": {"Value": {"N": "6"}}}, {"n": {"N": "6"}}),
        ({"n": {"Action": "ADD", "Value": {"N": "-7"}}}, {"n": {"N": "-2"}}),
        ({"z": {"Action": "ADD", "Value": {"N": "1"}}}, {"z": {"N": "1"}}),
        ({"t": {"Action": "ADD", "Value": {"SS": ["z"]}}}, {"t": {"SS": ["x", "y", "z"]}}),
        ({"t": {"Action": "DELETE", "Value": {"SS": ["x"]}}}, {"t": {"SS": ["y"]}}),
        ({"t": {"Action": "DELETE", "Value": {"SS": ["x", "y"]}}}, {"t": None}),
        ({"l": {"Action": "ADD", "Value": {"L": [{"S": "r"}]}}}, {"l": {"L": [{"S": "q"}, {"N": "1"}, {"S": "r"}]}}),
        ({"n": {"Action": "DELETE"}, "s": {"Action": "DELETE"}}, {"n": None, "s": None}),
    ],
)
def test_updates_make_of_an_item_what_is_documented(updates: dict[str, Any], changed: dict[str, Any]):
    request = {"TableName": "Items", "Key": KEY, "AttributeUpdates": updates, "ReturnValues": "ALL_NEW"}
    expected = {name: value for name, value in {**KEY, **STORED, **changed}.items() if value is not None}
    assert loaded().perform("UpdateItem", request)["Attributes"] == expected


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"Action": "ADD", "Value": {"S": "x"}}, f"{INVALID}ADD action is not supported for the type STRING"),
        (
            {"Action": "DELETE", "Value": {"N": "1"}},
            f"{INVALID}DELETE action with value is not supported for the type NUMBER",
        ),
        ({"Action": "PUT"}, f"{INVALID}Only DELETE action is allowed when no attribute value is specified"),
        ({"Action": "ADD", "Value": {"SS": ["x"]}}, "Type mismatch for attribute to update"),
    ],
)
def test_wrong_updates_are_refused_in_the_services_words(update: dict[str, Any], message: str):
    request = {"TableName": "Items", "Key": KEY, "AttributeUpdates": {"n": update}}
    assert refusal(loaded(), "UpdateItem", request).message == message


def test_queries_scans_and_reads_know_them_too():
    engine = loaded()
    query = {"TableName": "Log", "KeyConditions": {**compared("day", "EQ", "mon"), **compared("at", "BETWEEN", 2, 4)}}
    query["QueryFilter"] = compared("who", "EQ", "bob")
    query["AttributesToGet"] = ["at"]
    assert engine.perform("Query", query)["Items"] == [{"at": {"N": "2"}}, {"at": {"N": "4"}}]
    scan = {"TableName": "Log", "ScanFilter": compared("at", "LT", 3), "AttributesToGet": ["at"]}
    assert engine.perform("Scan", scan)["Count"] == 2
    got = engine.perform("GetItem", {"TableName": "Items", "Key": KEY, "AttributesToGet": ["n", "z"]})
    assert got["Item"] == {"n": {"N": "5"}}


@pytest.mark.parametrize(
    ("action", "parameters", "message"),
    [
        (
            "DeleteItem",
            {"TableName": "Items", "Key": KEY, "Expected": compared("n", "NULL"), "ConditionExpression": "a = b"},
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
            "{Expected} Expression parameters: {ConditionExpression}",
        ),
        (
            "DeleteItem",
            {"TableName": "Items", "Key": KEY, "ConditionalOperator": "OR"},
            "ConditionalOperator cannot be used without Filter or Expected",
        ),
        (
            "DeleteItem",
            {"TableName": "Items", "Key": KEY, "Expected": compared("n", "NULL"), "ConditionalOperator": "OR"},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
        (
            "Query",
            {"TableName": "Log", "KeyConditions": compared("day", "GT", "mon")},
            "Query key condition not supported",
        ),
        (
            "Query",
            {"TableName": "Log", "KeyConditions": {**compared("day", "EQ", "mon"), **compared("at", "NE", 1)}},
            "Attempted conditional constraint is not an indexable operation",
        ),
        ("Query", {"TableName": "Log", "KeyConditions": {}}, "Conditions must be at least length 1"),
        (
            "Query",
            {"TableName": "Log"},
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ),
        (
            "Query",
            {
                "TableName": "Log",
                "KeyConditions": compared("day", "EQ", "mon"),
                "QueryFilter": compared("at", "EQ", 1),
            },
            "QueryFilter can only contain non-primary key attributes: Primary key attribute: at",
        ),
    ],
)
def test_wrong_requests_are_refused_in_the_services_words(action: str, parameters: dict[str, Any], message: str):
    assert refusal(loaded(), action, parameters).message == message
