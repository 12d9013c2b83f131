"""Expressions: what the service says of wrong ones, and what right ones mean.  Texts were seen on DynamoDB Local 3.3.0."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import engine_with, refusal

from checker.engine import Engine
from checker.engine.expressions.reserved_words import RESERVED_WORDS

KEY = {"TableName": "Items", "Key": {"id": {"S": "a"}}}
ITEM = {
    "id": {"S": "a"},
    "n": {"N": "1"},
    "s": {"S": "xyz"},
    "l": {"L": [{"N": "1"}, {"S": "2"}]},
    "m": {"M": {"a": {"N": "5"}, "b": {"M": {"c": {"S": "z"}}}}},
    "t": {"SS": ["a", "b"]},
}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":two": {"N": "2"},
    ":x": {"S": "x"},
    ":list": {"L": [{"S": "q"}]},
    ":set": {"SS": ["a"]},
    ":all": {"SS": ["a", "b"]},
}


def loaded() -> Engine:
    engine = engine_with()
    engine.perform("PutItem", {"TableName": "Items", "Item": ITEM})
    return engine


def with_values(parameters: dict[str, Any], text: str) -> dict[str, Any]:
    used = {name: value for name, value in VALUES.items() if name in text}
    return {**parameters, "ExpressionAttributeValues": used} if used else parameters


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("attribute_exists(owner)", "Attribute name is a reserved keyword; reserved keyword: owner"),
        ("attribute_exists(id", 'Syntax error; token: "<EOF>", near: "id"'),
        ("a = ", 'Syntax error; token: "<EOF>", near: "= "'),
        ("= a", 'Syntax error; token: "=", near: "= a"'),
        ("n = n = n", 'Syntax error; token: "=", near: "n = n"'),
        ("a @ b", 'Syntax error; token: "@", near: "a @ b"'),
        ("m..a = n", 'Syntax error; token: ".", near: "..a"'),
        ("n BETWEEN :one OR :two", 'Syntax error; token: "OR", near: ":one OR :two"'),
        ("(n)", 'Syntax error; token: "<EOF>", near: ")"'),
        ("((attribute_exists(n)))", "The expression has redundant parentheses;"),
        ("n = :missing", "An expression attribute value used in expression is not defined; attribute value: :missing"),
        ("#q = n", "An expression attribute name used in the document path is not defined; attribute name: #q"),
        ("foo(n)", "Invalid function name; function: foo"),
        ("size(n)", "The function is not allowed to be used this way in an expression; function: size"),
        ("if_not_exists(n, n) = n", "The function is not allowed in a condition expression; function: if_not_exists"),
        (
            "contains(n)",
            "Incorrect number of operands for operator or function; operator or function: contains, number of operands: 1",
        ),
        (
            "begins_with(s, :one)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        ("n < :list", "Incorrect operand type for operator or function; operator or function: <, operand type: L"),
        ("l[99999999999] = n", "List index is not within the allowable range; index: [99999999999]"),
        ("", "The expression can not be empty;"),
        (" AND ".join(["n = :one"] * 151), "The expression contains too many operators; operator count: 301"),
        ("a" * 4097, "Expression size has exceeded the maximum allowed size; expression size: 4097"),
        (
            "n = n",
            "The first operand must be distinct from the remaining operands for this operator or function; "
            "operator: =, first operand: [n]",
        ),
        (
            "n BETWEEN :two AND :one",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
    ],
)
def test_wrong_conditions_are_refused_in_the_services_words(text: str, told: str):
    error = refusal(loaded(), "DeleteItem", with_values({**KEY, "ConditionExpression": text}, text))
    assert (error.code, error.message) == ("ValidationException", f"Invalid ConditionExpression: {told}")


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("attribute_exists(m.b.c)", True),
        ("attribute_exists(m.b.d)", False),
        ("l[1] = :two", False),
        ("l[0] = :one", True),
        ("l[9] <> :one", True),
        ("zz = :one", False),
        ("NOT zz = :one", True),
        ("n = :one OR zz = :one AND s = :one", True),
        ("(n = :one OR zz = :one) AND s = :one", False),
        ("NOT n = :one AND s = :one", False),
        ("s < :one", False),
        ("s > :x", True),
        ("n BETWEEN :one AND :two", True),
        ("n IN (:two, :one)", True),
        ("n in (:two)", False),
        ("contains(t, :x)", False),
        ("contains(s, :x)", True),
        ("contains(l, :one)", True),
        ("begins_with(s, :x)", True),
        ("size(l) = :two", True),
        ("size(n) = :one", False),
        ("size(m) > :one", True),
        ("t = :all", True),
        ("n <> s", True),
    ],
)
def test_conditions_hold_as_documented(text: str, met: bool):
    engine = loaded()
    request = with_values({**KEY, "UpdateExpression": "REMOVE nothing", "ConditionExpression": text}, text)
    if met:
        engine.perform("UpdateItem", request)
    else:
        assert refusal(engine, "UpdateItem", request).code == "ConditionalCheckFailedException"


@pytest.mark.parametrize(("text", "size"), [("", 0), ("a", 1), ("é", 1), ("\U0001f600", 2)])
def test_the_size_of_a_string_is_its_length_in_utf_16(text: str, size: int):
    engine = engine_with()
    engine.perform("PutItem", {"TableName": "Items", "Item": {"id": {"S": "a"}, "s": {"S": text}}})
    scan = {
        "TableName": "Items",
        "FilterExpression": "size(s) = :n",
        "ExpressionAttributeValues": {":n": {"N": str(size)}},
    }
    assert engine.perform("Scan", scan)["Count"] == 1


def test_every_reserved_word_is_refused_in_any_case():
    assert len(RESERVED_WORDS) == 573
    engine = loaded()
    for word in (
        "owner",
        "Data",
        "USER",
        "ttl",
        "token",
        "lock",
        "status",
        "name",
        "state",
        "key",
        "count",
        "timestamp",
    ):
        assert f"keyword: {word}" in refusal(engine, "GetItem", {**KEY, "ProjectionExpression": word}).message
    for word in ("version", "user_id", "item_id"):
        assert engine.perform("GetItem", {**KEY, "ProjectionExpression": word}) == {"Item": {}}


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("SET n = n + :two", {"n": {"N": "3"}}),
        ("SET n = :one - n", {"n": {"N": "0"}}),
        ("SET z = if_not_exists(z, :one) + :two", {"z": {"N": "3"}}),
        ("SET l = list_append(l, :list)", {"l": {"L": [{"N": "1"}, {"S": "2"}, {"S": "q"}]}}),
        ("SET l[7] = :one, l[5] = s", {"l": {"L": [{"N": "1"}, {"S": "2"}, {"S": "xyz"}, {"N": "1"}]}}),
        ("SET l[5] = :one REMOVE l[0]", {"l": {"L": [{"S": "2"}, {"N": "1"}]}}),
        ("REMOVE l[0], l[1]", {"l": {"L": []}}),
        ("SET l[5] = :one REMOVE l[2]", {"l": {"L": [{"N": "1"}, {"S": "2"}, {"N": "1"}]}}),  # as in DynamoDB Local
        ("SET l[5] = :one REMOVE l[1], l[3]", {"l": {"L": [{"N": "1"}, {"N": "1"}]}}),
        (
            "SET m.b.c = :one, m.d = s",
            {"m": {"M": {"a": {"N": "5"}, "b": {"M": {"c": {"N": "1"}}}, "d": {"S": "xyz"}}}},
        ),
        ("REMOVE n, nowhere", {"n": None}),
        ("ADD n :two, z :one", {"n": {"N": "3"}, "z": {"N": "1"}}),
        ("ADD t :set, u :set", {"u": {"SS": ["a"]}}),
        ("DELETE t :set", {"t": {"SS": ["b"]}}),
        ("DELETE t :all", {"t": None}),
        ("SET z = n REMOVE n", {"z": {"N": "1"}, "n": None}),
        ("set n = :two remove s", {"n": {"N": "2"}, "s": None}),
    ],
)
def test_updates_make_of_an_item_what_is_documented(text: str, changed: dict[str, Any]):
    engine = loaded()
    request = with_values({**KEY, "UpdateExpression": text, "ReturnValues": "ALL_NEW"}, text)
    expected = {name: value for name, value in {**ITEM, **changed}.items() if value is not None}
    assert engine.perform("UpdateItem", request)["Attributes"] == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SET n = zz + :one", "The provided expression refers to an attribute that does not exist in the item"),
        ("SET s = s + :one", "An operand in the update expression has an incorrect data type"),
        ("SET zz.y = :one", "The document path provided in the update expression is invalid for update"),
        (
            "SET id = :one",
            "One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key",
        ),
        (
            "SET m = :one, m.b = :one",
            "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these "
            "paths; path one: [m], path two: [m, b]",
        ),
        (
            "SET m.a = :one, m[0] = :one",
            "Invalid UpdateExpression: Two document paths conflict with each other; must remove or rewrite one of these "
            "paths; path one: [m, a], path two: [m, [0]]",
        ),
        (
            "SET n = if_not_exists(l[0], l[0])",
            "Invalid UpdateExpression: The first operand must be distinct from the remaining operands for this operator or "
            "function; operator: if_not_exists, first operand: [l, [0]]",
        ),
        (
            "SET n = :one SET s = :one",
            'Invalid UpdateExpression: The "SET" section can only be used once in an update expression;',
        ),
        (
            "ADD n :x",
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, "
            "operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
    ],
)
def test_wrong_updates_are_refused_in_the_services_words(text: str, told: str):
    engine = loaded()
    error = refusal(engine, "UpdateItem", with_values({**KEY, "UpdateExpression": text}, text))
    assert (error.code, error.message) == ("ValidationException", told)
    assert engine.perform("GetItem", KEY)["Item"] == ITEM


def test_placeholders_must_all_be_used():
    engine = loaded()
    request = {**KEY, "ConditionExpression": "attribute_exists(id)"}
    unused = refusal(engine, "DeleteItem", {**request, "ExpressionAttributeValues": {":x": {"S": "a"}}})
    assert unused.message == "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"
    unused = refusal(engine, "DeleteItem", {**request, "ExpressionAttributeNames": {"#x": "a"}})
    assert unused.message == "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}"


def test_returned_values_are_those_of_the_updated_paths():
    engine = loaded()
    request = with_values({**KEY, "UpdateExpression": "SET m.a = :one, l[1] = :one, z = :one"}, ":one")
    old = engine.perform("UpdateItem", {**request, "ReturnValues": "UPDATED_OLD"})["Attributes"]
    assert old == {"m": {"M": {"a": {"N": "5"}}}, "l": {"L": [{"S": "2"}]}}
    new = engine.perform("UpdateItem", {**request, "ReturnValues": "UPDATED_NEW"})["Attributes"]
    assert new == {"m": {"M": {"a": {"N": "1"}}}, "l": {"L": [{"N": "1"}]}, "z": {"N": "1"}}
    removal = {**KEY, "UpdateExpression": "REMOVE l[0]", "ReturnValues": "UPDATED_NEW"}
    assert engine.perform("UpdateItem", removal) == {}


@pytest.mark.parametrize(
    ("written", "stored"),
    [("1.00", "1"), ("+1.50e3", "1500"), ("-0", "0"), (".5", "0.5"), ("1e-3", "0.001"), ("0012", "12"), ("1E2", "100")],
)
def test_numbers_are_stored_in_normal_form(written: str, stored: str):
    engine = engine_with()
    engine.perform("PutItem", {"TableName": "Items", "Item": {"id": {"S": "a"}, "n": {"N": written}}})
    assert engine.perform("GetItem", KEY)["Item"]["n"] == {"N": stored}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"N": "1e126"}, "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ({"N": "1e-131"}, "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
        ({"N": "x"}, "A value provided cannot be converted into a number"),
        ({"SS": []}, "One or more parameter values were invalid: An string set  may not be empty"),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        (
            {"NULL": False},
            "One or more parameter values were invalid: Null attribute value types must have the value of true",
        ),
    ],
)
def test_values_that_cannot_be_stored_are_refused(value: dict[str, Any], told: str):
    error = refusal(engine_with(), "PutItem", {"TableName": "Items", "Item": {"id": {"S": "a"}, "v": value}})
    assert (error.code, error.message) == ("ValidationException", told)


def test_nesting_ends_at_32_levels_however_it_comes_about():
    engine = engine_with()

    def nested(levels: int) -> dict[str, Any]:
        value: dict[str, Any] = {"S": "x"}
        for _ in range(levels):
            value = {"L": [value]}
        return value

    engine.perform("PutItem", {"TableName": "Items", "Item": {"id": {"S": "a"}, "v": nested(31)}})
    item = {"id": {"S": "a"}, "v": nested(32)}
    assert "nested levels" in refusal(engine, "PutItem", {"TableName": "Items", "Item": item}).message
    assert "nested levels" in refusal(engine, "UpdateItem", {**KEY, "UpdateExpression": "SET v[1] = v"}).message
