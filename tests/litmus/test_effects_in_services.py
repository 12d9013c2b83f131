"""Effects in other services that equal messages, settings, orders, regions and identifiers have, and those that are undone.

Of each kind there is a racy model and a fixed one, both held against brute force.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import boto3
import pytest
from brute_force import compare_with_brute_force

import toctou
from toctou import Model, Table, Verdict, handler
from toctou.scheduling.strategies.dpor import Dpor

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
AWAY = {**KEYS, "region_name": "us-east-1"}
dynamodb = boto3.resource("dynamodb", **KEYS)
orders = dynamodb.Table("Orders")
gone = dynamodb.meta.client.exceptions.ConditionalCheckFailedException
sqs, s3, sns, secrets, kinesis, events, machines, users = (
    boto3.client(name, **KEYS)
    for name in ("sqs", "s3", "sns", "secretsmanager", "kinesis", "events", "stepfunctions", "cognito-idp")
)
sqs_away = boto3.client("sqs", **AWAY)
QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/work"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:told"
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:m"


class Orders(Model):
    """What the models here have in common."""

    tables = [Table("Orders", "order_id")]
    items = {"Orders": [{"order_id": "o1", "count": 0}]}
    principals = ("alice", "bob")


def there() -> bool:
    return "Item" in orders.get_item(Key={"order_id": "o1"}, ConsistentRead=True)


def deleted() -> bool:
    try:
        orders.delete_item(Key={"order_id": "o1"}, ConditionExpression="attribute_exists(order_id)")
    except gone:
        return False
    return True


def counted() -> int:
    answer = orders.update_item(
        Key={"order_id": "o1"}, UpdateExpression="ADD #c :one", ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues={":one": 1}, ReturnValues="UPDATED_NEW",
    )  # fmt: skip
    return int(answer["Attributes"]["count"])


def put_record(data: str) -> None:
    kinesis.put_record(StreamName="s", Data=data.encode(), PartitionKey="k")


class RecordedTwice(Orders):
    """Two relays of one outbox put equal records."""

    services = ["kinesis"]

    @handler
    def relay(self, principal: str) -> int:
        if there():
            put_record("o1")
            orders.delete_item(Key={"order_id": "o1"})
        return 200


class RecordedOnce(RecordedTwice):
    @handler
    def relay(self, principal: str) -> int:
        if deleted():
            put_record("o1")
        return 200


class StartedTwice(Orders):
    answers = {"glue.StartJobRun": {"JobRunId": "jr"}}

    @handler
    def relay(self, principal: str) -> int:
        if there():
            boto3.client("glue", **KEYS).start_job_run(JobName="invoice", Arguments={"--id": "o1"})
            orders.delete_item(Key={"order_id": "o1"})
        return 200


class OutOfOrder(Orders):
    """A number is taken, and sent later."""

    services = ["sqs"]
    queue = QUEUE + ".fifo"

    @handler
    def send(self, principal: str) -> int:
        number = str(counted())
        more = {"MessageGroupId": "o1", "MessageDeduplicationId": number} if self.queue.endswith(".fifo") else {}
        sqs.send_message(QueueUrl=self.queue, MessageBody=number, **more)
        return 202


class InNoOrder(OutOfOrder):
    queue = QUEUE


class InGroups(Orders):
    """The order of different groups does not count."""

    services = ["sqs"]

    @handler
    def send(self, principal: str) -> int:
        counted()
        for name in ("work.fifo", "more.fifo"):
            sqs.send_message(
                QueueUrl=QUEUE.replace("work", name),
                MessageBody=principal,
                MessageGroupId=principal,
                MessageDeduplicationId=principal,
            )
        return 202


class RecordsOutOfOrder(Orders):
    services = ["kinesis"]

    @handler
    def send(self, principal: str) -> int:
        put_record(str(counted()))
        return 202


class LostTag(Orders):
    services = ["s3"]

    def setup(self) -> None:
        s3.put_object(Bucket="docs", Key="a", Body=b"x", Tagging="n=1")

    @handler
    def tag(self, principal: str) -> int:
        tags = s3.get_object_tagging(Bucket="docs", Key="a")["TagSet"]
        s3.put_object_tagging(Bucket="docs", Key="a", Tagging={"TagSet": [*tags, {"Key": principal, "Value": "1"}]})
        counted()
        return 200


class TagUndone(LostTag):
    @handler
    def tag(self, principal: str) -> int:
        key = f"{uuid.uuid4()}.txt"
        s3.put_object(Bucket="docs", Key=key, Body=b"x")
        s3.put_object_tagging(Bucket="docs", Key=key, Tagging={"TagSet": [{"Key": "by", "Value": principal}]})
        if deleted():
            return 204
        s3.delete_object(Bucket="docs", Key=key)
        return 404


class LostStatement(Orders):
    services = ["s3"]

    def setup(self) -> None:
        s3.create_bucket(Bucket="docs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_bucket_policy(Bucket="docs", Policy=json.dumps({"Version": "2012-10-17", "Statement": []}))

    @handler
    def allow(self, principal: str) -> int:
        policy = json.loads(s3.get_bucket_policy(Bucket="docs")["Policy"])
        policy["Statement"].append({"Sid": principal, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"})
        s3.put_bucket_policy(Bucket="docs", Policy=json.dumps(policy))
        counted()
        return 200


class LostTimeout(Orders):
    services = ["sqs"]

    def setup(self) -> None:
        sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "30"})

    @handler
    def lengthen(self, principal: str) -> int:
        found = sqs.get_queue_attributes(QueueUrl=QUEUE, AttributeNames=["All"])["Attributes"]
        sqs.set_queue_attributes(
            QueueUrl=QUEUE, Attributes={"VisibilityTimeout": str(int(found["VisibilityTimeout"]) + 1)}
        )
        counted()
        return 200


class QueueLeft(Orders):
    services = ["sqs"]

    @handler
    def open(self, principal: str) -> int:
        if not there():
            return 404
        sqs.create_queue(QueueName=f"of-{principal}")
        return 201 if deleted() else 409


class QueueRemoved(QueueLeft):
    @handler
    def open(self, principal: str) -> int:
        url = sqs.create_queue(QueueName=f"of-{uuid.uuid4()}")["QueueUrl"]
        if deleted():
            return 201
        sqs.delete_queue(QueueUrl=url)
        return 409


class QueueFound(Orders):
    """What is there is not created again."""

    services = ["sqs", "sns"]

    def setup(self) -> None:
        sqs.create_queue(QueueName="work")
        sns.create_topic(Name="told")

    @handler
    def open(self, principal: str) -> int:
        sqs.create_queue(QueueName="work")
        sns.create_topic(Name="told")
        return 201 if deleted() else 409


class Pending(Orders):
    services = ["secretsmanager"]

    def setup(self) -> None:
        secrets.create_secret(Name="k", SecretString="0")

    @handler
    def rotate(self, principal: str) -> int:
        if not there():
            return 404
        secrets.put_secret_value(SecretId="k", SecretString=principal, VersionStages=["AWSPENDING"])
        return 200 if deleted() else 409


class SentAway(Orders):
    """A queue of the same name in another region has an equal message."""

    services = ["sqs"]
    there, own = sqs_away, sqs

    def setup(self) -> None:
        type(self).there.send_message(QueueUrl=QUEUE, MessageBody="cancelled")

    @handler
    def cancel(self, principal: str) -> int:
        if not there():
            return 404
        type(self).own.send_message(QueueUrl=QUEUE, MessageBody="cancelled")
        return 204 if deleted() else 409


class SentHere(SentAway):
    there, own = sqs, sqs_away


class KeyedByIdentifier(Orders):
    """The identifiers of equal messages differ."""

    services = ["sqs"]

    @handler
    def send(self, principal: str) -> int:
        made = sqs.send_message(QueueUrl=QUEUE, MessageBody="work")["MessageId"]
        orders.put_item(Item={"order_id": made}, ConditionExpression="attribute_not_exists(order_id)")
        return 202


class KeyedByExecution(Orders):
    services = ["stepfunctions"]

    @handler
    def start(self, principal: str) -> int:
        made = machines.start_execution(stateMachineArn=MACHINE, input="{}")["executionArn"]
        orders.put_item(Item={"order_id": made, "by": principal}, ConditionExpression="attribute_not_exists(order_id)")
        return 202


class LastIdentifier(Orders):
    """Whose identifier is stored last is decided after the messages were sent: any may be any other."""

    services = ["sqs"]

    @handler
    def send(self, principal: str) -> tuple[int, dict[str, Any]]:
        made = sqs.send_message(QueueUrl=QUEUE, MessageBody="work")["MessageId"]
        orders.put_item(Item={"order_id": "last", "message": made})
        return 202, {"sent": made}


class TwoIdentifiers(Orders):
    """Of two items each has the identifier of another request."""

    services = ["sqs"]

    @handler
    def send(self, principal: str) -> int:
        made = sqs.send_message(QueueUrl=QUEUE, MessageBody="work")["MessageId"]
        orders.put_item(Item={"order_id": "last", "message": made})
        orders.put_item(Item={"order_id": "also last", "message": made})
        return 202


class UndoneByName(Orders):
    services = ["events"]
    answers = {"cognito-idp.*": {}}

    @handler
    def join(self, principal: str) -> int:
        name = str(uuid.uuid4())
        user = {"UserPoolId": "p", "Username": principal, "GroupName": name}
        users.admin_add_user_to_group(**user)
        events.put_rule(Name=name, ScheduleExpression="rate(1 hour)", RoleArn="arn:aws:iam::123456789012:role/r")
        if deleted():
            return 204
        events.delete_rule(Name=name)
        users.admin_remove_user_from_group(**user)
        return 404


class LeftInGroup(UndoneByName):
    @handler
    def join(self, principal: str) -> int:
        users.admin_add_user_to_group(UserPoolId="p", Username=principal, GroupName="g")
        if deleted():
            return 204
        users.admin_remove_user_from_group(UserPoolId="p", Username=principal, GroupName="another")
        return 404


class UndoneByIdentifier(Orders):
    services = ["sns", "stepfunctions"]

    def setup(self) -> None:
        sns.create_topic(Name="told")

    @handler
    def start(self, principal: str) -> int:
        run = machines.start_execution(stateMachineArn=MACHINE, name=str(uuid.uuid4()), input="{}")["executionArn"]
        subscribed = sns.subscribe(TopicArn=TOPIC, Protocol="email", Endpoint=f"{uuid.uuid4()}@example.org")
        if deleted():
            return 204
        machines.stop_execution(executionArn=run)
        sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
        return 404


PARTIAL = {"no_partial_effect", "linearizability"}
RACY = {
    RecordedTwice: {"linearizability"},
    StartedTwice: {"linearizability"},
    OutOfOrder: {"linearizability"},
    RecordsOutOfOrder: {"linearizability"},
    LostTag: {"linearizability"},
    LostStatement: {"linearizability"},
    LostTimeout: {"linearizability"},
    QueueLeft: PARTIAL,
    Pending: PARTIAL,
    SentAway: PARTIAL,
    SentHere: PARTIAL,
    LeftInGroup: {"no_partial_effect"},
    TwoIdentifiers: {"linearizability"},
}
FIXED = (
    RecordedOnce, InNoOrder, InGroups, TagUndone, QueueRemoved, QueueFound, KeyedByIdentifier, KeyedByExecution,
    LastIdentifier, UndoneByName, UndoneByIdentifier,
)  # fmt: skip


@pytest.mark.parametrize("model", [*RACY, *FIXED], ids=lambda model: model.__name__)
def test_verdicts(model: type[Model]) -> None:
    result = toctou.check(model)
    assert result.verdict is (Verdict.VIOLATED if model in RACY else Verdict.VERIFIED), result.detail
    assert {one.finding.oracle for each in result.scenarios for one in each.violations} == RACY.get(model, set())


@pytest.mark.parametrize(
    "model", [KeyedByIdentifier, LastIdentifier, OutOfOrder, InGroups], ids=lambda model: model.__name__
)
def test_the_same_findings_as_by_brute_force(model: type[Model]) -> None:
    compare_with_brute_force(model, Dpor)


@pytest.mark.parametrize("options", [{"isolation": "processes"}, {"every_step": True}, {"backend": "moto"}], ids=repr)
@pytest.mark.parametrize(
    "model", [LastIdentifier, TwoIdentifiers, OutOfOrder, QueueFound], ids=lambda model: model.__name__
)
def test_verdicts_however_they_are_run(model: type[Model], options: dict[str, Any]) -> None:
    result = toctou.check(model, **options)
    assert result.verdict is (Verdict.VIOLATED if model in RACY else Verdict.VERIFIED), result.detail


def test_records_replace_no_other_records() -> None:
    class Recorded(Orders):
        services = ["kinesis"]
        overwrites = "violation"

        @handler
        def put(self, principal: str) -> int:
            put_record(principal)
            counted()
            return 200

    assert toctou.check(Recorded).verdict is Verdict.VERIFIED


def test_messages_of_every_region_are_in_the_queues_table() -> None:
    found: list[Any] = []

    class Everywhere(Orders):
        services = ["sqs"]
        principals = ("alice",)

        @handler
        def send(self, principal: str) -> int:
            for client in (sqs, sqs_away):
                client.send_message(QueueUrl=QUEUE, MessageBody="x")
            counted()
            return 200

        @toctou.invariant
        def seen(self, items: Any) -> bool:
            found.append(items.get("sqs:work", ()))
            return True

    assert toctou.check(Everywhere, isolation="memory").verdict is Verdict.VERIFIED
    assert [[one["MessageBody"], one["times"]] for one in found[-1]] == [["x", 2], ["x", 2]]


def test_equal_messages_of_a_topic_are_counted_in_its_queues() -> None:
    found: list[Any] = []

    class Told(Orders):
        services = ["sns", "sqs"]
        principals = ("alice",)

        def setup(self) -> None:
            sqs.create_queue(QueueName="work")
            sns.create_topic(Name="told")
            sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:work")

        @handler
        def tell(self, principal: str) -> int:
            counted()
            sns.publish(TopicArn=TOPIC, Message="x")
            return 200

        @toctou.invariant
        def seen(self, items: Any) -> bool:
            found.append(items["sqs:work"])
            return True

    assert toctou.check(Told, isolation="memory").verdict is Verdict.VERIFIED
    assert [(json.loads(one["MessageBody"])["Message"], one["times"]) for one in found[-1]] == [("x", 2)]
