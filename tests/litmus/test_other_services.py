"""Handlers that call other AWS services: races there are found, fixed ones pass, and nothing depends on how they are run."""

from __future__ import annotations

import io
import json
import mmap
import uuid
from collections.abc import Callable
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from brute_force import compare_with_brute_force
from moto import mock_aws

import toctou
from toctou import Model, StopReason, Table, Verdict, handler
from toctou.errors import ModelError
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
dynamodb = boto3.resource("dynamodb", **KEYS)
orders = dynamodb.Table("Orders")
gone = dynamodb.meta.client.exceptions.ConditionalCheckFailedException
sqs, s3, sns, ssm, secrets = (boto3.client(name, **KEYS) for name in ("sqs", "s3", "sns", "ssm", "secretsmanager"))
QUEUE = "https://sqs.eu-central-1.amazonaws.com/111122223333/cancelled"
TOPIC = "arn:aws:sns:eu-central-1:111122223333:orders"


class Orders(Model):
    """What the models here have in common."""

    tables = [Table("Orders", "order_id")]
    items = {"Orders": [{"order_id": "o1", "count": 0}]}
    principals = ("alice", "bob")


def announce(principal: str) -> None:
    sqs.send_message(QueueUrl=QUEUE, MessageBody=json.dumps({"cancelled": "o1", "by": principal}))


def deleted() -> bool:
    try:
        orders.delete_item(Key={"order_id": "o1"}, ConditionExpression="attribute_exists(order_id)")
    except gone:
        return False
    return True


def count() -> None:
    values = {":one": 1}
    orders.update_item(
        Key={"order_id": "o1"}, UpdateExpression="ADD #c :one", ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues=values,
    )  # fmt: skip


class SentTooEarly(Orders):
    services = ["sqs"]

    @handler
    def cancel(self, principal: str) -> int:
        if "Item" not in orders.get_item(Key={"order_id": "o1"}):
            return 404
        announce(principal)
        return 204 if deleted() else 404


class SentAfterwards(Orders):
    services = ["sqs"]

    @handler
    def cancel(self, principal: str) -> int:
        if not deleted():
            return 404
        announce(principal)
        return 204


class LostObject(Orders):
    services = ["s3"]

    def setup(self) -> None:
        s3.create_bucket(Bucket="lists", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_object(Bucket="lists", Key="all.json", Body=io.BytesIO(b"[]"))

    @handler
    def add(self, principal: str) -> int:
        found = json.load(s3.get_object(Bucket="lists", Key="all.json")["Body"])
        s3.put_object(Bucket="lists", Key="all.json", Body=json.dumps([*found, principal]))
        count()
        return 200


class GuardedObject(LostObject):
    @handler
    def add(self, principal: str) -> int:
        found = s3.get_object(Bucket="lists", Key="all.json")
        body = json.dumps(sorted([*json.load(found["Body"]), principal]))
        try:
            s3.put_object(Bucket="lists", Key="all.json", Body=body, IfMatch=found["ETag"])
        except ClientError as lost:
            return {"PreconditionFailed": 409}[lost.response["Error"]["Code"]]
        return 200


class UndoneObject(Orders):
    services = ["s3"]

    @handler
    def cancel(self, principal: str) -> int:
        key = f"{principal}/{uuid.uuid4()}"
        s3.put_object(Bucket="receipts", Key=key, Body=b"cancelled")
        if deleted():
            return 204
        s3.delete_object(Bucket="receipts", Key=key)
        return 404


class Consumed(Orders):
    """Each of two consumers gets one of two messages, whichever comes first."""

    services = ["sqs"]

    def setup(self) -> None:
        url = sqs.create_queue(QueueName="cancelled")["QueueUrl"]
        for number in (1, 2):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))

    @handler
    def work(self, principal: str) -> int:
        for message in sqs.receive_message(QueueUrl=QUEUE, WaitTimeSeconds=20).get("Messages", ()):
            sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=message["ReceiptHandle"])
        count()
        return 200


