"""Which calls to other services do not commute, although their parameters name different things."""

from __future__ import annotations

from typing import Any

import pytest

from toctou.client.service_kinds import Kind, kind_of
from toctou.client.service_names import ServiceCall, footprint
from toctou.history.footprint import dependent

Call = tuple[str, dict[str, Any]]
REGION = "eu-central-1"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:works"
EVENT = {"Source": "s", "DetailType": "d", "Detail": "{}"}
SENT: Call = "events.PutEvents", {"Entries": [EVENT]}
SENT_TO_ORDERS: Call = "events.PutEvents", {"Entries": [{**EVENT, "EventBusName": "orders"}]}


def conflicting(one: Call, other: Call, *, refused: bool = False) -> bool:
    """Whether two calls of clients in one region conflict."""
    (action, given), (other_action, other_given) = one, other
    return dependent(
        footprint(ServiceCall(action, REGION), given, failed=False),
        footprint(ServiceCall(other_action, REGION), other_given, failed=refused),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("events.RemoveTargets", {"Rule": "r", "Ids": ["1"]}), SENT),
        (("events.DisableRule", {"Name": "r", "EventBusName": "orders"}), SENT_TO_ORDERS),
        (
            ("cognito-idp.SignUp", {"ClientId": "c", "Username": "u", "Password": "p"}),
            ("cognito-idp.AdminGetUser", {"UserPoolId": "p", "Username": "u"}),
        ),
        (("kms.DisableKey", {"KeyId": "1234"}), ("kms.Encrypt", {"KeyId": "alias/mine", "Plaintext": b"x"})),
    ],
    ids=["targets", "rule", "pool", "key"],
)
def test_calls_on_one_thing_by_two_names_conflict(one: Call, other: Call) -> None:
    assert conflicting(one, other)
    assert conflicting(other, one)


def test_rules_of_another_bus_do_not_conflict() -> None:
    assert not conflicting(("events.DisableRule", {"Name": "r", "EventBusName": "orders"}), SENT)


def test_of_two_executions_of_one_name_the_order_matters() -> None:
    first, second = (
        ("stepfunctions.StartExecution", {"stateMachineArn": MACHINE, "name": "o1", "input": one}) for one in "12"
    )
    assert conflicting(first, second, refused=True)
    unnamed: Call = "stepfunctions.StartExecution", {"stateMachineArn": MACHINE, "input": "1"}
    assert not conflicting(unnamed, unnamed)


