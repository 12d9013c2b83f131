"""What calls to other services leave: which add one more, which replace what stands, and which undo what."""

from __future__ import annotations

from typing import Any

import pytest

from toctou.client.service_effects import Left, noted
from toctou.client.service_names import ServiceCall, contents, things
from toctou.history.item import PLACES, TIMES, ItemId, plain

Call = tuple[str, dict[str, Any], dict[str, Any]]
"""An action, its parameters, and its result."""


def left_by(*calls: Call, performed: bool = False) -> list[dict[str, Any]]:
    """What is stored after some calls."""
    left: dict[ItemId, Left] = {}
    for call, parameters, result in calls:
        table = contents(call.partition(".")[0], ",".join(things(call, parameters)))
        left = noted(left, table, ServiceCall(call), parameters, result, performed=performed)
    return [plain(one.image) for _, one in sorted(left.items())]


ADDING: list[Call] = [
    (
        "kinesis.PutRecord",
        {"StreamName": "s", "Data": b"x", "PartitionKey": "p"},
        {"ShardId": "1", "SequenceNumber": "2"},
    ),
    ("glue.StartJobRun", {"JobName": "invoice"}, {"JobRunId": "jr"}),
    ("mediaconvert.CreateJob", {"Role": "r", "Settings": {}}, {"Job": {"Id": "1"}}),
    ("ecs.RunTask", {"cluster": "c", "taskDefinition": "t"}, {"tasks": [{"taskArn": "a"}]}),
    ("ssm.SendCommand", {"DocumentName": "d", "InstanceIds": ["i"]}, {"Command": {"CommandId": "c"}}),
    ("codebuild.StartBuild", {"projectName": "p"}, {"build": {"id": "b"}}),
    ("athena.StartQueryExecution", {"QueryString": "q"}, {"QueryExecutionId": "q"}),
    ("codepipeline.StartPipelineExecution", {"name": "p"}, {"pipelineExecutionId": "e"}),
    ("batch.SubmitJob", {"jobName": "n", "jobQueue": "q", "jobDefinition": "d"}, {"jobId": "j"}),
    ("cognito-idp.CreateUserPool", {"PoolName": "p"}, {"UserPool": {"Id": "u"}}),
    ("polly.StartSpeechSynthesisTask", {"Text": "x", "OutputS3BucketName": "b"}, {"SynthesisTask": {"TaskId": "t"}}),
]

PAIRS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("events.PutRule", {"Name": "r"}, {"ScheduleExpression": "rate(1 hour)"}, {"RoleArn": "arn:aws:iam::1:role/r"}),
    ("cloudwatch.PutMetricAlarm", {"AlarmName": "a"}, {"Threshold": 1.0}, {"Threshold": 2.0}),
    ("lambda.PutFunctionConcurrency", {"FunctionName": "f"}, {"ReservedConcurrentExecutions": 1},
     {"ReservedConcurrentExecutions": 2}),
    ("scheduler.CreateSchedule", {"Name": "s"}, {"ScheduleExpression": "rate(1 hour)"}, {"ScheduleExpression": "rate(2 hours)"}),
    ("logs.PutRetentionPolicy", {"logGroupName": "g"}, {"retentionInDays": 1}, {"retentionInDays": 7}),
    ("iam.PutRolePolicy", {"RoleName": "r", "PolicyName": "p"}, {"PolicyDocument": "{}"}, {"PolicyDocument": "[]"}),
    ("s3.PutBucketPolicy", {"Bucket": "b"}, {"Policy": "{}"}, {"Policy": "[]"}),
    ("secretsmanager.PutSecretValue", {"SecretId": "s"}, {"SecretString": "1"}, {"SecretString": "2"}),
]  # fmt: skip


@pytest.mark.parametrize("call", ADDING, ids=lambda call: call[0])
def test_equal_calls_add_up_where_the_service_names_what_it_makes(call: Call) -> None:
    assert [one[TIMES] for one in left_by(call, call)] == [2]


