"""Expressions: what the service says of wrong ones, and what right ones mean.  Texts were seen on DynamoDB Local 3.3.0."""

from __future__ import annotations

import re
from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, refusal

from toctou.engine import Engine
from toctou.history.reserved_words import RESERVED_WORDS

KEY = {"TableName": "Items", "Key": {"id": {"S": "a"}}}
ITEM = {
    "id": {"S": "a"},
    "n": {"N": "1"},
    "s": {"S": "xyz"},
    "l": {"L": [{"N": "1"}, {"S": "2"}]},
    "m": {"M": {"a": {"N": "5"}, "b": {"M": {"c": {"S": "z"}}}}},
    "t": {"SS": ["a", "b"]},
    "bin": {"B": b"abc"},
    "nums": {"NS": ["1", "2"]},
    "bins": {"BS": [b"a"]},
    "flag": {"BOOL": True},
    "nil": {"NULL": True},
}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":two": {"N": "2"},
    ":x": {"S": "x"},
    ":list": {"L": [{"S": "q"}]},
    ":set": {"SS": ["a"]},
    ":all": {"SS": ["a", "b"]},
    ":same": {"N": "1.0"},
    ":bin": {"B": b"a"},
    ":true": {"BOOL": True},
    ":S": {"S": "S"},
    ":BOOL": {"S": "BOOL"},
    ":Q": {"S": "Q"},
}


def loaded() -> Engine:
    engine = engine_with()
    engine.perform("PutItem", {"TableName": "Items", "Item": ITEM})
    return engine


def with_values(parameters: dict[str, Any], text: str) -> dict[str, Any]:
    used = {name: VALUES[name] for name in re.findall(r":\w+", text) if name in VALUES}
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
        (
            "attribute_type(n, :Q)",
            "Invalid attribute type name found; type: Q, valid types: {N,BS,L,B,NULL,M,S,SS,NS,BOOL}",
        ),
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
        ("zz <> :one", True),
        ("n = :same", True),
        ("n <= :one", True),
        ("n < :one", False),
        ("n >= :one", True),
        ("n > :one", False),
        ("n BETWEEN :one AND :same", True),
        ("n BETWEEN :two AND :two", False),
        ("flag = :true", True),
        ("n = :one OR zz = :one AND zz = :one", True),
        ("NOT (n = :one OR zz = :one)", False),
        ("attribute_not_exists(zz)", True),
        ("attribute_not_exists(n)", False),
        ("attribute_type(s, :S)", True),
        ("attribute_type(flag, :BOOL)", True),
        ("attribute_type(s, :BOOL)", False),
        ("attribute_type(zz, :S)", False),
        ("begins_with(bin, :bin)", True),
        ("begins_with(s, :bin)", False),
        ("begins_with(zz, :x)", False),
        ("contains(bin, :bin)", True),
        ("contains(bins, :bin)", True),
        ("contains(nums, :same)", True),
        ("contains(n, :one)", False),
        ("contains(m, :one)", False),
        ("bin > :bin", True),
        ("size(bin) > :two", True),
        ("size(bins) = :one", True),
        ("size(m) = :two", True),
        ("size(flag) = :one", False),
        ("size(nil) = :one", False),
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


def test_an_expression_has_its_limits_and_not_less():
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
    engine = loaded()
    options = {f":v{number}": {"N": str(number)} for number in range(101)}
    hundred = dict(list(options.items())[:100])

    def scan(given: dict[str, Any]) -> dict[str, Any]:
        text = f"n IN ({', '.join(given)})"
        return {"TableName": "Items", "FilterExpression": text, "ExpressionAttributeValues": given}

    assert engine.perform("Scan", scan(hundred))["Count"] == 1
    many = refusal(engine, "Scan", scan(options)).message
    assert many.endswith("The IN operator is provided with too many operands; number of operands: 101")

    def request(text: str) -> dict[str, Any]:
        return with_values({"TableName": "Items", "FilterExpression": text}, text)

    assert engine.perform("Scan", request("attribute_exists(" + "a" * 4078 + ")"))["Count"] == 0  # 4,096 bytes
    assert engine.perform("Scan", request(" AND ".join(["NOT n = :two"] * 100)))["Count"] == 1  # 299 operators
    assert engine.perform("Scan", request("NOT " + " AND ".join(["NOT n = :two"] * 100)))["Count"] == 0  # 300
    longest = "#" + "a" * 254
    names = {"ProjectionExpression": longest, "ExpressionAttributeNames": {longest: "id"}}
    assert engine.perform("GetItem", {**KEY, **names})["Item"] == KEY["Key"]