ACCOUNT = "eu-central-1:123456789012"
SCHEDULE = {"Name": "s", "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {}}
SPELLINGS: list[tuple[Call, Call]] = [
    (("scheduler.GetSchedule", {"Name": "s", "GroupName": "default"}), ("scheduler.CreateSchedule", SCHEDULE)),
    (("scheduler.DeleteScheduleGroup", {"Name": "g"}), ("scheduler.CreateSchedule", {**SCHEDULE, "GroupName": "g"})),
    (("scheduler.ListSchedules", {}), ("scheduler.CreateSchedule", {**SCHEDULE, "GroupName": "g"})),
    (
        ("secretsmanager.GetSecretValue", {"SecretId": f"arn:aws:secretsmanager:{ACCOUNT}:secret:my-secret"}),
        ("secretsmanager.PutSecretValue", {"SecretId": "my-secret", "SecretString": "x"}),
    ),
    (
        ("secretsmanager.GetSecretValue", {"SecretId": f"arn:aws:secretsmanager:{ACCOUNT}:secret:my-secret-Ab1Cd2"}),
        ("secretsmanager.PutSecretValue", {"SecretId": "my-secret", "SecretString": "x"}),
    ),
    *(
        (("ssm.GetParameter", {"Name": one}), ("ssm.PutParameter", {"Name": other, "Value": "1"}))
        for one, other in [
            (f"arn:aws:ssm:{ACCOUNT}:parameter/n", "n"),
            (f"arn:aws:ssm:{ACCOUNT}:parameter/n", "/n"),
            (f"arn:aws:ssm:{ACCOUNT}:parameter/a/b", "/a/b"),
            ("/a/b:3", "/a/b"),
            (f"arn:aws:ssm:{ACCOUNT}:parameter/a/b:live", "/a/b"),
        ]
    ),
    *(
        (
            ("lambda.GetFunctionConfiguration", {"FunctionName": one}),
            ("lambda.UpdateFunctionConfiguration", {"FunctionName": "f"}),
        )
        for one in (
            "f:live",
            f"arn:aws:lambda:{ACCOUNT}:function:f",
            f"arn:aws:lambda:{ACCOUNT}:function:f:live",
            "123456789012:function:f",
        )
    ),
    *(
        (
            ("stepfunctions.DescribeStateMachine", {"stateMachineArn": f"arn:aws:states:{ACCOUNT}:stateMachine:m{one}"}),
            ("stepfunctions.UpdateStateMachine", {"stateMachineArn": f"arn:aws:states:{ACCOUNT}:stateMachine:m"}),
        )
        for one in (":2", ":live", "/label")
    ),
    (
        ("logs.ListTagsLogGroup", {"logGroupName": "/a/b"}),
        ("logs.PutRetentionPolicy", {"logGroupIdentifier": f"arn:aws:logs:{ACCOUNT}:log-group:/a/b:*"}),
    ),
    (
        ("s3.GetObject", {"Bucket": f"arn:aws:s3:{ACCOUNT}:accesspoint/docs-reader", "Key": "k"}),
        ("s3.PutObject", {"Bucket": "docs", "Key": "k", "Body": b""}),
    ),
    (
        ("s3.CopyObject", {"Bucket": "other", "Key": "k", "CopySource": "docs/a%20b%3F"}),
        ("s3.PutObject", {"Bucket": "docs", "Key": "a b?", "Body": b""}),
    ),
    (
        ("sns.GetTopicAttributes", {"TopicArn": f"arn:aws:sns:{ACCOUNT}:t"}),
        ("sns.CreateTopic", {"Name": "t"}),
    ),
    (
        ("kinesis.DescribeStreamSummary", {"StreamARN": f"arn:aws:kinesis:{ACCOUNT}:stream/s"}),
        ("kinesis.DeleteStream", {"StreamName": "s"}),
    ),
    (
        ("sqs.GetQueueUrl", {"QueueName": "q"}),
        ("sqs.DeleteQueue", {"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/123456789012/q"}),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("reading", "writing"), SPELLINGS, ids=lambda call: f"{call[0]} {[*call[1].values()][:1]}")
def test_a_thing_is_the_same_however_it_is_spelt(reading: Call, writing: Call) -> None:
    assert conflicting(reading, writing)
    assert conflicting(writing, reading)


def test_other_things_do_not_conflict() -> None:
    for action, others in [
        (
            "ssm.PutParameter",
            [{"Name": "/a/b", "Value": "1"}, {"Name": f"arn:aws:ssm:{ACCOUNT}:parameter/b", "Value": "1"}],
        ),
        ("scheduler.CreateSchedule", [SCHEDULE, {**SCHEDULE, "GroupName": "g"}]),
        ("lambda.UpdateFunctionConfiguration", [{"FunctionName": "f:live"}, {"FunctionName": "live"}]),
    ]:
        one, other = others
        assert not conflicting((action, one), (action, other))


@pytest.mark.parametrize(
    "call",
    [
        ("cognito-idp.AdminGetUser", {}), ("cognito-idp.AdminListGroupsForUser", {}), ("translate.TranslateText", {}),
        ("bedrock-runtime.Converse", {}), ("bedrock-runtime.InvokeModel", {}), ("rekognition.CompareFaces", {}),
        ("polly.SynthesizeSpeech", {}), ("textract.AnalyzeDocument", {}), ("kms.GenerateMac", {}),
        ("kms.GenerateRandom", {}), ("comprehend.BatchDetectSentiment", {}), ("verifiedpermissions.IsAuthorized", {}),
    ],
)  # fmt: skip
def test_what_only_reads_or_calculates(call: Call) -> None:
    assert kind_of(*call) is Kind.READS
    assert not footprint(*call, failed=False).writes


@pytest.mark.parametrize(
    "call",
    [
        ("cognito-idp.InitiateAuth", {}), ("cognito-idp.AdminRespondToAuthChallenge", {}), ("sts.AssumeRole", {}),
        ("appconfigdata.StartConfigurationSession", {}), ("rds-data.ExecuteStatement", {"sql": " SELECT 1"}),
    ],
)  # fmt: skip
def test_what_makes_something_for_its_caller_alone(call: Call) -> None:
    assert kind_of(*call) is Kind.OPENS
    assert not footprint(*call, failed=False).writes


@pytest.mark.parametrize(
    "call",
    [
        ("rds-data.ExecuteStatement", {"sql": "UPDATE t SET n = 1"}), ("bedrock-runtime.StartAsyncInvoke", {}),
        ("cognito-idp.AdminUserGlobalSignOut", {}), ("cognito-idp.SignUp", {}), ("kms.ScheduleKeyDeletion", {}),
        ("kms.CreateGrant", {}), ("textract.StartDocumentAnalysis", {}), ("sqs.ReceiveMessage", {}),
        ("sagemaker-runtime.InvokeEndpointAsync", {}), ("ses.VerifyEmailIdentity", {}), ("acm.IssueCertificate", {}),
    ],
)  # fmt: skip
def test_what_has_an_effect(call: Call) -> None:
    assert kind_of(*call) is Kind.WRITES


def test_parts_of_an_upload_commute_with_each_other_and_with_the_object() -> None:
    upload = {"Bucket": "docs", "Key": "k", "UploadId": "u"}
    first, second = (("s3.UploadPart", {**upload, "PartNumber": n, "Body": b""}) for n in (1, 2))
    complete: Call = "s3.CompleteMultipartUpload", upload
    read: Call = "s3.GetObject", {"Bucket": "docs", "Key": "k"}
    assert not conflicting(first, second)
    assert not conflicting(first, read)
    assert conflicting(first, first)
    assert conflicting(first, complete)
    assert conflicting(complete, read)
    assert not conflicting(("s3.CreateMultipartUpload", {"Bucket": "docs", "Key": "k"}), read)
