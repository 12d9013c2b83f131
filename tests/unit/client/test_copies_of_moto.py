"""What moto holds when a laboratory opens, because modules or the user have made it, is there and in order in every schedule."""

from __future__ import annotations

import io
import queue
import threading
import zipfile
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from toctou.client.copies_of_moto import copy_of, state_of
from toctou.client.moto_services import MotoServices
from toctou.client.seam import call_service

Call = tuple[str, dict[str, Any]]
ACCOUNT, REGION = "123456789012", "eu-central-1"
QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/q"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _archive() -> bytes:
    with zipfile.ZipFile(held := io.BytesIO(), "w") as archive:
        archive.writestr("f.py", "def f(event, context): return 1")
    return held.getvalue()


ONE_STATE = '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'
CASES: dict[str, tuple[Sequence[Call], Call]] = {
    "sqs": ([("sqs.CreateQueue", {"QueueName": "q"})], ("sqs.SendMessage", {"QueueUrl": QUEUE, "MessageBody": "x"})),
    "sqs, with a message": (
        [
            ("sqs.CreateQueue", {"QueueName": "q"}),
            ("sqs.SendMessage", {"QueueUrl": QUEUE, "MessageBody": "x"}),
        ],
        ("sqs.ReceiveMessage", {"QueueUrl": QUEUE}),
    ),
    "sns": (
        [
            ("sqs.CreateQueue", {"QueueName": "q"}),
            ("sns.CreateTopic", {"Name": "t"}),
            ("sns.Subscribe", {"TopicArn": arn("sns", "t"), "Protocol": "sqs", "Endpoint": arn("sqs", "q")}),
        ],
        ("sns.Publish", {"TopicArn": arn("sns", "t"), "Message": "x"}),
    ),
    "s3": (
        [("s3.CreateBucket", {"Bucket": "docs"}), ("s3.PutObject", {"Bucket": "docs", "Key": "k", "Body": b"x"})],
        ("s3.CopyObject", {"Bucket": "docs", "Key": "l", "CopySource": "docs/k"}),
    ),
    "ssm": (
        [("ssm.PutParameter", {"Name": "/n", "Value": "1", "Type": "String"})],
        ("ssm.PutParameter", {"Name": "/n", "Value": "2", "Overwrite": True}),
    ),
    "secretsmanager": (
        [("secretsmanager.CreateSecret", {"Name": "n", "SecretString": "1"})],
        ("secretsmanager.PutSecretValue", {"SecretId": "n", "SecretString": "2"}),
    ),
    "kms": ([("kms.CreateKey", {})], ("", {})),
    "events": (
        [
            ("events.CreateEventBus", {"Name": "b"}),
            ("events.PutRule", {"Name": "r", "EventBusName": "b", "EventPattern": '{"source": ["s"]}'}),
        ],
        ("events.PutEvents", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": "b"}]}),
    ),
    "stepfunctions": (
        [("stepfunctions.CreateStateMachine", {"name": "m", "definition": ONE_STATE, "roleArn": ROLE})],
        ("stepfunctions.StartExecution", {"stateMachineArn": arn("states", "stateMachine:m")}),
    ),
    "lambda": (
        [
            ("iam.CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": "{}"}),
            (
                "lambda.CreateFunction",
                {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "f.f",
                 "Code": {"ZipFile": _archive()}},
            ),
        ],
        ("lambda.Invoke", {"FunctionName": "f"}),
    ),
    "s3, in parts": (
        [("s3.CreateBucket", {"Bucket": "docs"})],
        ("s3.CreateMultipartUpload", {"Bucket": "docs", "Key": "k"}),
    ),
    "logs": (
        [("logs.CreateLogGroup", {"logGroupName": "g"})],
        ("logs.CreateLogStream", {"logGroupName": "g", "logStreamName": "s"}),
    ),
    "ecr": (
        [("ecr.CreateRepository", {"repositoryName": "images"})],
        ("ecr.DescribeRepositories", {"repositoryNames": ["images"]}),
    ),
}  # fmt: skip


def made_by_the_user(action: str, parameters: dict[str, Any]) -> Any:
    service, name = action.split(".")
    client = boto3.client(
        service,
        region_name="us-east-1" if service == "s3" else REGION,
        aws_access_key_id="x",
        aws_secret_access_key="y",
    )
    return call_service(client, name, parameters)


@pytest.mark.starts_moto
@pytest.mark.parametrize("name", CASES)
def test_what_was_there_before_can_be_used_in_every_schedule(name: str) -> None:
    made, use = CASES[name]
    services = MotoServices()
    with mock_aws():
        made_things = [made_by_the_user(*call) for call in made]
        if name == "kms":
            use = "kms.Encrypt", {"KeyId": made_things[0]["KeyMetadata"]["KeyId"], "Plaintext": b"x"}
        services.start()
        try:
            results = []
            for _ in range(3):
                services.restore()
                results.append(services.perform(*use, REGION, ()))
                assert not services.has_created
        finally:
            services.stop()
    assert results[0] == results[1] == results[2]


def test_what_threads_wait_with_is_free_in_a_copy_and_works() -> None:
    condition, shared = threading.Condition(), threading.Lock()
    held = SimpleNamespace(
        condition=condition,
        other=threading.Condition(shared),
        shared=shared,
        event=threading.Event(),
        semaphore=threading.BoundedSemaphore(3),
        queue=queue.Queue(),
        barrier=threading.Barrier(1),
    )
    held.event.set()
    held.queue.put("x")
    with condition, shared:
        state = state_of(held)
        copied = SimpleNamespace(**copy_of(state, held, SimpleNamespace()))
        for one in (copied.condition, copied.other):
            with one:
                one.notify_all()
        with copied.other:
            assert copied.shared.locked()
        assert copied.queue.get(timeout=0) == "x"
        assert copied.event.is_set()
        assert copied.barrier.wait(0) == 0
        assert [copied.semaphore.acquire(blocking=False) for _ in range(4)] == [True, True, True, False]
    assert held.queue.qsize() == 1
    assert held.semaphore.acquire(blocking=False)
