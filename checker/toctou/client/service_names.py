"""Decides what a call to another AWS service is about, and which of two such calls commute.

A call names a *thing* in its parameters: a queue, a bucket, a topic, an event bus.  What is in a thing has names of its own (an
object by its key, a message by its contents), so that calls to different things commute, and so do calls that only read, and
messages that are sent to one place in no particular order.  Where nothing is known of an action it is about the whole thing, and
where no parameter names a thing, about the whole service: one order more, and never one less.

Contents are named like items of DynamoDB, in a table that no model can declare because its name has a colon (``sqs:orders``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any

from botocore.session import Session

from toctou.history.footprint import ALL, EXISTENCE, Attributes, Footprint, KeyRange
from toctou.history.item import TIMES, Change, Image, ItemId, typed_value

_WHOLE: Attributes = frozenset({ALL, EXISTENCE})
_EXISTS: Attributes = frozenset({EXISTENCE})
_CONTENTS: Attributes = frozenset({"contents"})
_LONGEST = 200


class Kind(Enum):
    """What a call does to the thing that it is about."""

    READS = "reads"
    SENDS = "sends"
    """It adds something to what others add, in no particular order."""
    OBSERVES = "observes"
    """Metrics, logs and traces: nobody minds what a rejected request has left there."""
    WRITES = "writes"


_READING = re.compile(
    "(Get|Describe|List|Head|BatchGet|Lookup|Search|Scan|Select|Query|Filter|Test|Validate|Estimate|Simulate|Check|Decode|Detect"
    "|Preview)[A-Z]"
)
"""How the names of actions begin that change nothing."""

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

_CALCULATED = frozenset({"kms.Encrypt", "kms.Decrypt", "kms.GenerateDataKey", "kms.GenerateDataKeyWithoutPlaintext", "kms.Sign",
                         "kms.Verify", "kms.ReEncrypt", "sts.AssumeRole", "sts.AssumeRoleWithWebIdentity"})  # fmt: skip
"""Calls that change nothing in spite of their names."""

_NAMING: Mapping[str, Sequence[str]] = {
    "cloudwatch": ("Namespace",),
    "cognito-idp": ("UserPoolId",),
    "events": ("EventBusName", "Name"),
    "firehose": ("DeliveryStreamName",),
    "kinesis": ("StreamName", "StreamARN"),
    "lambda": ("FunctionName",),
    "logs": ("logGroupName", "logGroupIdentifier"),
    "s3": ("Bucket",),
    "scheduler": ("GroupName",),
    "secretsmanager": ("SecretId", "Name"),
    "sns": ("TopicArn", "TargetArn", "Name", "PhoneNumber"),
    "sqs": ("QueueUrl", "QueueName"),
    "ssm": ("Name",),
    "stepfunctions": ("stateMachineArn", "name"),
}
"""Parameters that name the thing, by service; none where one thing has several names, such as a key and its aliases."""

_OF_A_GROUP = re.compile("(Create|Get|Update|Delete)Schedule$")
"""Actions on a schedule, which is in the group ``default`` if none is named."""

_OF_A_BUS = re.compile("(Rules?|Targets)$")
"""How the names of actions end that are about the rules of an event bus."""

THINGS_ARE_CONTENTS: Mapping[str, str] = {"secretsmanager": "secrets", "ssm": "parameters"}
"""Services whose things have no contents but one value, and what these are called."""


class ServiceCall(str):
    """A service and an action of it (``sqs.SendMessage``), in the region of a client."""

    __slots__ = ("region",)
    region: str

    def __new__(cls, text: str, region: str = "us-east-1") -> ServiceCall:
        """The call of a client in a region."""
        made = super().__new__(cls, text)
        made.region = region
        return made

    def __reduce__(self) -> Any:
        return ServiceCall, (str(self), self.region)


@cache
def known_services() -> tuple[str, ...]:
    """The names of all services, as boto3 has them."""
    return tuple(Session().get_available_services())


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
    return Kind.READS if _READING.match(split(action)[1]) or action in _CALCULATED else Kind.WRITES


def things(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the things that a call is about; none if that is the whole service."""
    service, _ = split(action)
    if action == "events.PutEvents":
        buses = {last_of_name(str(one.get("EventBusName", "default"))) for one in parameters.get("Entries", ())}
        return tuple(sorted(buses))
    if service == "events" and _OF_A_BUS.search(action):  # rules and their targets decide what becomes of events
        return (last_of_name(str(parameters.get("EventBusName") or "default")),)
    if service == "scheduler" and _OF_A_GROUP.search(action):
        return (str(parameters.get("GroupName") or "default"),)
    for name in _NAMING.get(service, ()):
        if isinstance(value := parameters.get(name), str) and value:
            found = [last_of_name(value, service)]
            if service == "s3" and isinstance(source := parameters.get("CopySource"), str | Mapping):
                found.append(_copied_from(source)[0])
            return tuple(sorted({*found}))
    return ()


