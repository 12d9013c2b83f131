"""Every way to call DynamoDB with boto3 ends at the scheduling point, and callers notice no difference."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError, WaiterError

from toctou.client.embedded import EmbeddedBackend
from toctou.client.intercept import intercepted
from toctou.client.other_services import OtherServices
from toctou.client.services_backend import ServicesBackend
from toctou.errors import InternalError, UndeclaredService, UnsupportedAction
from toctou.history.operation import ErrorResponse

early_client = boto3.client("dynamodb", region_name="us-east-1")
early_table = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
I1 = {"item_id": {"S": "i1"}}


@pytest.fixture
def client(interception) -> Any:
    return boto3.client("dynamodb", region_name="us-east-1")


def test_a_client_that_was_created_before(interception):
    assert early_client.get_item(TableName="Items", Key=I1)["Item"]["owner"] == {"S": "alice"}
    assert interception.point.reached == ["GetItem"]


def test_a_client_that_is_created_within(interception, client):
    assert client.get_item(TableName="Items", Key=I1)["Item"]["owner"] == {"S": "alice"}


def test_a_resource_that_was_created_before_converts_values(interception):
    assert early_table.get_item(Key={"item_id": "i1"})["Item"] == {
        "item_id": "i1",
        "owner": "alice",
        "version": Decimal(1),
    }


def test_a_resource_builds_its_condition_objects(interception):
    table = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
    table.put_item(Item={"item_id": "i2", "tags": {"a", "b"}}, ConditionExpression=Attr("item_id").not_exists())
    table.update_item(
        Key={"item_id": "i2"},
        UpdateExpression="SET #n = :n",
        ConditionExpression=Attr("tags").contains("a"),
        ExpressionAttributeNames={"#n": "n"},
        ExpressionAttributeValues={":n": Decimal("1.5")},
    )
    assert table.get_item(Key={"item_id": "i2"})["Item"] == {"item_id": "i2", "tags": {"a", "b"}, "n": Decimal("1.5")}
    found = table.query(KeyConditionExpression=Key("item_id").eq("i2"))
    assert found["Count"] == 1
    written = interception.operations[0]
    assert written.parameters["ConditionExpression"] == "attribute_not_exists(#n0)"
    assert written.parameters["ExpressionAttributeNames"] == {"#n0": "item_id"}
    assert written.parameters["Item"]["tags"]["SS"] in (["a", "b"], ["b", "a"])


def test_an_action_of_the_resource_itself(scripted):
    scripted.answers["BatchGetItem"] = [{"Responses": {"Items": [{"owner": {"S": "alice"}}]}, "UnprocessedKeys": {}}]
    resource = boto3.resource("dynamodb", region_name="us-east-1")
    answer = resource.batch_get_item(RequestItems={"Items": {"Keys": [{"item_id": "i1"}]}})
    assert answer["Responses"]["Items"] == [{"owner": "alice"}]
    assert scripted.asked == [("BatchGetItem", {"RequestItems": {"Items": {"Keys": [I1]}}})]


def test_the_client_of_a_resource(interception):
    resource = boto3.resource("dynamodb", region_name="us-east-1")
    assert resource.meta.client.get_item(TableName="Items", Key={"item_id": "i1"})["Item"]["owner"] == "alice"


def test_a_batch_writer(scripted):
    scripted.answers["BatchWriteItem"] = [
        {"UnprocessedItems": {"Items": [{"PutRequest": {"Item": {"item_id": {"S": "b24"}}}}]}},
        {"UnprocessedItems": {}},
    ]
    with early_table.batch_writer() as batch:
        for number in range(25):
            batch.put_item(Item={"item_id": f"b{number}"})
        batch.delete_item(Key={"item_id": "i1"})
    (_, first), (_, second) = scripted.asked
    assert len(first["RequestItems"]["Items"]) == 25
    assert second["RequestItems"]["Items"] == [
        {"PutRequest": {"Item": {"item_id": {"S": "b24"}}}},
        {"DeleteRequest": {"Key": I1}},
    ]


def test_a_paginator(interception, client):
    for number in range(5):
        client.put_item(TableName="Events", Item={"stream": {"S": "s"}, "position": {"N": str(number)}})
    pages = list(
        client.get_paginator("query").paginate(
            TableName="Events",
            KeyConditionExpression="#stream = :s",
            ExpressionAttributeNames={"#stream": "stream"},
            ExpressionAttributeValues={":s": {"S": "s"}},
            PaginationConfig={"PageSize": 2},
        )
    )
    assert [int(item["position"]["N"]) for page in pages for item in page["Items"]] == [0, 1, 2, 3, 4]
    assert interception.point.reached.count("Query") == len(pages) == 3


def test_a_waiter(scripted):
    missing = ErrorResponse("ResourceNotFoundException", "Requested resource not found: Table: Items not found")
    scripted.answers["DescribeTable"] = [
        missing,
        {"Table": {"TableStatus": "CREATING"}},
        {"Table": {"TableStatus": "ACTIVE"}},
    ]
    early_client.get_waiter("table_exists").wait(TableName="Items", WaiterConfig={"Delay": 0})
    assert len(scripted.asked) == 3
    scripted.answers["DescribeTable"] = [missing, missing]
    with pytest.raises(WaiterError):
        early_client.get_waiter("table_exists").wait(TableName="Items", WaiterConfig={"Delay": 0, "MaxAttempts": 2})


def test_it_ends_with_the_context(interception):
    ours = BaseClient._make_api_call
    with intercepted(interception.point, EmbeddedBackend(), interception.operations.append):
        assert BaseClient._make_api_call is not ours
    assert BaseClient._make_api_call is ours


def test_the_original_is_put_back_after_an_error():
    original = BaseClient._make_api_call

    def failing() -> None:
        with intercepted(None, None, None):  # type: ignore[arg-type]
            assert BaseClient._make_api_call is not original
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert BaseClient._make_api_call is original


def test_listeners_of_the_user_are_told(interception, client):
    heard: list[str] = []

    def before(params: dict[str, Any], **_: Any) -> None:
        heard.append("before")
        params["ReturnConsumedCapacity"] = "TOTAL"

    def after(parsed: dict[str, Any], http_response: Any, **_: Any) -> None:
        heard.append(f"after {http_response.status_code}")
        parsed["Seen"] = True

    client.get_item(TableName="Items", Key=I1)  # botocore now remembers that nobody listens
    client.meta.events.register("before-parameter-build.dynamodb.GetItem", before)
    client.meta.events.register("after-call.dynamodb", after)
    answer = client.get_item(TableName="Items", Key=I1)
    assert heard == ["before", "after 200"]
    assert answer["Seen"]
    assert interception.operations[-1].parameters["ReturnConsumedCapacity"] == "TOTAL"
    client.meta.events.unregister("after-call.dynamodb", after)
    assert "Seen" not in client.get_item(TableName="Items", Key=I1)


def test_a_listener_may_replace_the_parameters(interception, client):
    def elsewhere(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "Key": {"item_id": {"S": "i9"}}}

    client.meta.events.register("provide-client-params.dynamodb.GetItem", elsewhere)
    assert "Item" not in client.get_item(TableName="Items", Key=I1)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"TableName": "Items"},
        {"TableName": 5, "Key": I1},
        {"TableName": "Items", "Key": {"item_id": "i1"}},
        {"TableName": "Items", "Key": {"item_id": {"S": 1}}},
        {"TableName": "Items", "Key": I1, "Consistent": True},
        {"TableName": "Items", "Key": I1, "ConsistentRead": "yes"},
        {"TableName": "", "Key": I1},
    ],
)
def test_parameters_are_validated_before_anything_happens(interception, client, parameters):
    with pytest.raises(ParamValidationError) as refused:
        client.get_item(**parameters)
    assert "Parameter validation failed" in str(refused.value)
    assert interception.point.reached == []


def test_validation_can_be_switched_off(interception):
    trusting = boto3.client("dynamodb", region_name="us-east-1", config=Config(parameter_validation=False))
    with pytest.raises((ClientError, InternalError)):
        trusting.get_item(TableName="Items", Key={"item_id": {"S": "i1"}, "other": {"S": "x"}})
    assert interception.point.reached == ["GetItem"]


def test_errors_are_the_exception_classes_of_the_client(interception, client):
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as failed:
        client.put_item(
            TableName="Items",
            Item=I1,
            ConditionExpression="attribute_not_exists(item_id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    answer = failed.value.response
    assert isinstance(failed.value, ClientError)
    assert failed.value.operation_name == "PutItem"
    assert answer["Error"] == {
        "Code": "ConditionalCheckFailedException",
        "Message": "The conditional request failed",
    }
    assert answer["Item"]["owner"] == {"S": "alice"}
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert str(failed.value) == (
        "An error occurred (ConditionalCheckFailedException) when calling the PutItem operation: "
        "The conditional request failed"
    )


def test_the_item_of_a_failed_condition_is_converted_by_no_resource_but_is_there(interception):
    with pytest.raises(early_table.meta.client.exceptions.ConditionalCheckFailedException) as failed:
        early_table.delete_item(
            Key={"item_id": "i1"},
            ConditionExpression="version = :two",
            ExpressionAttributeValues={":two": 2},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert set(failed.value.response["Item"]) == {"item_id", "owner", "version"}


def test_a_cancelled_transaction_says_which_part_and_why(interception, client):
    with pytest.raises(client.exceptions.TransactionCanceledException) as cancelled:
        client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": "Items", "Item": {"item_id": {"S": "i2"}}}},
                {
                    "ConditionCheck": {
                        "TableName": "Items",
                        "Key": I1,
                        "ConditionExpression": "#owner = :bob",
                        "ExpressionAttributeNames": {"#owner": "owner"},
                        "ExpressionAttributeValues": {":bob": {"S": "bob"}},
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    }
                },
            ]
        )
    reasons = cancelled.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert reasons[1]["Item"]["owner"] == {"S": "alice"}
    assert len(interception.backend.stored()["Items"]) == 1


def test_an_idempotency_token_is_made_up_as_ever(interception, client):
    client.transact_write_items(TransactItems=[{"Put": {"TableName": "Items", "Item": {"item_id": {"S": "i2"}}}}])
    assert interception.operations[-1].parameters["ClientRequestToken"]


def test_a_missing_table_is_the_error_of_the_service(interception, client):
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_item(TableName="Missing", Key=I1)


def test_what_a_handler_does_to_a_response_stays_with_the_handler(interception, client):
    item = client.get_item(TableName="Items", Key=I1)["Item"]
    item["owner"]["S"] = "mallory"
    item.clear()
    assert client.get_item(TableName="Items", Key=I1)["Item"]["owner"] == {"S": "alice"}
    assert interception.operations[0].result["Item"]["owner"] == {"S": "alice"}
    assert interception.backend.stored()["Items"][0]["owner"] == {"S": "alice"}


def test_what_a_handler_does_to_parameters_later_stays_with_the_handler(interception, client):
    item = {"item_id": {"S": "i2"}, "tags": {"L": [{"S": "a"}]}, "data": {"B": bytearray(b"x")}}
    client.put_item(TableName="Items", Item=item)
    item["tags"]["L"].append({"S": "b"})
    item["item_id"]["S"] = "i3"
    stored = client.get_item(TableName="Items", Key={"item_id": {"S": "i2"}})["Item"]
    assert stored == {"item_id": {"S": "i2"}, "tags": {"L": [{"S": "a"}]}, "data": {"B": b"x"}}
    assert interception.operations[0].parameters["Item"]["item_id"] == {"S": "i2"}


def test_a_failed_condition_gives_away_a_copy_too(interception, client):
    for _ in range(2):
        with pytest.raises(ClientError) as failed:
            client.put_item(
                TableName="Items",
                Item=I1,
                ConditionExpression="attribute_not_exists(item_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        assert failed.value.response["Item"]["owner"]["S"] == "alice"
        failed.value.response["Item"]["owner"]["S"] = "mallory"


def test_the_line_of_the_caller_is_recorded(interception):
    early_table.get_item(Key={"item_id": "i1"})
    source = interception.operations[0].source
    assert source.text == 'early_table.get_item(Key={"item_id": "i1"})'
    assert source.function == "test_the_line_of_the_caller_is_recorded"
    assert source.file.endswith("test_interception.py")


def test_a_service_that_the_model_does_not_name_is_not_called(interception):
    sqs = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    backend = ServicesBackend(interception.backend, OtherServices((), {}))
    with (
        intercepted(interception.point, backend, interception.operations.append),
        pytest.raises(UndeclaredService, match=r"(?s)SendMessage of the AWS service 'sqs'.*sqs.send_message"),
    ):
        sqs.send_message(QueueUrl="https://queue.invalid/q", MessageBody="hello")


def test_an_action_that_the_backend_does_not_perform_is_named(interception, client):
    with pytest.raises(UnsupportedAction, match="RestoreTableToPointInTime"):
        client.restore_table_to_point_in_time(SourceTableName="Items", TargetTableName="Old")


def test_a_fault_of_the_backend_is_not_an_answer(interception, client, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("item_id")

    monkeypatch.setattr(interception.backend, "perform", broken)
    with pytest.raises(InternalError, match=r"the backend embedded failed at GetItem .*KeyError: 'item_id'"):
        client.get_item(TableName="Items", Key=I1)


def _scribble(value):
    """Change whatever can be changed, at any depth."""
    if isinstance(value, dict):
        for element in list(value.values()):
            _scribble(element)
        value["scribbled"] = True
    elif isinstance(value, list):
        for element in value:
            _scribble(element)
        value.append("scribbled")


def _failure(client):
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as failed:
        client.delete_item(
            TableName="Items",
            Key=I1,
            ConditionExpression="attribute_not_exists(tags)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    return failed.value.response


ANSWERS_WITH_ITEMS = {
    "GetItem": lambda client: client.get_item(TableName="Items", Key=I1),
    "projection": lambda client: client.get_item(TableName="Items", Key=I1, ProjectionExpression="tags, m.k"),
    "Scan": lambda client: client.scan(TableName="Items"),
    "BatchGetItem": lambda client: client.batch_get_item(RequestItems={"Items": {"Keys": [I1]}}),
    "TransactGetItems": lambda client: client.transact_get_items(
        TransactItems=[{"Get": {"TableName": "Items", "Key": I1}}]
    ),
    "ALL_NEW": lambda client: client.update_item(TableName="Items", Key=I1, ReturnValues="ALL_NEW"),
    "UPDATED_NEW": lambda client: client.update_item(
        TableName="Items", Key=I1, UpdateExpression="SET m.k = tags", ReturnValues="UPDATED_NEW"
    ),
    "failed condition": _failure,
}


@pytest.mark.parametrize("answer", ANSWERS_WITH_ITEMS)
def test_what_a_handler_does_to_an_answer_changes_neither_the_items_nor_the_history(interception, client, answer):
    item = {**I1, "tags": {"L": [{"SS": ["a"]}]}, "m": {"M": {"k": {"L": [{"SS": ["a"]}]}}}}
    client.put_item(TableName="Items", Item=item)
    _scribble(ANSWERS_WITH_ITEMS[answer](client))
    assert interception.backend.stored()["Items"] == [item]
    last = interception.operations[-1]
    assert "scribbled" not in repr((last.parameters, last.result, last.error, last.changes))
    assert client.get_item(TableName="Items", Key=I1)["Item"] == item
