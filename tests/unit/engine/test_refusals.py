"""What is wrong with a request is told in the service's words, and in its order.

The texts are answers of the service, as recorded by dynalite (``test/*.js``) and by
https://github.com/nubo-db/dynamodb-conformance (``tests/tier3``).
"""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put, refusal

from toctou.engine import Engine

INVALID = "One or more parameter values were invalid: "
KEY = {"id": {"S": "a"}}
FAILED = "failed to satisfy constraint: Member must"
CAPACITY = f"Value 'X' at 'returnConsumedCapacity' {FAILED} satisfy enum value set: [INDEXES, TOTAL, NONE]"
METRICS = f"Value 'X' at 'returnItemCollectionMetrics' {FAILED} satisfy enum value set: [SIZE, NONE]"
RETURNED = (
    f"Value 'X' at 'returnValues' {FAILED} satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"
)
NAME = f"Value 'a;' at 'tableName' {FAILED} satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
SYNTAX = 'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "("'
CHARGED = ("ReturnConsumedCapacity",)
NO_MATCH = "The provided key element does not match the schema"


def told(engine: Engine, action: str, **parameters: Any) -> str:
    """What a call is refused with; nothing must have changed."""
    stored, sequence = engine.stored(), engine.sequence
    error = refusal(engine, action, parameters)
    assert (engine.stored(), engine.sequence) == (stored, sequence)
    assert error.code == "ValidationException"
    return error.message


def one(fault: str) -> str:
    return f"1 validation error detected: {fault}"


@pytest.mark.parametrize(
    ("action", "parameters", "message"),
    [
        ("GetItem", {"TableName": "Items", "Key": KEY, "ReturnConsumedCapacity": "X"}, one(CAPACITY)),
        ("PutItem", {"TableName": "Items", "Item": KEY, "ReturnConsumedCapacity": "X"}, one(CAPACITY)),
        ("PutItem", {"TableName": "Items", "Item": KEY, "ReturnItemCollectionMetrics": "X"}, one(METRICS)),
        (
            "PutItem",
            {
                "TableName": "a;",
                "Item": KEY,
                "ReturnItemCollectionMetrics": "X",
                "ReturnValues": "X",
                "ReturnConsumedCapacity": "X",
            },
            f"4 validation errors detected: {CAPACITY}; {NAME}; {RETURNED}; {METRICS}",
        ),
        ("DeleteItem", {"TableName": "a;", "Key": KEY}, one(NAME)),
        (
            "GetItem",
            {"TableName": "x" * 256, "Key": KEY},
            one(f"Value '{'x' * 256}' at 'tableName' {FAILED} have length less than or equal to 255"),
        ),
        (
            "Query",
            {"TableName": "Items", "Select": "X", "Limit": 0},
            "2 validation errors detected: Value 'X' at 'select' failed to satisfy constraint: Member must satisfy enum "
            "value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]; "
            f"Value '0' at 'limit' {FAILED} have value greater than or equal to 1",
        ),
        (
            "Scan",
            {"TableName": "Items", "Segment": -1, "TotalSegments": 0},
            f"2 validation errors detected: Value '0' at 'totalSegments' {FAILED} have value greater than or equal to 1; "
            f"Value '-1' at 'segment' {FAILED} have value greater than or equal to 0",
        ),
        (
            "Scan",
            {"TableName": "Items", "Segment": 0},
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
        ),
        (
            "Scan",
            {"TableName": "Items", "TotalSegments": 2},
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
        ),
        (
            "Scan",
            {"TableName": "Items", "ScanFilter": {"n": {"ComparisonOperator": "X"}}},
            one(
                f"Value 'X' at 'scanFilter.n.member.comparisonOperator' {FAILED} satisfy enum value set: "
                "[IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]"
            ),
        ),
        ("BatchGetItem", {"RequestItems": {}}, "The requestItems parameter is required for BatchGetItem"),
        ("BatchWriteItem", {"RequestItems": {}}, "The requestItems parameter is required for BatchWriteItem"),
        (
            "BatchWriteItem",
            {"RequestItems": {"Items": []}},
            one(
                "Value '{Items=[]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
                "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
            ),
        ),
        ("BatchGetItem", {"RequestItems": {"Nowhere": {"Keys": [KEY]}}, "ReturnConsumedCapacity": "X"}, one(CAPACITY)),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Delete": {"TableName": "Items", "Key": KEY}}], "ClientRequestToken": "x" * 37},
            one(f"Value '{'x' * 37}' at 'clientRequestToken' {FAILED} have length less than or equal to 36"),
        ),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "Items", "Item": KEY, "ReturnValuesOnConditionCheckFailure": "X"}}
                ]
            },
            one(
                f"Value 'X' at 'transactItems.1.member.put.returnValuesOnConditionCheckFailure' {FAILED} satisfy enum value "
                "set: [ALL_OLD, NONE]"
            ),
        ),
        ("ListTables", {"Limit": 101}, one(f"Value '101' at 'limit' {FAILED} have value less than or equal to 100")),
    ],
)
def test_members_outside_their_constraints_are_told_all_at_once(action: str, parameters: dict[str, Any], message: str):
    assert told(engine_with(ITEMS), action, **parameters) == message