def last_of_name(value: str, service: str = "") -> str:
    """The name at the end of an ARN or an URL."""
    if service == "sqs":
        return value.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    if not value.startswith("arn:"):
        return value
    name = value.split(":", 5)[5]
    if service == "secretsmanager" and name.startswith("secret:"):
        return name.removeprefix("secret:").rpartition("-")[0] or name  # six letters are added to the name
    if service == "ssm":
        return "/" + name.removeprefix("parameter/")
    return name.rpartition("/")[2].rpartition(":")[2]


def _copied_from(source: str | Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(source, Mapping):
        return str(source.get("Bucket", "")), str(source.get("Key", ""))
    bucket, _, key = source.lstrip("/").partition("/")
    return bucket, key.partition("?")[0]


def contents(service: str, thing: str) -> str:
    """The table of what is in a thing, or of the things that have one value."""
    return f"{service}:{THINGS_ARE_CONTENTS.get(service, thing)}"


def settings(service: str, thing: str) -> str:
    """The table of what was asked of a thing beside its contents, where these are looked at."""
    return f"{service}:{thing}{_SETTINGS}"


_SETTINGS = ":settings"

_ARN = re.compile(r"^arn:aws[^:]*:[^:]+:([^:]*):\d{12}:")


def region_of(call: str, parameters: Mapping[str, Any]) -> str:
    """The region of what a call is about; buckets are of none."""
    if split(call)[0] == "s3":
        return ""
    named = (_ARN.match(one) for one in parameters.values() if isinstance(one, str))
    return next((one[1] for one in named if one is not None and one[1]), str(getattr(call, "region", "")))


def region_key(region: str) -> tuple[tuple[str, str], ...]:
    """What follows in the key of something that is in a region: two may have something of the same name."""
    return (("S", region),) if region else ()


def _thing(service: str, thing: str) -> ItemId:
    return ItemId(f"{service}:", (("S", thing),))


def touches_whole_thing(footprint: Footprint) -> bool:
    """Whether an operation may have changed more than what is stored shows, such as who has received a message."""
    return any(item.table.endswith(":") for item in footprint.writes)


def _objects(action: str, parameters: Mapping[str, Any]) -> tuple[list[ItemId], list[ItemId]]:
    """The contents that a call names: those that it is about, and those that it copies."""
    service, _ = split(action)
    if service in THINGS_ARE_CONTENTS:
        region = region_key(region_of(action, parameters))
        return [ItemId(contents(service, ""), (("S", one), *region)) for one in things(action, parameters)], []
    if service != "s3" or "Bucket" not in parameters:
        return [], []
    keys = [parameters["Key"]] if "Key" in parameters else []
    if action == "s3.DeleteObjects":
        keys = [one["Key"] for one in parameters.get("Delete", {}).get("Objects", ())]
    own = [ItemId(contents("s3", last_of_name(parameters["Bucket"])), (("S", key),)) for key in keys]
    if (source := parameters.get("CopySource")) is None:
        return own, []
    bucket, key = _copied_from(source)
    return own, [ItemId(contents("s3", bucket), (("S", key),))]


_BLIND = frozenset({"s3.PutObject", "s3.DeleteObject", "s3.DeleteObjects", "s3.CopyObject"})
"""Calls that replace what is there without looking at it, unless they have a condition."""


def footprint(
    action: str,
    parameters: Mapping[str, Any],
    *,
    failed: bool,
    changes: Iterable[Change] = (),
    reached: Sequence[str] = (),
    identified: bool = False,
) -> Footprint:
    """The footprint of a call, after it has been performed.

    Args:
        action, parameters: of the call.
        failed: whether the service returned an error, and so has written nothing.
        changes: what else has changed, such as a queue that is subscribed to the topic.
        reached: other services that this one has turned to, such as that of a subscribed queue, which may be gone.
        identified: whether the service has made identifiers, which are others for each of several equal messages.
    """
    service, _ = split(action)
    kind = kind_of(action, parameters)
    named = [_thing(service, one) for one in things(action, parameters)]
    reads: dict[ItemId, Attributes] = {_thing(service, ""): _EXISTS}
    writes: dict[ItemId, Attributes] = {}
    increments: dict[ItemId, Attributes] = {}
    ranges: tuple[KeyRange, ...] = ()
    reads.update(dict.fromkeys(named, _EXISTS))
    objects, sources = _objects(action, parameters)
    writing = kind in (Kind.SENDS, Kind.WRITES) and not failed
    if not named and kind is not Kind.OBSERVES:
        ranges = (KeyRange(f"{service}:"),) if kind is not Kind.SENDS else ()
        named = [_thing(service, "")]
    if objects:
        if kind is Kind.READS or action not in _BLIND or failed or {"IfMatch", "IfNoneMatch"} & parameters.keys():
            reads.update(dict.fromkeys(objects, _WHOLE))
        reads.update(dict.fromkeys(sources, _WHOLE))
        writes.update(dict.fromkeys(objects if writing else (), _WHOLE))
        increments.update(dict.fromkeys(named if writing else (), _CONTENTS))
    elif kind is Kind.SENDS:
        increments.update(dict.fromkeys(named if writing else (), _CONTENTS))
    elif kind is not Kind.OBSERVES:
        reads.update(dict.fromkeys(named, _EXISTS | _CONTENTS))
        writes.update(dict.fromkeys(named if writing else (), _EXISTS | _CONTENTS))
    for change in changes:
        of_thing = _thing(*_place(change.item))
        if str(of_thing.key[0][1]).endswith(".fifo"):  # where the order counts, and what was sent before
            writes[of_thing] = _EXISTS | _CONTENTS
        elif of_thing not in writes:
            increments[of_thing] = _CONTENTS
        if change.before is not None and change.after is not None and _same_but_for_times(change):
            increments[change.item] = frozenset({TIMES})
        else:
            writes[change.item] = _WHOLE
    more, elsewhere = _reached(action, kind, reached)
    ranges += more
    writes.update(elsewhere)
    equal = _equal(action, parameters) if identified and kind is Kind.SENDS and not failed else {}
    return Footprint(reads, writes, {**increments, **equal}, ranges, judged=equal)


def _reached(action: str, kind: Kind, reached: Sequence[str]) -> tuple[tuple[KeyRange, ...], dict[ItemId, Attributes]]:
    """What is read and written of other services that one has turned to."""
    sends = kind is Kind.SENDS or action in _BLIND
    ranges = tuple(KeyRange(f"{one}:", attributes=frozenset() if sends else frozenset({ALL})) for one in reached)
    unknown = [one for one in reached if kind is not Kind.READS and not (sends and one in SHOWN)]
    return ranges, {_thing(one, ""): _EXISTS for one in unknown}


def _equal(action: str, parameters: Mapping[str, Any]) -> dict[ItemId, Attributes]:
    """How many equal messages there are, which decides the identifiers of the next one."""
    service, name = split(action)
    item, _ = entry(f"{service}:", {}, f"{name} {as_text(parameters)}", 1, region_of(action, parameters))
    return {item: frozenset({TIMES})}


def _place(item: ItemId) -> tuple[str, str]:
    service, _, thing = item.table.partition(":")
    if thing.endswith(_SETTINGS):
        return service, thing.removesuffix(_SETTINGS)
    return service, str(item.key[0][1]) if service in THINGS_ARE_CONTENTS else thing


def _same_but_for_times(change: Change) -> bool:
    before, after = dict(change.before or {}), dict(change.after or {})
    return bool(before.pop(TIMES, None) and after.pop(TIMES, None)) and before == after


def changes_between(before: Mapping[ItemId, Image], after: Mapping[ItemId, Image]) -> tuple[Change, ...]:
    """What differs, in the order of names."""
    differing = {item for item in {*before, *after} if before.get(item) != after.get(item)}
    return tuple(Change(one, before.get(one), after.get(one)) for one in sorted(differing))


def entry(table: str, attributes: Mapping[str, Any], text: str, times: int, region: str = "") -> tuple[ItemId, Image]:
    """Something that is there once or several times, in no particular order, as it is stored."""
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + f"… ({len(text)} characters, {_digest(text)})"
    return ItemId(table, (("S", shown), *region_key(region))), {**_typed(attributes), TIMES: {"N": str(times)}}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


def _typed(attributes: Mapping[str, Any]) -> Image:
    return {name: typed_value(value) for name, value in attributes.items()}


def as_text(value: Any) -> str:
    """Parameters as one text."""
    return json.dumps(value, sort_keys=True, default=_shown, ensure_ascii=False)


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return str(value)