class ReadsSettings(Orders):
    services = ["ssm", "secretsmanager"]

    def setup(self) -> None:
        ssm.put_parameter(Name="/orders/limit", Value="3", Type="String")
        secrets.create_secret(Name="token", SecretString="geheim")

    @handler
    def count(self, principal: str) -> tuple[int, str]:
        limit = ssm.get_parameter(Name="/orders/limit")["Parameter"]["Value"]
        count()
        return 200, limit + secrets.get_secret_value(SecretId="token")["SecretString"]


class Told(Orders):
    """Two topics, of which neither order matters."""

    services = ["sns"]

    @handler
    def tell(self, principal: str) -> tuple[int, str]:
        count()
        sns.publish(TopicArn=TOPIC, Message=principal)
        return 200, sns.publish(TopicArn=TOPIC, Message="counted")["MessageId"]


class Unsubscribed(Orders):
    """A queue that is subscribed to a topic, and may be gone when something is published there."""

    services = ["sns", "sqs"]

    def setup(self) -> None:
        sns.create_topic(Name="orders")
        sqs.create_queue(QueueName="cancelled")
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:cancelled")

    @handler(principals=["alice"])
    def remove(self, principal: str) -> int:
        try:
            sqs.delete_queue(QueueUrl=QUEUE)
        except sqs.exceptions.QueueDoesNotExist:
            return 404
        return 204

    @handler(principals=["bob"])
    def tell(self, principal: str) -> int:
        try:
            sns.publish(TopicArn=TOPIC, Message=principal)
        except ClientError:
            return 410
        return 202


RACY = {SentTooEarly: {"no_partial_effect", "linearizability"}, LostObject: {"linearizability"}}
FIXED = (SentAfterwards, GuardedObject, UndoneObject, Consumed, ReadsSettings, Told, Unsubscribed)


def oracles(result: toctou.ModelResult) -> set[str]:
    return {one.finding.oracle for scenario in result.scenarios for one in scenario.violations}


@pytest.mark.parametrize(
    "options", [{}, {"isolation": "processes"}, {"every_step": True}, {"strategy": "exhaustive"}], ids=repr
)
@pytest.mark.parametrize("model", [*RACY, *FIXED], ids=lambda model: model.__name__)
def test_verdicts(model: type[Model], options: dict[str, Any]) -> None:
    result = toctou.check(model, **options)
    assert result.verdict is (Verdict.VIOLATED if model in RACY else Verdict.VERIFIED), result.detail
    assert oracles(result) == RACY.get(model, set())


@pytest.mark.parametrize("model", [*RACY, *FIXED], ids=lambda model: model.__name__)
def test_the_same_findings_as_by_brute_force(model: type[Model]) -> None:
    compare_with_brute_force(model, Exhaustive, Dpor)


def test_the_second_backend_confirms_what_another_service_shows() -> None:
    (violation, *_) = [one for scenario in toctou.check(LostObject).scenarios for one in scenario.violations]
    assert violation.confirmed_on == "moto"


def test_moto_as_the_backend_has_other_services_too() -> None:
    assert oracles(toctou.check(LostObject, backend="moto")) == {"linearizability"}
    assert toctou.check(Consumed, backend="moto").verdict is Verdict.VERIFIED


class Undeclared(Orders):
    @handler
    def cancel(self, principal: str) -> int:
        announce(principal)
        return 204 if deleted() else 404

    @handler
    def tell(self, principal: str) -> int:
        sns.publish(TopicArn=TOPIC, Message="x")
        return 200


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_each_undeclared_service_is_named_once(isolation: str) -> None:
    result = toctou.check(Undeclared, isolation=isolation)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL)
    for service, action in (("sqs", "SendMessage"), ("sns", "Publish")):
        assert result.detail.count(f'services = ["{service}"]') == 1
        assert f'answers = {{"{service}.{action}": {{...}}}}' in result.detail
    assert "sqs.send_message(QueueUrl=QUEUE" in result.detail


def refused(_: Any) -> Any:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slowly"}}, "SendMessage")


