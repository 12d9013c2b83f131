"""Decides what a call to another AWS service does: whether it reads, sends, or writes, and whether anybody minds what it leaves.

Where nothing is known of an action it writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a call does to the thing that it is about."""

    READS = "reads"
    SENDS = "sends"
    """It adds something to what others add, in no particular order."""
    OBSERVES = "observes"
    """Metrics, logs and traces: nobody minds what a rejected request has left there."""
    OPENS = "opens"
    """It begins a session or makes a token, which only its caller uses: it reads, and nobody minds what is left."""
    WRITES = "writes"


_READING = re.compile(
    "(Admin|Batch)?(Get|Describe|List|Head|Lookup|Search|Scan|Select|Query|Filter|Test|Validate|Estimate|Simulate|Check|Decode"
    "|Detect|Preview|Analyze|Calculate|Classify|Compare|Converse|Count|Evaluate|Geocode|Infer|Introspect|Is|Predict|Rerank"
    "|Suggest|Synthesize|Translate)(?![a-z])"
)
"""How the names of actions begin that change nothing.  botocore marks a tenth of all actions as reading, and some wrongly."""

_CALCULATING = re.compile(
    r"bedrock-runtime\.(?!Start)|payment-cryptography-data\.|sagemaker-runtime\.InvokeEndpoint(?!Async)"
    r"|kms\.(Encrypt|Decrypt|ReEncrypt|Sign|Verify|Generate|DeriveSharedSecret)"
    r"|(bedrock-agent-runtime|bedrock-agentcore|kendra|qconnect)\.Retrieve|bedrock-agent-runtime\.(GenerateQuery|OptimizePrompt)"
    r"|location\.VerifyDevicePosition|rekognition\.Recognize"
)
"""Calls that change nothing in spite of their names."""

_OPENING = re.compile(
    r"cognito-idp\.(Admin)?(InitiateAuth|RespondToAuthChallenge)$|sts\.Assume|appconfigdata\.StartConfigurationSession|logs\.StartQuery"
)
"""Calls that make something which only their caller uses."""

_SQL = {"rds-data": "sql", "redshift-data": "Sql", "athena": "QueryString"}
"""Which parameter is a statement, by service."""

_ASKING = re.compile(r"\s*(select|show|describe|explain)\b", re.IGNORECASE)
"""How a statement begins that changes nothing."""

_KINDS: Mapping[str, Kind] = {
    "cloudwatch.PutMetricData": Kind.OBSERVES,
    "events.PutEvents": Kind.SENDS,
    "firehose.PutRecord": Kind.SENDS,
    "firehose.PutRecordBatch": Kind.SENDS,
    "lambda.Invoke": Kind.SENDS,
    "lambda.InvokeAsync": Kind.SENDS,
    "logs.CreateLogGroup": Kind.OBSERVES,
    "logs.CreateLogStream": Kind.OBSERVES,
    "logs.PutLogEvents": Kind.OBSERVES,
    "pinpoint.SendMessages": Kind.SENDS,
    "ses.SendEmail": Kind.SENDS,
    "ses.SendRawEmail": Kind.SENDS,
    "ses.SendTemplatedEmail": Kind.SENDS,
    "sesv2.SendEmail": Kind.SENDS,
    "sns.Publish": Kind.SENDS,
    "sns.PublishBatch": Kind.SENDS,
    "sqs.SendMessage": Kind.SENDS,
    "sqs.SendMessageBatch": Kind.SENDS,
    "stepfunctions.StartExecution": Kind.SENDS,
    "xray.PutTelemetryRecords": Kind.OBSERVES,
    "xray.PutTraceSegments": Kind.OBSERVES,
}

SHOWN = frozenset({"sqs", "s3", "ssm", "secretsmanager"})
"""Services of which moto is asked what is stored."""

_SHOWN_WHOLLY = frozenset({
    "s3.PutObject", "s3.CopyObject", "s3.DeleteObject", "s3.DeleteObjects", "s3.PutObjectTagging", "s3.DeleteObjectTagging",
    "s3.CreateMultipartUpload", "s3.UploadPart", "s3.UploadPartCopy", "s3.CompleteMultipartUpload", "s3.AbortMultipartUpload",
    "sqs.SendMessage", "sqs.SendMessageBatch", "sqs.ReceiveMessage", "sqs.DeleteMessage", "sqs.DeleteMessageBatch",
    "sqs.ChangeMessageVisibility", "sqs.ChangeMessageVisibilityBatch", "sqs.PurgeQueue",
    "ssm.PutParameter", "ssm.DeleteParameter", "ssm.DeleteParameters", "ssm.LabelParameterVersion",
    "ssm.UnlabelParameterVersion",
    "secretsmanager.CreateSecret", "secretsmanager.PutSecretValue", "secretsmanager.UpdateSecret",
    "secretsmanager.DeleteSecret", "secretsmanager.RestoreSecret", "secretsmanager.UpdateSecretVersionStage",
})  # fmt: skip
"""Calls to these of which all that matters shows there; parts of an object are none until they are put together."""


def shows_wholly(action: str, parameters: Mapping[str, Any]) -> bool:
    """Whether what a call has done shows in what is stored, if moto is asked for that."""
    return action in _SHOWN_WHOLLY and "VersionId" not in parameters  # of an object only the last version is shown


UNHEEDED = frozenset({"cloudwatch", "logs", "xray"})
"""Services of metrics, logs and traces: what is left there is no effect."""


def split(action: str) -> tuple[str, str]:
    """Service and API name: ``sqs.SendMessage``."""
    service, _, name = action.partition(".")
    return service, name


def kind_of(action: str, parameters: Mapping[str, Any]) -> Kind:
    """What a call does."""
    known = _KINDS.get(action)
    if action == "stepfunctions.StartExecution" and "name" in parameters:
        return Kind.WRITES  # of two of one name, the second is refused
    if known is Kind.SENDS and str(parameters.get("QueueUrl", parameters.get("TopicArn", ""))).endswith(".fifo"):
        return Kind.WRITES  # the order is what such a queue is for
    if known is not None:
        return known
    service, name = split(action)
    if _READING.match(name) or _CALCULATING.match(action):
        return Kind.READS
    opens = _OPENING.match(action) or _ASKING.match(str(parameters.get(_SQL.get(service, ""), "")))
    return Kind.OPENS if opens else Kind.WRITES