@pytest.mark.parametrize(
    ("action", "member", "part", "most"),
    [
        ("TransactWriteItems", "TransactItems", {"Delete": {"TableName": "Items", "Key": KEY}}, 100),
        ("TransactGetItems", "TransactItems", {"Get": {"TableName": "Items", "Key": KEY}}, 100),
        ("ExecuteTransaction", "TransactStatements", {"Statement": "SELECT * FROM Items WHERE id = 'a'"}, 100),
        ("BatchExecuteStatement", "Statements", {"Statement": "SELECT * FROM Items WHERE id = 'a'"}, 25),
    ],
)
def test_so_many_parts_are_allowed_and_no_more(action: str, member: str, part: dict[str, Any], most: int):
    engine = engine_with(ITEMS)
    message = told(engine, action, **{member: [part] * (most + 1)})
    assert message.endswith(f"at '{member[:1].lower()}{member[1:]}' {FAILED} have length less than or equal to {most}")
    allowed = told(engine, action, **{member: [part] * most})  # which name one item several times
    assert allowed.endswith(("multiple operations on one item", "contains duplicates"))


@pytest.mark.parametrize("table", ["Items", "Nowhere"])
@pytest.mark.parametrize("key", [{"id": {"N": "1"}}, {}, KEY])
def test_expressions_are_read_before_the_table_and_the_key(table: str, key: dict[str, Any]):
    engine = engine_with(ITEMS)
    assert told(engine, "DeleteItem", TableName=table, Key=key, ConditionExpression="attribute_exists(") == SYNTAX
    message = told(engine, "GetItem", TableName=table, Key=key, ProjectionExpression="!")
    assert message.startswith("Invalid ProjectionExpression")
    message = told(engine, "Query", TableName=table, KeyConditionExpression="id = :x")
    assert message.endswith("attribute value: :x")
    message = told(engine, "Scan", TableName=table, FilterExpression="a = ")
    assert message.startswith("Invalid FilterExpression")


def test_values_are_read_before_expressions():
    engine = engine_with(ITEMS)
    wrong = {"id": {"N": "x"}}
    for action, key in (("PutItem", "Item"), ("DeleteItem", "Key")):
        message = told(engine, action, TableName="Nowhere", **{key: wrong}, ConditionExpression="a(")
        assert "cannot be converted into a number" in message
    assert "number" in told(engine, "GetItem", TableName="Items", Key=wrong, ProjectionExpression="!")
    assert told(engine, "PutItem", TableName="Items", Item={**KEY, "": {"S": "x"}}) == "Empty attribute name"