def unreachable(_: Any) -> Any:
    raise EndpointConnectionError(endpoint_url=QUEUE)


@pytest.mark.parametrize("isolation", ["memory", "processes"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"MessageId": "1"}, "1"),
        (lambda parameters: {"MessageId": parameters["MessageBody"]}, "x"),
        (refused, "ThrottlingException"),
        (unreachable, "EndpointConnectionError"),
    ],
    ids=["value", "function", "error", "no service"],
)
def test_the_model_may_answer(answer: Any, expected: str, isolation: str) -> None:
    class Answered(Orders):
        answers = {"sqs.SendMessage": answer}

        @handler
        def send(self, principal: str) -> tuple[int, str]:
            count()
            try:
                return 200, sqs.send_message(QueueUrl=QUEUE, MessageBody="x")["MessageId"]
            except ClientError as error:
                return 200, error.response["Error"]["Code"]
            except EndpointConnectionError as error:
                return 200, type(error).__name__

        @toctou.invariant
        def as_expected(self, items: Any, responses: Any) -> bool:
            return all(one.body == expected for one in responses)

    result = toctou.check(Answered, isolation=isolation)
    assert result.verdict is Verdict.VERIFIED, (result.detail, oracles(result))


ANSWER = b'{"text": "hello"}'


@pytest.mark.parametrize(
    "body",
    [
        io.BytesIO(ANSWER),
        StreamingBody(io.BytesIO(ANSWER), len(ANSWER)),
        lambda _: {"body": StreamingBody(io.BytesIO(ANSWER), len(ANSWER))},
    ],
    ids=["stream", "body", "function"],
)
def test_a_stream_of_an_answer_is_there_for_every_request(body: Any) -> None:
    class Asked(Orders):
        answers = {"bedrock-runtime.InvokeModel": body if callable(body) else {"body": body}}

        @handler
        def ask(self, principal: str) -> tuple[int, str]:
            count()
            answer = boto3.client("bedrock-runtime", **KEYS).invoke_model(modelId="m", body=b"{}")
            return 200, json.load(answer["body"])["text"]

    for _ in range(2):
        result = toctou.check(Asked)
        assert result.verdict is Verdict.VERIFIED, (result.detail, oracles(result))


def test_an_answered_message_counts_as_sent() -> None:
    answered = type("Answered", (SentTooEarly,), {"services": (), "answers": {"sqs.*": {}}, "__module__": __name__})
    assert oracles(toctou.check(answered)) == {"no_partial_effect", "linearizability"}


def test_what_a_set_up_asks_is_not_asked_again_in_each_process_of_a_request() -> None:
    times = mmap.mmap(-1, 1)  # shared with processes that are forked

    def answer(_parameters: dict[str, Any]) -> dict[str, Any]:
        times[0] += 1
        return {"Parameter": {"Value": "1"}}

    class SetUp(Orders):
        answers = {"ssm.GetParameter": answer}
        isolation = "processes"

        def setup(self) -> None:
            self.limit = ssm.get_parameter(Name="limit")["Parameter"]["Value"]

        @handler
        def use(self, principal: str) -> tuple[int, str]:
            count()
            return 200, self.limit

    assert toctou.check(SetUp).verdict is Verdict.VERIFIED
    assert times[0] == 1


def test_metrics_of_a_rejected_request_are_no_effect() -> None:
    class Measured(Orders):
        services = ["cloudwatch"]

        @handler
        def cancel(self, principal: str) -> int:
            client = boto3.client("cloudwatch", **KEYS)
            client.put_metric_data(Namespace="orders", MetricData=[{"MetricName": "cancelled", "Value": 1.0}])
            return 204 if deleted() else 404

    assert toctou.check(Measured).verdict is Verdict.VERIFIED


