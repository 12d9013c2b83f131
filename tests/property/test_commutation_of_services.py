"""Two calls to other AWS services whose footprints do not conflict commute: same answers, same contents, same footprints.

As for DynamoDB (``test_commutation.py``), with moto as what performs them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toctou.client.other_services import OtherServices
from toctou.history.footprint import Footprint, dependent
from toctou.history.wording import changed_attributes

SERVICES = ("sqs", "s3", "sns", "ssm", "secretsmanager", "events", "scheduler", "kinesis")

Call = tuple[str, dict[str, Any]]
Draw = Callable[[int], int]


class Done(NamedTuple):
    """What came of one call."""

    answer: Any
    changed: list[Any]
    footprint: Footprint


def _queue(draw: Draw) -> str:
    return f"https://sqs.us-east-1.amazonaws.com/123456789012/{('jobs', 'mails', 'jobs.fifo')[draw(3)]}"


def _object(draw: Draw) -> dict[str, Any]:
    return {"Bucket": ("docs", "images")[draw(2)], "Key": "ab"[draw(2)]}


def _sends(draw: Draw) -> Call:
    url = _queue(draw)
    group = {"MessageGroupId": "g", "MessageDeduplicationId": "abc"[draw(3)]} if url.endswith(".fifo") else {}
    return "sqs.SendMessage", {"QueueUrl": url, "MessageBody": "xy"[draw(2)], **group}


TOPIC = "arn:aws:sns:us-east-1:123456789012:told"
CALLS: list[Callable[[Draw], Call]] = [
    _sends,
    _sends,
    lambda draw: ("sqs.ReceiveMessage", {"QueueUrl": _queue(draw), "MaxNumberOfMessages": 1 + draw(2)}),
    lambda draw: ("sqs.GetQueueAttributes", {"QueueUrl": _queue(draw), "AttributeNames": ["All"]}),
    lambda draw: ("sqs.PurgeQueue", {"QueueUrl": _queue(draw)}),
    lambda _: ("sqs.ListQueues", {}),
    lambda draw: ("sqs.DeleteQueue", {"QueueUrl": _queue(draw)}),
    lambda draw: ("s3.PutObject", {**_object(draw), "Body": (b"1", b"2")[draw(2)]}),
    lambda draw: ("s3.PutObject", {**_object(draw), "Body": b"3", "IfNoneMatch": "*"}),
    lambda draw: ("s3.GetObject", _object(draw)),
    lambda draw: ("s3.HeadObject", _object(draw)),
    lambda draw: ("s3.DeleteObject", _object(draw)),
    lambda draw: ("s3.CopyObject", {**_object(draw), "CopySource": "docs/a"}),
    lambda draw: ("s3.CreateMultipartUpload", _object(draw)),
    lambda draw: ("s3.ListObjectsV2", {"Bucket": ("docs", "images")[draw(2)]}),
    lambda draw: ("s3.DeleteObjects", {"Bucket": "docs", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}]}}),
    lambda draw: ("sns.Publish", {"TopicArn": TOPIC, "Message": "xy"[draw(2)]}),
    lambda draw: ("sns.Publish", {"TopicArn": TOPIC, "Message": "xy"[draw(2)]}),
    lambda _: (
        "sns.Subscribe",
        {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:123456789012:mails"},
    ),
    lambda draw: (
        "ssm.PutParameter",
        {"Name": f"/{'ab'[draw(2)]}", "Value": "12"[draw(2)], "Type": "String", "Overwrite": True},
    ),
    lambda draw: ("ssm.GetParameter", {"Name": f"/{'ab'[draw(2)]}"}),
    lambda draw: ("ssm.GetParameter", {"Name": f"arn:aws:ssm:us-east-1:123456789012:parameter/{'ab'[draw(2)]}"}),
    lambda draw: ("secretsmanager.PutSecretValue", {"SecretId": "s", "SecretString": "12"[draw(2)]}),
    lambda draw: ("secretsmanager.GetSecretValue", {"SecretId": "st"[draw(2)]}),
    lambda _: ("secretsmanager.GetSecretValue", {"SecretId": "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"}),
    lambda draw: (
        "events.PutEvents",
        {"Entries": [{"Source": "s", "DetailType": "d", "Detail": ('{"n": 1}', '{"n": 2}')[draw(2)]}]},
    ),
    lambda draw: (
        "scheduler.CreateSchedule",
        {
            "Name": "ab"[draw(2)],
            "ScheduleExpression": "rate(1 day)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:jobs", "RoleArn": "arn:aws:iam::123456789012:role/r"},
        },
    ),
    lambda draw: ("scheduler.GetSchedule", {"Name": "ab"[draw(2)], "GroupName": "default"}),
    lambda draw: ("scheduler.DeleteSchedule", {"Name": "ab"[draw(2)]}),
    lambda draw: ("scheduler.GetSchedule", {"Name": "ab"[draw(2)], **({"GroupName": "default"} if draw(2) else {})}),
    lambda draw: ("sqs.SetQueueAttributes", {"QueueUrl": _queue(draw), "Attributes": {"DelaySeconds": "12"[draw(2)]}}),
    lambda draw: ("sqs.TagQueue", {"QueueUrl": _queue(draw), "Tags": {"ab"[draw(2)]: "1"}}),
    lambda draw: ("sqs.UntagQueue", {"QueueUrl": _queue(draw), "TagKeys": ["ab"[draw(2)]]}),
    lambda draw: ("sqs.CreateQueue", {"QueueName": ("jobs", "others")[draw(2)]}),
    lambda draw: (
        "s3.PutObjectTagging",
        {**_object(draw), "Tagging": {"TagSet": [{"Key": "k", "Value": "12"[draw(2)]}]}},
    ),
    lambda draw: ("s3.GetObjectTagging", _object(draw)),
    lambda draw: ("s3.PutObjectAcl", {**_object(draw), "ACL": ("private", "public-read")[draw(2)]}),
    lambda draw: (
        "s3.PutBucketTagging",
        {"Bucket": "docs", "Tagging": {"TagSet": [{"Key": "k", "Value": "12"[draw(2)]}]}},
    ),
    lambda draw: ("events.PutRule", {"Name": "ab"[draw(2)], "ScheduleExpression": "rate(1 day)"}),
    lambda draw: ("events.DeleteRule", {"Name": "ab"[draw(2)]}),
    lambda draw: ("sns.CreateTopic", {"Name": ("told", "others")[draw(2)]}),
    lambda draw: ("kinesis.PutRecord", {"StreamName": "st"[draw(2)], "Data": b"x", "PartitionKey": "p"}),
    lambda draw: ("kinesis.DescribeStream", {"StreamName": "s"}),
]

BEGIN: list[Call] = [
    ("sqs.CreateQueue", {"QueueName": "jobs"}),
    ("sns.CreateTopic", {"Name": "told"}),
    ("sns.Subscribe", {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:123456789012:jobs"}),
    ("secretsmanager.CreateSecret", {"Name": "s", "SecretString": "0"}),
    ("s3.CreateBucket", {"Bucket": "docs"}),
]


def drawn(draw: Draw) -> Call:
    return CALLS[draw(len(CALLS))](draw)


def performed(services: OtherServices, call: Call) -> Done:
    done = services.performed(*call)
    answer = done.result if done.error is None else (done.error.code, done.error.message, done.error.fields)
    changed = [
        (one.item, name, "more" if name in done.footprint.increments.get(one.item, ()) else (one.before, one.after))
        for one in done.changes
        for name in changed_attributes(one)
    ]
    return Done(answer, changed, done.footprint)


def independent(services: OtherServices, stored: list[Call], first: Call, second: Call) -> bool:
    """Perform both in both orders; where they are independent, nothing may differ."""
    with services.setup():
        for call in [*BEGIN, *stored]:
            services.performed(*call)
    one = performed(services, first)
    two_after = performed(services, second)
    then = services.stored()
    services.restore()
    two = performed(services, second)
    one_after = performed(services, first)
    claims = [(one, two), (one, two_after), (two, one_after)]
    if all(dependent(left.footprint, right.footprint) for left, right in claims):
        return False
    assert services.stored() == then
    assert one[:2] == one_after[:2], "the first comes out otherwise when it comes second"
    assert two[:2] == two_after[:2], "the second comes out otherwise when it comes first"
    assert one.footprint == one_after.footprint, "the first touches something else when it comes second"
    assert two.footprint == two_after.footprint, "the second touches something else when it comes first"
    return True


def crowd(draw: Draw) -> tuple[list[Call], Call, Call]:
    stored, first = [drawn(draw) for _ in range(draw(4))], drawn(draw)
    return stored, first, drawn(draw) if draw(4) else first


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_independent_calls_commute(seed: int) -> None:
    services = OtherServices(SERVICES, {})
    services.open()
    try:
        independent(services, *crowd(random.Random(seed).randrange))
    finally:
        services.close()


def test_many_calls_are_independent() -> None:
    """The property would also hold if everything depended on everything."""
    services = OtherServices(SERVICES, {})
    services.open()
    try:
        commuting = sum(independent(services, *crowd(random.Random(seed).randrange)) for seed in range(60))
    finally:
        services.close()
    assert commuting > 30, commuting


if __name__ == "__main__":
    # By hand: so many pairs, from this seed on.
    _count, _seed = map(int, sys.argv[1:])
    _services = OtherServices(SERVICES, {})
    _services.open()
    _found = 0
    for _number in range(_seed, _seed + _count):
        _crowded = crowd(random.Random(_number).randrange)
        try:
            _found += independent(_services, *_crowded)
        except Exception as _fault:
            print(_number, str(_fault)[:1500], *map(str, _crowded[1:]), str(_crowded[0])[:600], sep="\n  ")
    print(f"{_count} pairs, {_found} of them independent")