def test_a_malformed_condition_comes_before_a_missing_table_wherever_they_stand():
    engine = engine_with(ITEMS)
    missing = {"Put": {"TableName": "Nowhere", "Item": KEY}}
    malformed = {"ConditionCheck": {"TableName": "Items", "Key": KEY, "ConditionExpression": "attribute_not_exists("}}
    for items in ([missing, malformed], [malformed, missing]):
        assert told(engine, "TransactWriteItems", TransactItems=items) == SYNTAX
    error = refusal(engine, "TransactWriteItems", {"TransactItems": [missing]})
    assert (error.code, error.message) == ("ResourceNotFoundException", "Requested resource not found")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"Put": {"Item": {"id": {"N": "5"}}}},
            f"{INVALID}Type mismatch for key id expected: S actual: N",
        ),
        (
            {"Put": {"Item": {"n": {"N": "5"}}}},
            "One or more parameter values were invalid: Missing the key id in the item",
        ),
        ({"Delete": {"Key": {"id": {"N": "5"}}}}, NO_MATCH),
        ({"Delete": {"Key": {}}}, NO_MATCH),
        ({"ConditionCheck": {"Key": {"id": {"L": []}}, "ConditionExpression": "attribute_exists(a)"}}, NO_MATCH),
        (
            {"Update": {"Key": KEY, "UpdateExpression": "REMOVE id"}},
            "One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key",
        ),
    ],
)
def test_what_does_not_fit_the_key_is_a_reason_to_cancel(part: dict[str, Any], message: str):
    engine = engine_with(ITEMS)
    parts = {name: {"TableName": "Items", **inner} for name, inner in part.items()}
    good = {"Put": {"TableName": "Items", "Item": {"id": {"S": "b"}}}}
    error = refusal(engine, "TransactWriteItems", {"TransactItems": [good, parts]})
    assert error.code == "TransactionCanceledException"
    assert error.message.endswith("[None, ValidationError]")
    assert error.fields["CancellationReasons"] == [{"Code": "None"}, {"Code": "ValidationError", "Message": message}]
    assert engine.stored() == {"Items": []}


def test_a_transactional_read_of_a_wrong_key_is_cancelled_too():
    reads = [{"Get": {"TableName": "Items", "Key": key}} for key in (KEY, {})]
    error = refusal(engine_with(ITEMS), "TransactGetItems", {"TransactItems": reads})
    assert error.message.endswith("[None, ValidationError]")


def test_an_empty_key_refuses_a_transaction_and_does_not_cancel_it():
    empty = "The AttributeValue for a key attribute cannot contain an empty string value."
    engine = engine_with(LOG)
    put(engine, day="mon", at=1, who="alice")
    key = {"day": {"S": "mon"}, "at": {"N": "1"}}
    update = {"UpdateExpression": "SET who = :w", "ExpressionAttributeValues": {":w": {"S": ""}}}
    for part, message in (
        ({"Delete": {"Key": {**key, "day": {"S": ""}}}}, f"{empty} Key: day"),
        ({"Update": {"Key": key, **update}}, empty),
        ({"Put": {"Item": {**key, "who": {"S": ""}}}}, f"{empty} IndexName: by_who, IndexKey: who"),
    ):
        parts = {name: {"TableName": "Log", **inner} for name, inner in part.items()}
        assert told(engine, "TransactWriteItems", TransactItems=[parts]).endswith(message)


WORDS = {
    "TableName": "Words",
    "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in "abc"],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by_c",
            "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.mark.parametrize(
    "condition",
    [
        "{0} = :empty AND {1} = :some",
        "{0} = :some AND {1} = :empty",
        "{0} = :some AND {1} >= :empty",
        "{0} = :some AND begins_with({1}, :empty)",
        "{0} = :some AND {1} BETWEEN :empty AND :some",
    ],
)
@pytest.mark.parametrize(("index", "sort"), [(None, "b"), ("by_c", "c")])
def test_a_query_for_an_empty_key_is_refused_and_of_an_index_in_words_of_its_own(index, sort, condition):
    """As in DynamoDB Local; moto refuses these as well, all in the words for a table."""
    name = "a" if condition.startswith("{0} = :empty") else sort
    where, named = "", f"Key: {name}"
    if index:
        where = "A value specified for a secondary index key is not supported. "
        named = f"IndexName: {index}, IndexKey: {name}"
    request: dict[str, Any] = {
        "TableName": "Words",
        "KeyConditionExpression": condition.format("a", sort),
        "ExpressionAttributeValues": {":some": {"S": "x"}, ":empty": {"S": ""}},
        **({"IndexName": index} if index else {}),
    }
    empty = f"{where}The AttributeValue for a key attribute cannot contain an empty string value. {named}"
    assert told(engine_with(WORDS), "Query", **request) == f"One or more parameter values are not valid. {empty}"


