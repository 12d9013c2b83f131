"""The same calls to an intercepted client and to real boto3 in front of moto: results and errors have the same shape.

Messages are compared only in their being there: their wording is the service's business, and moto's differs in places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from unscheduled_calls import ALICES, ITEMS, Interception

from toctou.client.intercept import intercepted

Call = Callable[[Any, Any], Any]
"""Gets a client and the table Items of a resource."""

KEY = {"item_id": {"S": "i1"}}
EXISTS = {"ConditionExpression": "attribute_not_exists(item_id)"}
ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
NAMED = {"ExpressionAttributeNames": {"#o": "owner"}}
BUMP = {"UpdateExpression": "SET version = version + :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}

CALLS: dict[str, Call] = {
    "get": lambda client, _: client.get_item(TableName="Items", Key=KEY),
    "get nothing": lambda client, _: client.get_item(TableName="Items", Key={"item_id": {"S": "i9"}}),
    "get projected": lambda client, _: client.get_item(
        TableName="Items", Key=KEY, ProjectionExpression="#o, version", **NAMED
    ),
    "get from a resource": lambda _, table: table.get_item(Key={"item_id": "i1"}, ConsistentRead=True),
    "put": lambda client, _: client.put_item(TableName="Items", Item={**KEY, "owner": {"S": "bob"}}),
    "put, old": lambda client, _: client.put_item(TableName="Items", Item=KEY, ReturnValues="ALL_OLD"),
    "put, nothing old": lambda client, _: client.put_item(
        TableName="Items", Item={"item_id": {"S": "i2"}}, ReturnValues="ALL_OLD"
    ),
    "put, refused": lambda client, _: client.put_item(TableName="Items", Item=KEY, **EXISTS),
    "put, refused with item": lambda client, _: client.put_item(TableName="Items", Item=KEY, **EXISTS, **ALL_OLD),
    "put from a resource, refused": lambda _, table: table.put_item(Item={"item_id": "i1"}, **EXISTS, **ALL_OLD),
    "update": lambda client, _: client.update_item(TableName="Items", Key=KEY, **BUMP),
    **{
        f"update, {kind}": lambda client, _, kind=kind: client.update_item(
            TableName="Items", Key=KEY, ReturnValues=kind, **BUMP
        )
        for kind in ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
    },
    "update from a resource": lambda _, table: table.update_item(
        Key={"item_id": "i3"},
        UpdateExpression="SET a = :a, b = :b REMOVE c ADD d :d",
        ExpressionAttributeValues={":a": [1, "x", None], ":b": {"m": True}, ":d": Decimal(5)},
        ReturnValues="ALL_NEW",
    ),
    "update, invalid expression": lambda client, _: client.update_item(
        TableName="Items", Key=KEY, UpdateExpression="SET owner = :x", ExpressionAttributeValues={":x": {"S": "x"}}
    ),
    "delete": lambda client, _: client.delete_item(TableName="Items", Key=KEY),
    "delete, old": lambda client, _: client.delete_item(TableName="Items", Key=KEY, ReturnValues="ALL_OLD"),
    "delete nothing": lambda client, _: client.delete_item(TableName="Items", Key={"item_id": {"S": "i9"}}),
    "delete, refused": lambda client, _: client.delete_item(TableName="Items", Key=KEY, **EXISTS, **ALL_OLD),
    "query": lambda client, _: client.query(
        TableName="Items", KeyConditionExpression="item_id = :i", ExpressionAttributeValues={":i": {"S": "i1"}}
    ),
    "query nothing": lambda client, _: client.query(
        TableName="Items", KeyConditionExpression="item_id = :i", ExpressionAttributeValues={":i": {"S": "i9"}}
    ),
    "query, count": lambda client, _: client.query(
        TableName="Items",
        KeyConditionExpression="item_id = :i",
        FilterExpression="version > :v",
        ExpressionAttributeValues={":i": {"S": "i1"}, ":v": {"N": "5"}},
        Select="COUNT",
    ),
    "transact write": lambda client, _: client.transact_write_items(
        TransactItems=[
            {"Update": {"TableName": "Items", "Key": KEY, **BUMP}},
            {"Put": {"TableName": "Items", "Item": {"item_id": {"S": "i2"}}}},
        ]
    ),
    "transact write, cancelled": lambda client, _: client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": "Items", "Item": KEY, **EXISTS, **ALL_OLD}},
            {"Put": {"TableName": "Items", "Item": {"item_id": {"S": "i2"}}}},
        ]
    ),
    "transact get": lambda client, _: client.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": "Items", "Key": KEY}},
            {"Get": {"TableName": "Items", "Key": {"item_id": {"S": "i9"}}}},
        ]
    ),
    "no such table": lambda client, _: client.get_item(TableName="Missing", Key=KEY),
    "key of another name": lambda client, _: client.get_item(TableName="Items", Key={"id": {"S": "1"}}),
    "parameters of another type": lambda client, _: client.get_item(TableName="Items", Key={"item_id": "i1"}),
    "a name that is no parameter": lambda client, _: client.get_item(TableName="Items", Key=KEY, Consistent=True),
}


def outcome(call: Call) -> dict[str, Any]:
    """What a caller can see, without request ids and dates."""
    client = boto3.client("dynamodb", region_name="us-east-1")
    table = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
    try:
        answer = call(client, table)
    except ClientError as refused:
        answer = refused.response
        error = answer["Error"]
        return {
            "class": type(refused).__name__,
            "bases": [base.__name__ for base in type(refused).__mro__],
            "operation": refused.operation_name,
            "code": error["Code"],
            "has a message": bool(error["Message"]),
            "status": answer["ResponseMetadata"]["HTTPStatusCode"],
            "reasons": [
                {name: value for name, value in reason.items() if name != "Message"}
                for reason in answer.get("CancellationReasons", [])
            ],
            "item": answer.get("Item"),
            "fields": sorted(answer),
        }
    except Exception as refused:
        return {"class": type(refused).__name__, "text": str(refused)}
    metadata = answer.pop("ResponseMetadata")
    for unasked in ("ConsumedCapacity", "ItemCollectionMetrics"):  # moto reports them although nobody asked
        answer.pop(unasked, None)
    return {"answer": answer, "status": metadata["HTTPStatusCode"], "retries": metadata["RetryAttempts"]}


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(**ITEMS)
        yield client


@pytest.fixture
def real(moto: Any) -> None:
    for name in ("i1", "i2", "i3"):
        moto.delete_item(TableName="Items", Key={"item_id": {"S": name}})
    moto.put_item(TableName="Items", Item=ALICES)


@pytest.mark.parametrize("name", CALLS)
def test_a_caller_sees_no_difference(name, real):
    expected = outcome(CALLS[name])
    ours = Interception()
    with intercepted(ours.point, ours.backend, ours.operations.append):
        found = outcome(CALLS[name])
    assert found == expected


def test_response_metadata_has_what_handlers_look_at(real):
    def metadata() -> dict[str, Any]:
        client = boto3.client("dynamodb", region_name="us-east-1")
        found = client.get_item(TableName="Items", Key=KEY)["ResponseMetadata"]
        return {name: type(value) for name, value in found.items()}

    expected = metadata()
    ours = Interception()
    with intercepted(ours.point, ours.backend, ours.operations.append):
        assert metadata() == expected