def test_what_the_user_has_replaced_stays_replaced() -> None:
    stubbed, patched = boto3.client("sqs", **KEYS), boto3.client("sns", **KEYS)
    stubber = Stubber(stubbed)
    for _ in range(500):
        stubber.add_response("send_message", {"MessageId": "1"}, {"QueueUrl": ANY, "MessageBody": ANY})

    class Replaced(Orders):
        @handler
        def send(self, principal: str) -> tuple[int, str]:
            count()
            patched.publish(TopicArn=TOPIC, Message="x")
            address = s3.generate_presigned_url("get_object", Params={"Bucket": "lists", "Key": "all.json"})
            return 200, stubbed.send_message(QueueUrl=QUEUE, MessageBody="x")["MessageId"] + address[:5]

    with stubber, mock.patch.object(patched, "publish", return_value={}):
        result = toctou.check(Replaced, isolation="memory")
    assert result.verdict is Verdict.VERIFIED, result.detail


def test_a_patch_of_botocores_own_method_answers_other_services() -> None:
    class Patched(Orders):
        @handler
        def send(self, principal: str) -> tuple[int, str]:
            count()
            return 200, sqs.send_message(QueueUrl=QUEUE, MessageBody="x")["MessageId"]

    def answer(client: Any, action: str, parameters: Any) -> dict[str, str]:
        return {"MessageId": action}

    with mock.patch("botocore.client.BaseClient._make_api_call", answer):
        assert toctou.check(Patched).verdict is Verdict.VERIFIED


@pytest.mark.starts_moto
@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_a_moto_that_the_user_has_started_is_used_and_left_as_it_was(isolation: str) -> None:
    with mock_aws():
        url = sqs.create_queue(QueueName="cancelled")["QueueUrl"]
        s3.create_bucket(Bucket="lists", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_object(Bucket="lists", Key="all.json", Body=b"[]")
        ssm.put_parameter(Name="/orders/limit", Value="3", Type="String")
        sqs.send_message(QueueUrl=url, MessageBody="before")
        unlisted = type("Unlisted", (LostObject,), {"services": (), "setup": Model.setup, "__module__": __name__})
        assert oracles(toctou.check(unlisted, isolation=isolation)) == {"linearizability"}
        assert s3.get_object(Bucket="lists", Key="all.json")["Body"].read() == b"[]"
        assert [one["Body"] for one in sqs.receive_message(QueueUrl=url)["Messages"]] == ["before"]
        assert ssm.get_parameter(Name="/orders/limit")["Parameter"]["Value"] == "3"


def test_a_call_that_misses_a_queue_which_another_request_deleted_does_not_fail_alone() -> None:
    class Removed(Orders):
        services = ["sqs"]

        def setup(self) -> None:
            sqs.create_queue(QueueName="cancelled")

        @handler
        def remove(self, principal: str) -> int:
            sqs.delete_queue(QueueUrl=QUEUE)
            return 204

    texts = [str(one.explanation) for one in toctou.check(Removed).violations]
    assert texts
    assert not any("no other request" in one for one in texts)


@pytest.mark.starts_moto
def test_a_bucket_that_a_handler_has_made_is_gone_in_the_next_schedule_beside_the_users_own() -> None:
    with mock_aws():
        s3.create_bucket(Bucket="lists", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        result = toctou.check(UndoneObject)
        assert result.verdict is Verdict.VERIFIED, (result.detail, oracles(result))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"services": "sqs"}, "`services`"),
    ({"services": ["sqz"]}, "'sqz'"),
    ({"services": ["dynamodb"]}, "DynamoDB needs none"),
    ({"answers": ["sqs.SendMessage"]}, "`answers`"),
    ({"answers": {"SendMessage": {}}}, "SERVICE.ACTION"),
]


@pytest.mark.parametrize(("attributes", "named"), WRONG, ids=lambda one: str(one)[:30])
def test_wrong_declarations(attributes: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelError, match=named):
        type("Wrong", (SentAfterwards,), {**attributes, "__module__": __name__}).requests()


def test_an_answer_that_is_none_is_the_models_fault() -> None:
    for sent, said in (("sent", "is 'sent'"), ({"Id": "1"}, "has 'Id', which is never returned")):
        members = {"answers": {"sqs.SendMessage": lambda _, sent=sent: sent}, "__module__": __name__}
        with pytest.raises(ModelError, match=f"the answer to sqs.SendMessage {said}"):
            toctou.check(type("Answered", (SentAfterwards,), members))


