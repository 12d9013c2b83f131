"""boto3 against ``toctou serve``: what a handler does works, errors are the client's own, and load loses nothing."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from boto3.dynamodb.conditions import Attr
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError
from serving_process import TABLE, client, raw_request, raw_response, serving

CLIENTS = 16
ADDS = 1_000
RACERS = 100


@pytest.fixture(scope="module")
def server():
    with serving() as one:
        status, _ = one.call("CreateTable", **TABLE)
        assert status == 200
        yield one


@pytest.fixture
def dynamodb(server):
    with client(server.url) as one:
        yield one


@pytest.fixture
def items(server):
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-west-2"}
    resource = boto3.session.Session(**keys).resource("dynamodb", endpoint_url=server.url)
    yield resource.Table("Items")
    resource.meta.client.close()


def test_every_type_comes_back(items):
    from decimal import Decimal  # noqa: PLC0415

    item = {
        "id": "types",
        "number": Decimal("1.50"),
        "binary": Binary(b"\x00\xff"),
        "sets": {"s": {"a", "b"}, "n": {1, 2}, "b": {b"\x01"}},
        "list": [None, True, "ü", {"deep": [Binary(b"")]}],
    }
    items.put_item(Item=item)
    assert items.get_item(Key={"id": "types"}, ConsistentRead=True)["Item"] == item


def test_a_failed_condition_is_the_clients_own_error(dynamodb, items):
    items.put_item(Item={"id": "held", "blob": b"\x01"})
    failing = {"TableName": "Items", "Item": {"id": {"S": "held"}}, "ConditionExpression": "attribute_not_exists(id)"}
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        dynamodb.put_item(**failing, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.response["Error"]["Message"] == "The conditional request failed"
    assert caught.value.response["Item"] == {"id": {"S": "held"}, "blob": {"B": b"\x01"}}


def test_a_cancelled_transaction_has_its_reasons(dynamodb):
    check = {"TableName": "Items", "Key": {"id": {"S": "absent"}}, "ConditionExpression": "attribute_exists(id)"}
    put = {"TableName": "Items", "Item": {"id": {"S": "other"}}}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": check}])
    codes = [reason["Code"] for reason in caught.value.response["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed"]
    assert "[None, ConditionalCheckFailed]" in caught.value.response["Error"]["Message"]


def test_errors_and_tables(dynamodb):
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.get_item(TableName="Missing", Key={"id": {"S": "a"}})
    with pytest.raises(dynamodb.exceptions.ResourceInUseException):
        dynamodb.create_table(**TABLE)
    with pytest.raises(ClientError, match="UnknownOperationException"):
        dynamodb.list_backups()


def test_queries_and_conditions_of_the_resource(items):
    items.put_item(Item={"id": "conditional", "owner": "alice"})
    items.update_item(
        Key={"id": "conditional"},
        UpdateExpression="SET #o = :bob",
        ConditionExpression=Attr("owner").eq("alice"),
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":bob": "bob"},
    )
    found = items.query(KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": "conditional"})
    assert found["Items"] == [{"id": "conditional", "owner": "bob"}]


def test_a_checksum_that_boto3_checks(dynamodb):
    headers = dynamodb.get_item(TableName="Items", Key={"id": {"S": "any"}})["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-crc32"] == "2745614147"  # of {}, as boto3 has checked
    assert len(headers["x-amzn-requestid"]) == 52


def test_sixteen_clients_lose_no_increment(server):
    request = raw_request(
        "UpdateItem",
        {
            "TableName": "Items",
            "Key": {"id": {"S": "counter"}},
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        },
    )
    start = threading.Barrier(CLIENTS)

    def work(_):
        with server.connect() as connection:
            start.wait(timeout=20)
            answers = 0
            for _ in range(ADDS):
                connection.sendall(request)
                answer = connection.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
                assert answer.endswith(b"\r\n\r\n{}"), answer
                answers += 1
            return answers

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert sum(pool.map(work, range(CLIENTS))) == CLIENTS * ADDS
    _, body = server.call("GetItem", TableName="Items", Key={"id": {"S": "counter"}})
    assert body["Item"]["n"] == {"N": str(CLIENTS * ADDS)}


def test_boto3_clients_in_threads_lose_no_increment(server):
    def work(_):
        with client(server.url) as dynamodb:
            for _ in range(25):
                dynamodb.update_item(
                    TableName="Items",
                    Key={"id": {"S": "slow counter"}},
                    UpdateExpression="ADD n :one",
                    ExpressionAttributeValues={":one": {"N": "1"}},
                )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    _, body = server.call("GetItem", TableName="Items", Key={"id": {"S": "slow counter"}})
    assert body["Item"]["n"] == {"N": "200"}


def test_of_a_hundred_racing_puts_one_wins(server):
    start = threading.Barrier(RACERS)

    def race(number):
        put = {"id": {"S": "prize"}, "winner": {"N": str(number)}}
        request = raw_request(
            "PutItem", {"TableName": "Items", "Item": put, "ConditionExpression": "attribute_not_exists(id)"}
        )
        with server.connect() as connection:
            start.wait(timeout=20)
            connection.sendall(request)
            status, _, body = raw_response(connection)
        return number, status, json.loads(body)

    with ThreadPoolExecutor(RACERS) as pool:
        results = list(pool.map(race, range(RACERS)))
    winners = [number for number, status, _ in results if status == 200]
    assert len(winners) == 1
    refused = [body["__type"] for _, status, body in results if status == 400]
    assert refused == ["com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"] * (RACERS - 1)
    _, body = server.call("GetItem", TableName="Items", Key={"id": {"S": "prize"}})
    assert body["Item"]["winner"] == {"N": str(winners[0])}