@pytest.mark.parametrize(("action", "names", "first", "second"), PAIRS, ids=[one[0] for one in PAIRS])
def test_the_last_call_stands_where_it_names_what_it_makes(
    action: str, names: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    one, other = (action, {**names, **first}, {}), (action, {**names, **second}, {})
    assert left_by(one, one) == left_by(one)
    assert left_by(one, other) == left_by(other) != left_by(one)


def test_updates_of_different_attributes_come_to_the_same_in_any_order() -> None:
    calls: list[Call] = [
        ("lambda.UpdateFunctionConfiguration", {"FunctionName": "f", **one}, {})
        for one in ({"Timeout": 3}, {"MemorySize": 9})
    ]
    assert left_by(*calls) == left_by(*reversed(calls))
    assert left_by(*calls) != left_by(calls[1])


USER = {"UserPoolId": "p", "Username": "u"}
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
TARGET = {"Id": "t", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}
UNDONE: list[tuple[Call, Call]] = [
    (("cognito-idp.AdminAddUserToGroup", {**USER, "GroupName": "g"}, {}),
     ("cognito-idp.AdminRemoveUserFromGroup", {**USER, "GroupName": "g"}, {})),
    (("cognito-idp.AdminCreateUser", USER, {"User": {"Username": "u"}}), ("cognito-idp.AdminDeleteUser", USER, {})),
    (("events.PutRule", {"Name": "r", "RoleArn": "a"}, {"RuleArn": "x"}), ("events.DeleteRule", {"Name": "r"}, {})),
    (("events.PutTargets", {"Rule": "r", "Targets": [TARGET]}, {}), ("events.RemoveTargets", {"Rule": "r", "Ids": ["t"]}, {})),
    (("scheduler.CreateSchedule", {"Name": "s", "GroupName": "default"}, {}), ("scheduler.DeleteSchedule", {"Name": "s"}, {})),
    (("scheduler.CreateSchedule", {"Name": "s"}, {}), ("scheduler.DeleteSchedule", {"Name": "s", "GroupName": "default"}, {})),
    (("stepfunctions.StartExecution", {"stateMachineArn": MACHINE, "name": "n"}, {"executionArn": "e"}),
     ("stepfunctions.StopExecution", {"executionArn": "e", "cause": "lost"}, {})),
    (("sns.Subscribe", {"TopicArn": "t", "Protocol": "sms"}, {"SubscriptionArn": "t:1"}),
     ("sns.Unsubscribe", {"SubscriptionArn": "t:1"}, {})),
    (("sns.CreateTopic", {"Name": "t"}, {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t"}),
     ("sns.DeleteTopic", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t"}, {})),
    (("ecs.RunTask", {"taskDefinition": "t"}, {"tasks": [{"taskArn": "a"}]}), ("ecs.StopTask", {"task": "a"}, {})),
    (("iam.AttachRolePolicy", {"RoleName": "r", "PolicyArn": "p"}, {}),
     ("iam.DetachRolePolicy", {"RoleName": "r", "PolicyArn": "p"}, {})),
    (("lambda.TagResource", {"Resource": "f", "Tags": {"a": "1"}}, {}),
     ("lambda.UntagResource", {"Resource": "f", "TagKeys": ["a"]}, {})),
    (("cloudwatch.PutMetricAlarm", {"AlarmName": "a"}, {}), ("cloudwatch.DeleteAlarms", {"AlarmNames": ["a"]}, {})),
]  # fmt: skip


@pytest.mark.parametrize(("done", "undoing"), UNDONE, ids=lambda call: call[0])
def test_the_opposite_undoes(done: Call, undoing: Call) -> None:
    assert left_by(done)
    assert left_by(done, undoing) == []


@pytest.mark.parametrize(
    ("done", "other"),
    [
        (UNDONE[0][0], ("cognito-idp.AdminRemoveUserFromGroup", {**USER, "GroupName": "h"}, {})),
        (UNDONE[2][0], ("events.DeleteRule", {"Name": "another"}, {})),
        (UNDONE[3][0], ("events.RemoveTargets", {"Rule": "r", "Ids": ["another"]}, {})),
        (UNDONE[6][0], ("stepfunctions.StopExecution", {"executionArn": "another"}, {})),
        (("iam.CreatePolicy", {"PolicyName": "n"}, {"Policy": {"Arn": "p"}}),
         ("iam.DetachRolePolicy", {"RoleName": "r", "PolicyArn": "p"}, {})),
        (("sqs.CreateQueue", {"QueueName": "q"}, {}), ("sqs.UntagQueue", {"QueueUrl": "https://x/1/q", "TagKeys": ["a"]}, {})),
    ],
    ids=lambda call: call[0],
)  # fmt: skip
def test_the_opposite_of_another_thing_undoes_nothing(done: Call, other: Call) -> None:
    assert left_by(done)[0] in left_by(done, other)


def test_one_of_several_is_undone() -> None:
    runs: list[Call] = [("glue.StartJobRun", {"JobName": "j"}, {"JobRunId": one}) for one in ("1", "2")]
    stop: Call = "glue.BatchStopJobRun", {"JobName": "j", "JobRunIds": ["1"]}, {}
    assert left_by(*runs, stop) == left_by(runs[1])


def test_what_the_service_calls_the_same_is_there_once() -> None:
    subscribe = UNDONE[7][0]
    assert left_by(subscribe, subscribe, performed=True) == left_by(subscribe)


def test_the_order_of_a_partition_is_kept() -> None:
    one, other, elsewhere = (
        ("kinesis.PutRecord", {"StreamName": "s", "Data": data, "PartitionKey": key}, {})
        for data, key in ("1p", "2p", "3q")
    )
    assert left_by(one, other) != left_by(other, one)
    assert left_by(one, elsewhere) == left_by(elsewhere, one)
    assert left_by(one, other, one)[0][PLACES] == ["p 1", "p 3"]
