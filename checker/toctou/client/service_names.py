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
from functools import cache
from typing import Any
from urllib.parse import unquote

from botocore.session import Session

from toctou.client.service_kinds import SHOWN, Kind, kind_of, split
from toctou.history.footprint import ALL, EXISTENCE, Attributes, Footprint, KeyRange
from toctou.history.item import TIMES, Change, Image, ItemId, typed_value

_WHOLE: Attributes = frozenset({ALL, EXISTENCE})
_EXISTS: Attributes = frozenset({EXISTENCE})
_CONTENTS: Attributes = frozenset({"contents"})
_LONGEST = 200
_LONGEST_CONTENT = 10_000

_NAMING: Mapping[str, Sequence[str]] = {
    "cloudwatch": ("Namespace",),
    "cognito-idp": ("UserPoolId",),
    "events": ("EventBusName", "Name"),
    "firehose": ("DeliveryStreamName",),
    "kinesis": ("StreamName", "StreamARN"),
    "lambda": ("FunctionName",),
    "logs": ("logGroupName", "logGroupIdentifier"),
    "s3": ("Bucket",),
    "scheduler": ("Name",),
    "secretsmanager": ("SecretId", "Name"),
    "sns": ("TopicArn", "TargetArn", "Name", "PhoneNumber"),
    "sqs": ("QueueUrl", "QueueName"),
    "ssm": ("Name",),
    "stepfunctions": ("stateMachineArn", "name"),
}
"""Parameters that name the thing, by service; none where one thing has several names, such as a key and its aliases."""

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


def things(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the things that a call is about; none if that is the whole service."""
    service, _ = split(action)
    if action == "events.PutEvents":
        buses = {_last(str(one.get("EventBusName", "default"))) for one in parameters.get("Entries", ())}
        return tuple(sorted(buses))
    if service == "events" and _OF_A_BUS.search(action):  # rules and their targets decide what becomes of events
        return (_last(str(parameters.get("EventBusName") or "default")),)
    if service == "scheduler":
        return _schedule(action, parameters)
    for name in _NAMING.get(service, ()):
        if isinstance(value := parameters.get(name), str) and value:
            found = {*spellings(service, value)}
            if service == "s3" and isinstance(source := parameters.get("CopySource"), str):
                found |= {*spellings(service, _copied_from(source)[0])}
            return () if "" in found else tuple(sorted(found))
    return ()


def _schedule(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """A schedule with its group; the whole service for groups, which may hold any."""
    if not action.endswith("Schedule") or not (name := str(parameters.get("Name", ""))):
        return ()
    group = parameters.get("GroupName") or "default"
    return (name if group == "default" else f"{group}/{name}",)


def spellings(service: str, value: str) -> Sequence[str]:
    """What a thing may be called that is named by an ARN, an URL, or with a version; ``""`` if that cannot be said."""
    name = value.split(":", 5)[5] if value.startswith("arn:") and value.count(":") >= _COLONS_OF_AN_ARN else value
    match service:
        case "sqs":
            return [value.rstrip("/").rpartition("/")[2].rpartition(":")[2]]
        case "s3":
            return ["" if "accesspoint" in name or name.endswith("-s3alias") else name]
        case "lambda":
            return [name.rpartition("function:")[2].partition(":")[0]]
        case "stepfunctions":
            return [name.removeprefix("stateMachine:").partition(":")[0].partition("/")[0]]
        case "logs":
            return [name.removeprefix("log-group:").removesuffix(":*")]
        case "secretsmanager" if name is not value:
            name = name.removeprefix("secret:")
            return [name, *_without_six_letters(name)]  # these are added to the name, and may be left out of the ARN
        case "ssm":
            name, of_parameter = name.removeprefix("parameter/"), name is not value
            name = name.partition(":")[0]  # what follows is a version, or a label
            if not of_parameter:
                return [name]
            return ["/" + name] if "/" in name else [name, "/" + name]  # one with a path begins with a slash
    return [_last(value)]


_COLONS_OF_AN_ARN = 5
_SIX_LETTERS = re.compile(r"-[A-Za-z0-9]{6}$")


def _without_six_letters(name: str) -> Sequence[str]:
    return [name[: found.start()]] if (found := _SIX_LETTERS.search(name)) else []


def _last(value: str) -> str:
    """The name at the end of an ARN or an URL."""
    return value.rpartition("/")[2].rpartition(":")[2] if value.startswith(("arn:", "http")) else value


def _copied_from(source: str) -> tuple[str, str]:
    """Bucket and key, which botocore has encoded."""
    bucket, _, key = source.lstrip("/").partition("/")
    return bucket, unquote(key.partition("?versionId=")[0])


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


def objects_of(action: str, parameters: Mapping[str, Any]) -> frozenset[ItemId]:
    """The contents that a call names; none if it is about all of a thing."""
    own, copied = _objects(action, parameters)
    return frozenset([*own, *copied])


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
    if not (buckets := things(action, {"Bucket": parameters["Bucket"]})):
        return [], []
    if "UploadId" in parameters:  # there is no object yet
        upload = f"{keys[0]} ({parameters['UploadId']})"
        keys = [*keys, upload] if action == "s3.CompleteMultipartUpload" else [upload]
    elif action == "s3.CreateMultipartUpload":  # what is made up for it depends on others of this key
        keys = [f"{keys[0]} (uploads)"]
    own = [ItemId(contents("s3", buckets[0]), (("S", key),)) for key in keys]
    if (source := parameters.get("CopySource")) is None:
        return own, []
    bucket, key = _copied_from(source)
    return own, [ItemId(contents("s3", bucket), (("S", key),))]


_BLIND = frozenset({"s3.PutObject", "s3.DeleteObject", "s3.DeleteObjects", "s3.CopyObject"})
"""Calls that replace what is there without looking at it, unless they have a condition."""

_PARTS = frozenset({"s3.UploadPart", "s3.UploadPartCopy"})


def _of_each_object(
    action: str, parameters: Mapping[str, Any], kind: Kind, *, failed: bool
) -> tuple[Attributes, Attributes]:
    """What a call reads of the contents that it names, and what it writes there if it does."""
    if action in _PARTS:
        return _EXISTS, frozenset({f"part {parameters.get('PartNumber')}"})
    looks = action not in _BLIND or failed or {"IfMatch", "IfNoneMatch"} & parameters.keys()
    return (_WHOLE if looks or kind is Kind.READS else frozenset()), _WHOLE


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
    kind = Kind.READS if kind is Kind.OPENS else kind
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
        read, written = _of_each_object(action, parameters, kind, failed=failed)
        reads.update(dict.fromkeys(objects if read else (), read))
        reads.update(dict.fromkeys(sources, _WHOLE))
        writes.update(dict.fromkeys(objects if writing else (), written))
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
        if len(value) > _LONGEST_CONTENT:
            return f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}"
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return str(value)