@pytest.mark.parametrize(
    ("parameter", "key", "told"),
    [
        ("Names", "#" + "a" * 255, "The expression attribute map contains a key that is too long; size of key: 256"),
        ("Values", ":" + "a" * 255, "The expression attribute map contains a key that is too long; size of key: 256"),
        ("Names", "a", 'Syntax error; key: "a"'),
        ("Values", "#a", 'Syntax error; key: "#a"'),
        ("Names", "#", 'Syntax error; key: "#"'),
    ],
)
def test_wrong_placeholders_are_refused_in_the_services_words(parameter: str, key: str, told: str):
    parameter = f"ExpressionAttribute{parameter}"
    given = {parameter: {key: "id" if parameter.endswith("Names") else {"S": "a"}}}
    error = refusal(loaded(), "DeleteItem", {**KEY, "ConditionExpression": "attribute_exists(id)", **given})
    assert error.message == f"{parameter} contains invalid key: {told}"


def test_placeholders_must_all_be_used():
    engine = loaded()
    request = {**KEY, "ConditionExpression": "attribute_exists(id)"}
    unused = refusal(engine, "DeleteItem", {**request, "ExpressionAttributeValues": {":x": {"S": "a"}}})
    assert unused.message == "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"
    unused = refusal(engine, "DeleteItem", {**request, "ExpressionAttributeNames": {"#x": "a"}})
    assert unused.message == "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}"
    both = {"UpdateExpression": "SET #n = :x", "ConditionExpression": "attribute_exists(#i)"}
    names, values = {"#n": "n", "#i": "id"}, {":x": {"N": "1"}}  # each is used by one of the two
    engine.perform(
        "UpdateItem", {**KEY, **both, "ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
    )


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
        ({"NS": []}, "One or more parameter values were invalid: An number set  may not be empty"),
        ({"BS": []}, "One or more parameter values were invalid: Binary sets should not be empty"),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        (
            {"SS": ["a", "b", "a"]},
            "One or more parameter values were invalid: Input collection [a, b, a] contains duplicates.",
        ),
        (
            {"BS": [b"a", b"a"]},
            "One or more parameter values were invalid: Input collection of type BS contains duplicates.",
        ),
        ({"M": {"": {"S": "x"}}}, "Empty attribute name"),
        (
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        ),
        ({}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"S": None}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"L": None}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        (
            {"NULL": False},
            "One or more parameter values were invalid: Null attribute value types must have the value of true",
        ),
    ],
)
def test_values_that_cannot_be_stored_are_refused(value: dict[str, Any], told: str):
    error = refusal(engine_with(), "PutItem", {"TableName": "Items", "Item": {"id": {"S": "a"}, "v": value}})
    assert (error.code, error.message) == ("ValidationException", told)


@pytest.mark.parametrize(
    "value",
    [
        {"S": ""},
        {"B": b""},
        {"SS": ["", "a"]},
        {"N": "9" * 38},
        {"N": "9" * 38 + "0" * 88},
        {"N": f"-0.{'0' * 129}1"},
        {"BOOL": False},
        {"L": []},
        {"M": {}},
    ],
)
def test_values_that_can_be_stored_come_back(value: dict[str, Any]):
    engine = engine_with()
    engine.perform("PutItem", {"TableName": "Items", "Item": {"id": {"S": "a"}, "v": value}})
    assert engine.perform("GetItem", KEY)["Item"]["v"] == value