THROUGHPUT = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}


def key(*names: str, kinds: tuple[str, ...] = ("HASH", "RANGE", "RANGE")) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)]


def types(**kinds: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()]


def index(*names: str, name: str = "index", **more: Any) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": key(*names), "Projection": {"ProjectionType": "ALL"}, **more}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"TableName": "ab"}, one(f"Value 'ab' at 'tableName' {FAILED} have length greater than or equal to 3")),
        (
            {"KeySchema": key("a", "b", kinds=("X", "RANGE")), "BillingMode": "X"},
            f"2 validation errors detected: Value 'X' at 'billingMode' {FAILED} satisfy enum value set: [PROVISIONED, "
            f"PAY_PER_REQUEST]; Value 'X' at 'keySchema.1.member.keyType' {FAILED} satisfy enum value set: [HASH, RANGE]",
        ),
        (
            {"AttributeDefinitions": types(a="S", b="SS")},
            one(
                f"Value 'SS' at 'attributeDefinitions.2.member.attributeType' {FAILED} satisfy enum value set: [B, N, S]"
            ),
        ),
        (
            {"KeySchema": key("a", "b", "c")},
            one(
                "Value '[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=b, keyType=RANGE), "
                f"KeySchemaElement(attributeName=c, keyType=RANGE)]' at 'keySchema' {FAILED} have length less than or equal to 2"
            ),
        ),
        (
            {"BillingMode": "PROVISIONED"},
            f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            {"ProvisionedThroughput": THROUGHPUT},
            f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        ({"AttributeDefinitions": types(a="S")}, "Invalid KeySchema: Some index key attribute have no definition"),
        (
            {"KeySchema": key("a", "c")},
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [a, c], "
            "AttributeDefinitions: [a, b]",
        ),
        (
            {"KeySchema": key("a", "a")},
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
        (
            {"KeySchema": key("a", "b", kinds=("RANGE", "RANGE"))},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        (
            {"KeySchema": key("a", "b", kinds=("HASH", "HASH"))},
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ),
        (
            {"KeySchema": key("a")},
            f"{INVALID}Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions",
        ),
        ({"LocalSecondaryIndexes": []}, f"{INVALID}List of LocalSecondaryIndexes is empty"),
        ({"GlobalSecondaryIndexes": []}, f"{INVALID}List of GlobalSecondaryIndexes is empty"),
        (
            {"KeySchema": key("a"), "LocalSecondaryIndexes": [index("a", "b")]},
            f"{INVALID}Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ),
        (
            {"LocalSecondaryIndexes": [index("a")]},
            f"{INVALID}Index KeySchema does not have a range key for index: index",
        ),
        (
            {"LocalSecondaryIndexes": [index("b", "a")]},
            f"{INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for index: index. "
            "index hash key: b, table hash key: a",
        ),
        (
            {"LocalSecondaryIndexes": [index("a", "b", name=f"index{n}") for n in range(6)]},
            f"{INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
        (
            {"GlobalSecondaryIndexes": [index("a", name=f"index{n}") for n in range(21)]},
            f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ),
        ({"GlobalSecondaryIndexes": [index("a"), index("b")]}, f"{INVALID}Duplicate index name: index"),
        ({"GlobalSecondaryIndexes": [index("a", Projection={})]}, f"{INVALID}Unknown ProjectionType: null"),
        (
            {"GlobalSecondaryIndexes": [index("a", Projection={"ProjectionType": "ALL", "NonKeyAttributes": ["z"]})]},
            f"{INVALID}ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            {"GlobalSecondaryIndexes": [index("a", Projection={"ProjectionType": "INCLUDE"})]},
            f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            {"GlobalSecondaryIndexes": [index("a", ProvisionedThroughput=THROUGHPUT)]},
            f"{INVALID}ProvisionedThroughput should not be specified for index: index when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"GlobalSecondaryIndexes": [index("a")], "AttributeDefinitions": types(a="S", b="N", c="S")},
            f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [a, b, c], keys used: [a, b]",
        ),
    ],
)
def test_wrong_tables_are_refused_in_the_services_words(changes: dict[str, Any], message: str):
    table = {
        "TableName": "Table",
        "KeySchema": key("a", "b"),
        "AttributeDefinitions": types(a="S", b="N"),
        "BillingMode": "PAY_PER_REQUEST",
        **changes,
    }
    assert told(Engine(), "CreateTable", **table) == message


UPDATES = [
    (
        {},
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
        "SSESpecification or ReplicaUpdates is required",
    ),
    (
        {"BillingMode": "PROVISIONED"},
        f"{INVALID}ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
    ),
    (
        {"ProvisionedThroughput": THROUGHPUT},
        f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    ),
    (
        {"GlobalSecondaryIndexUpdates": [{}]},
        f"{INVALID}One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
        "GlobalSecondaryIndexUpdate.Delete must not be null",
    ),
    (
        {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by_who"}}, {"Delete": {"IndexName": "by_who"}}]},
        f"{INVALID}Only one global secondary index update per index is allowed simultaneously. Index: by_who",
    ),
    (
        {"GlobalSecondaryIndexUpdates": [{"Create": index("who", name="other")}]},
        "Invalid KeySchema: Some index key attribute have no definition",
    ),
    (
        {"BillingMode": "PROVISIONED", "ProvisionedThroughput": THROUGHPUT},
        f"{INVALID}ProvisionedThroughput must be specified for index: by_who",
    ),
]


@pytest.mark.parametrize(("change", "message"), UPDATES)
def test_wrong_changes_of_tables_are_refused_in_the_services_words(change: dict[str, Any], message: str):
    assert told(engine_with(LOG), "UpdateTable", TableName="Log", **change) == message


def test_changes_of_indexes_that_there_are_or_are_not():
    engine = engine_with(LOG)
    created = {"Create": index("who", name="by_who")}
    change = {"TableName": "Log", "AttributeDefinitions": types(who="S"), "GlobalSecondaryIndexUpdates": [created]}
    assert (
        told(engine, "UpdateTable", **change) == f"{INVALID}Attempting to create an index which already exists: by_who"
    )
    for kind, more in (("Delete", {}), ("Update", {"ProvisionedThroughput": THROUGHPUT})):
        updates = [{kind: {"IndexName": "nowhere", **more}}]
        error = refusal(engine, "UpdateTable", {"TableName": "Log", "GlobalSecondaryIndexUpdates": updates})
        assert error.code == "ResourceNotFoundException"
    two = [{"Create": index("who", name="one")}, {"Delete": {"IndexName": "by_who"}}]
    error = refusal(engine, "UpdateTable", {"TableName": "Log", "GlobalSecondaryIndexUpdates": two})
    assert error.code == "LimitExceededException"


def test_billing_is_told_from_when_it_was_on_demand():
    engine = engine_with(ITEMS)
    provisioned = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": THROUGHPUT}
    told_now = engine.perform("UpdateTable", {"TableName": "Items", **provisioned})["TableDescription"]
    assert told_now["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert told_now["ProvisionedThroughput"] == {"NumberOfDecreasesToday": 0, **THROUGHPUT}
    message = told(engine, "UpdateTable", TableName="Items", **provisioned)
    assert message.startswith("The provisioned throughput for the table will not change.")
    back = engine.perform("UpdateTable", {"TableName": "Items", "BillingMode": "PAY_PER_REQUEST"})["TableDescription"]
    assert back["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
