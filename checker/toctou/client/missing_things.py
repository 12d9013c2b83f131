"""Decides what is created when a handler uses something of another AWS service that nobody has created.

In production a deployment has made the bucket or the queue; a model has nothing to say about it.  Only what the call names is
made, and only where nothing but the name is needed: what a secret or a parameter says nobody can guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from toctou.client.service_kinds import split
from toctou.client.service_names import things

Call = tuple[str, Mapping[str, Any]]
"""An action and its parameters."""

_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_MISSING = _NO_QUEUE | {
    "NoSuchBucket",
    "NotFound",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
    "MessageRejected",
}
"""Errors of services that miss what a call names."""

_DELETING = ("Bucket", "Queue", "Topic", "EventBus", "Stream", "DeliveryStream", "LogGroup", "Function", "StateMachine")


def deletes_thing(action: str) -> bool:
    """Whether a call deletes a whole bucket, queue, …"""
    name = split(action)[1]
    return name.startswith("Delete") and name.removeprefix("Delete") in _DELETING


MADE_UP_BUCKET = "toctou-firehose"
"""Where delivery streams deliver to that nobody has created."""

_ROLE = "arn:aws:iam::123456789012:role/toctou"
_ONE_STATE = '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'


def creating(action: str, parameters: Mapping[str, Any], missing: ClientError) -> Sequence[Call]:
    """Calls that create what a call has missed; none if it missed nothing, or nothing that can be made."""
    service, _ = split(action)
    error = missing.response.get("Error", {})
    code = str(error.get("Code", ""))
    if code not in _MISSING or deletes_thing(action):
        return ()
    if service != "sqs" and code in _NO_QUEUE:  # of which the call names nothing: it is subscribed, or a target
        return ()
    make = _MAKE.get(service)
    return () if make is None else make(action, parameters)


def _queue(action: str, parameters: Mapping[str, Any]) -> Sequence[Call]:
    made: list[Call] = []
    for name in things(action, parameters):
        fifo = (
            {"Attributes": {"FifoQueue": "true", "ContentBasedDeduplication": "true"}} if name.endswith(".fifo") else {}
        )
        made.append(("sqs.CreateQueue", {"QueueName": name, **fifo}))
    return made


def _topic(_action: str, parameters: Mapping[str, Any]) -> Sequence[Call]:
    arn = str(parameters.get("TopicArn") or parameters.get("TargetArn") or "")
    if ":endpoint/" in arn or not arn.startswith("arn:"):
        return ()
    name = arn.rpartition(":")[2]
    return [
        ("sns.CreateTopic", {"Name": name, **({"Attributes": {"FifoTopic": "true"}} if name.endswith(".fifo") else {})})
    ]


def _lambda_function(action: str, parameters: Mapping[str, Any]) -> Sequence[Call]:
    role = {"RoleName": "toctou", "AssumeRolePolicyDocument": "{}", "Path": "/"}
    return [("iam.CreateRole", role)] + [
        (
            "lambda.CreateFunction",
            {
                "FunctionName": name,
                "Runtime": "python3.12",
                "Role": _ROLE,
                "Handler": "f.f",
                "Code": {"ZipFile": _EMPTY_ZIP},
            },
        )
        for name in things(action, parameters)
    ]


_EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


def _log_group(action: str, parameters: Mapping[str, Any]) -> Sequence[Call]:
    made: list[Call] = [("logs.CreateLogGroup", {"logGroupName": name}) for name in things(action, parameters)]
    if "logStreamName" in parameters:
        made += [("logs.CreateLogStream", {one: parameters[one] for one in ("logGroupName", "logStreamName")})]
    return made


def _sender(_action: str, parameters: Mapping[str, Any]) -> Sequence[Call]:
    source = str(parameters.get("Source") or parameters.get("FromEmailAddress") or "")
    address = source.rpartition("<")[2].rstrip(">")
    return [("ses.VerifyEmailIdentity", {"EmailAddress": address})] if address else ()


def _delivery_stream(action: str, parameters: Mapping[str, Any]) -> Sequence[Call]:
    bucket = {"RoleARN": _ROLE, "BucketARN": f"arn:aws:s3:::{MADE_UP_BUCKET}"}
    return [("s3.CreateBucket", {"Bucket": MADE_UP_BUCKET})] + [
        ("firehose.CreateDeliveryStream", {"DeliveryStreamName": name, "S3DestinationConfiguration": bucket})
        for name in things(action, parameters)
    ]


def _each(create: str, name: str, **more: Any) -> Callable[[str, Mapping[str, Any]], Sequence[Call]]:
    return lambda action, parameters: [(create, {name: one, **more}) for one in things(action, parameters)]


_MAKE: Mapping[str, Callable[[str, Mapping[str, Any]], Sequence[Call]]] = {
    "events": _each("events.CreateEventBus", "Name"),
    "firehose": _delivery_stream,
    "kinesis": _each("kinesis.CreateStream", "StreamName", ShardCount=1),
    "lambda": _lambda_function,
    "logs": _log_group,
    "s3": _each("s3.CreateBucket", "Bucket"),
    "ses": _sender,
    "sesv2": _sender,
    "sns": _topic,
    "sqs": _queue,
    "stepfunctions": _each("stepfunctions.CreateStateMachine", "name", definition=_ONE_STATE, roleArn=_ROLE),
}
"""What makes the things of a service."""