def test_what_moto_cannot_perform_is_named_with_the_remedy() -> None:
    class Unknown(Orders):
        services = ["translate"]

        @handler
        def translate(self, principal: str) -> int:
            boto3.client("translate", **KEYS).translate_text(Text="a", SourceLanguageCode="en", TargetLanguageCode="de")
            return 200

    result = toctou.check(Unknown)
    assert result.stop_reason is StopReason.UNSUPPORTED_ACTION
    assert 'answers = {"translate.TranslateText": {...}}' in result.detail


FIRST_USES: list[Callable[[], Any]] = [
    lambda: s3.put_object(Bucket="new", Key="a", Body=b"x"),
    lambda: sqs.send_message(QueueUrl="http://localhost:4566/000000000000/new", MessageBody="x"),
    lambda: sqs.send_message(QueueUrl=QUEUE + ".fifo", MessageBody="x", MessageGroupId="g"),
    lambda: sqs.get_queue_url(QueueName="new"),
    lambda: sns.publish(TopicArn=TOPIC, Message="x"),
    lambda: boto3.client("events", **KEYS).put_events(
        Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": "new"}]
    ),
    lambda: boto3.client("kinesis", **KEYS).put_record(StreamName="new", Data=b"x", PartitionKey="p"),
    lambda: boto3.client("firehose", **KEYS).put_record(DeliveryStreamName="new", Record={"Data": b"x"}),
    lambda: boto3.client("ses", **KEYS).send_email(
        Source="A <a@example.org>", Destination={"ToAddresses": ["b@example.org"]},
        Message={"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}},
    ),
    lambda: boto3.client("logs", **KEYS).put_log_events(
        logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1_767_225_600_000, "message": "x"}]
    ),
    lambda: boto3.client("lambda", **KEYS).invoke(FunctionName="new", Payload=b"{}")["Payload"].read(1),
    lambda: boto3.client("stepfunctions", **KEYS).start_execution(
        stateMachineArn="arn:aws:states:eu-central-1:111122223333:stateMachine:new", input="{}"
    ),
]  # fmt: skip


@pytest.mark.parametrize("use", FIRST_USES, ids=range(len(FIRST_USES)))
def test_what_a_call_names_is_there_when_it_is_first_used(use: Callable[[], Any]) -> None:
    class FirstUse(Orders):
        services = ["s3", "sqs", "sns", "events", "kinesis", "firehose", "ses", "logs", "lambda", "stepfunctions"]

        @handler
        def act(self, principal: str) -> int:
            use()
            count()
            return 200

    result = toctou.check(FirstUse)
    assert not {"no_exception"} & oracles(result), [one for s in result.scenarios for one in s.violations]
    assert result.stop_reason is None, result.detail


def test_a_secret_that_nobody_has_made_is_missing() -> None:
    class Missing(Orders):
        services = ["secretsmanager", "s3"]

        @handler(read_only=True)
        def read(self, principal: str) -> tuple[int, list[str]]:
            orders.get_item(Key={"order_id": "o1"})
            codes = []
            for call in (
                lambda: secrets.get_secret_value(SecretId="none"),
                lambda: s3.get_object(Bucket="lists", Key="none"),
                lambda: s3.head_object(Bucket="lists", Key="none"),
            ):
                try:
                    call()
                except (secrets.exceptions.ResourceNotFoundException, s3.exceptions.NoSuchKey, ClientError) as error:
                    codes.append(f"{error.response['Error']['Code']} {type(error).__name__}")
            return 200, codes

        @toctou.invariant
        def as_expected(self, items: Any, responses: Any) -> bool:
            expected = ["ResourceNotFoundException ResourceNotFoundException", "NoSuchKey NoSuchKey", "404 ClientError"]
            return all(one.body == expected for one in responses)

    assert toctou.check(Missing).verdict is Verdict.VERIFIED