def test_sets_are_equal_in_any_order_and_numbers_in_any_spelling():
    engine = loaded()
    values = {":n": {"NS": ["2.0", "1"]}, ":t": {"SS": ["b", "a"]}}
    request = {"FilterExpression": "nums = :n AND t = :t", "ExpressionAttributeValues": values}
    assert engine.perform("Scan", {"TableName": "Items", **request})["Count"] == 1


@pytest.mark.parametrize(
    ("number", "added", "result"),
    [
        ("0.1", "0.2", "0.3"),
        ("1e-130", "-1e-130", "0"),
        ("9" * 37, "1", "1" + "0" * 37),
        ("1" * 38, "1", "1" * 37 + "2"),
        (
            "9.9e125",
            "9e125",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("1" * 38, "0.1", "Attempting to store more than 38 significant digits in a Number"),
        ("1e125", "1e-130", "Attempting to store more than 38 significant digits in a Number"),
    ],
)
@pytest.mark.parametrize("update", ["SET n = n + :v", "ADD n :v"])
def test_sums_are_exact_or_refused(update: str, number: str, added: str, result: str):
    engine = engine_with()
    engine.perform("PutItem", {"TableName": "Items", "Item": {"id": {"S": "a"}, "n": {"N": number}}})
    request = {**KEY, "UpdateExpression": update, "ExpressionAttributeValues": {":v": {"N": added}}}
    if result[0].isdigit():
        engine.perform("UpdateItem", request)
        assert engine.perform("GetItem", KEY)["Item"]["n"] == {"N": result}
    else:
        assert refusal(engine, "UpdateItem", request).message == result


def sized(size: int) -> dict[str, Any]:
    """An item of so many bytes: names and strings count by their bytes in UTF-8."""
    return {"id": {"S": "a"}, "v": {"S": "x" * (size - len("ida") - len("v"))}}


def test_an_item_holds_400_kb_however_it_came_to_that():
    largest = 400 * 1024
    engine = engine_with()
    error = refusal(engine, "PutItem", {"TableName": "Items", "Item": sized(largest + 1)})
    assert error.message == "Item size has exceeded the maximum allowed size"
    for wide in ({**sized(largest), "v": {"S": "é" * 204_798}}, sized(largest)):  # two bytes each
        engine.perform("PutItem", {"TableName": "Items", "Item": wide})
    for update, value in (("SET w = :v", {"S": ""}), ("SET v = :v", {"S": "x" * (largest - 3)})):
        request = {**KEY, "UpdateExpression": update, "ExpressionAttributeValues": {":v": value}}
        error = refusal(engine, "UpdateItem", request)
        assert error.message == "Item size to update has exceeded the maximum allowed size"
    engine.perform("UpdateItem", {**KEY, "UpdateExpression": "REMOVE v"})


@pytest.mark.parametrize(
    ("table", "key", "told"),
    [
        (ITEMS, {"id": {"S": "x" * 2048}}, None),
        (ITEMS, {"id": {"S": "é" * 1024}}, None),
        (ITEMS, {"id": {"S": "x" * 2049}}, "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
        (ITEMS, {"id": {"S": "é" * 1025}}, "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
        (
            ITEMS,
            {"id": {"S": ""}},
            "The AttributeValue for a key attribute cannot contain an empty string value. Key: id",
        ),
        (
            "B",
            {"id": {"B": b""}},
            "The AttributeValue for a key attribute cannot contain an empty binary value. Key: id",
        ),
        ("S", {"id": {"S": "p"}, "at": {"S": "x" * 1024}}, None),
        (
            "S",
            {"id": {"S": "p"}, "at": {"S": "x" * 1025}},
            "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
        ("S", {"id": {"S": "p"}}, "The provided key element does not match the schema"),
        (ITEMS, {"id": {"N": "1"}}, "The provided key element does not match the schema"),
        (ITEMS, {"id": {"S": "p"}, "at": {"S": "x"}}, "The provided key element does not match the schema"),
    ],
)
def test_keys_have_their_lengths_and_types(table: Any, key: dict[str, Any], told: str | None):
    if isinstance(table, str):
        definitions = [{"AttributeName": name, "AttributeType": table} for name in ("id", "at")]
        both = [*ITEMS["KeySchema"], {"AttributeName": "at", "KeyType": "RANGE"}]
        ranged = {"AttributeDefinitions": definitions, "KeySchema": both}
        table = {**ITEMS, **({"AttributeDefinitions": definitions[:1]} if table == "B" else ranged)}
    engine = engine_with(table)
    for action in ("GetItem", "DeleteItem", "UpdateItem"):
        if told is None:
            engine.perform(action, {"TableName": "Items", "Key": key})
        else:
            assert refusal(engine, action, {"TableName": "Items", "Key": key}).message.endswith(told)


def test_an_update_makes_a_missing_item():
    engine = engine_with(ITEMS, LOG)
    assert engine.perform("UpdateItem", {**KEY, "ReturnValues": "ALL_NEW"})["Attributes"] == KEY["Key"]
    key = {"day": {"S": "mon"}, "at": {"N": "1"}}
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    made = engine.perform("UpdateItem", {"TableName": "Log", "Key": key, **add, "ReturnValues": "ALL_NEW"})
    assert made["Attributes"] == {**key, "n": {"N": "1"}}
    assert engine.stored() == {"Items": [KEY["Key"]], "Log": [{**key, "n": {"N": "1"}}]}


@pytest.mark.parametrize(
    ("action", "wanted", "returned"),
    [
        ("PutItem", "NONE", None),
        ("PutItem", "ALL_OLD", ITEM),
        ("DeleteItem", "ALL_OLD", ITEM),
        ("UpdateItem", "ALL_OLD", ITEM),
        ("UpdateItem", "ALL_NEW", {**ITEM, "n": {"N": "2"}}),
        ("UpdateItem", "UPDATED_OLD", {"n": {"N": "1"}}),
        ("UpdateItem", "UPDATED_NEW", {"n": {"N": "2"}}),
    ],
)
def test_a_write_returns_what_is_asked_for(action: str, wanted: str, returned: dict[str, Any] | None):
    more = {
        "PutItem": {"TableName": "Items", "Item": KEY["Key"]},
        "DeleteItem": KEY,
        "UpdateItem": with_values({**KEY, "UpdateExpression": "SET n = :two"}, ":two"),
    }[action]
    assert loaded().perform(action, {**more, "ReturnValues": wanted}).get("Attributes") == returned
    if action != "UpdateItem":
        for other in ("ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"):
            message = refusal(loaded(), action, {**more, "ReturnValues": other}).message
            assert message == "Return values set to invalid value"


@pytest.mark.parametrize(
    ("paths", "part"),
    [
        ("m.b.c, n", {"m": {"M": {"b": {"M": {"c": {"S": "z"}}}}}, "n": {"N": "1"}}),
        ("l[1]", {"l": {"L": [{"S": "2"}]}}),
        ("l[1], l[0], l[9]", {"l": {"L": [{"N": "1"}, {"S": "2"}]}}),
        ("m.zz, zz, n.a, l[5]", {}),
    ],
)
def test_a_projection_is_the_part_at_its_paths(paths: str, part: dict[str, Any]):
    assert loaded().perform("GetItem", {**KEY, "ProjectionExpression": paths})["Item"] == part


def test_nesting_ends_at_32_levels_however_it_comes_about():
    engine = engine_with()

    def nested(levels: int, kind: str) -> dict[str, Any]:
        value: dict[str, Any] = {"S": "x"}
        for _ in range(levels):
            value = {"L": [value]} if kind == "L" else {"M": {"k": value}}
        return value

    for kind in "ML":
        engine.perform("PutItem", {"TableName": "Items", "Item": {"id": {"S": "a"}, "v": nested(31, kind)}})
        item = {"id": {"S": "a"}, "v": nested(32, kind)}
        assert "nested levels" in refusal(engine, "PutItem", {"TableName": "Items", "Item": item}).message
    assert "nested levels" in refusal(engine, "UpdateItem", {**KEY, "UpdateExpression": "SET v[1] = v"}).message
