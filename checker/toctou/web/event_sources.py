"""Makes the event with which an AWS service invokes a Lambda function, by the service.

A source is one function and one line of :data:`SOURCES`; its parameters are what a model says of an event.  Identifiers are
derived from what the event says, and its time is fixed, while those of API requests are drawn for each: so all deliveries of one
event are equal, and a handler recognises an event that it has processed.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html,
https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from toctou.history.item import image
from toctou.history.request import Response
from toctou.web.lambda_context import ACCOUNT, REGION

HAPPENED = 1_767_225_599
"""When events happened, in seconds since 1970: one before the clock of the first request starts."""

FAILURES = "batchItemFailures"
"""Names what of a batch has to be delivered again: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """An event for a Lambda function, as returned by a handler; ``function`` is ``None`` for the one that the model names."""

    event: Mapping[str, Any]
    function: Callable[..., Any] | None = None


def answer(returned: Any) -> Response:
    """What a source takes a result for: whatever a function returns is a success, and only failures of a batch are looked at."""
    if returned is None or (isinstance(returned, Mapping) and returned.get(FAILURES) == []):
        return Response(200)
    return Response(200, returned)


def delivered_again(response: Response) -> bool:
    """Whether a source delivers the event, or a part of it, again after this response."""
    return response.refused or (isinstance(response.body, Mapping) and bool(response.body.get(FAILURES)))


def without_failures(response: Response) -> Response:
    """The response as if a batch had not failed in part: which part it is depends on what other deliveries did meanwhile."""
    return Response(200) if response.status == 200 and delivered_again(response) else response


def sqs(
    *,
    messages: Sequence[Mapping[str, Any] | Sequence[Any] | str],
    queue: str = "queue",
    attributes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A batch of messages from a queue.

    Args:
        messages: their bodies: texts as they are, anything else as JSON.
        queue: its name; that of a FIFO queue ends with ``.fifo``.
        attributes: the message attributes of each.
    """
    bodies = [one if isinstance(one, str) else json.dumps(one) for one in _listed(messages, "messages")]
    if not isinstance(attributes, Mapping | None):
        raise TypeError(f"`attributes` is no mapping: {attributes!r}")
    # A message is the same one wherever it is in a batch, and another one beside one that says the same.
    return {
        "Records": [_message(one, bodies[:at].count(one), queue, attributes or {}) for at, one in enumerate(bodies)]
    }


def _message(body: str, copy: int, queue: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    identifier = _identifier("sqs", queue, body, attributes, copy)
    sent: dict[str, str] = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": str(HAPPENED * 1000),
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": str(HAPPENED * 1000 + 1),
    }
    if queue.endswith(".fifo"):
        sent |= {
            "SequenceNumber": _digits(20, identifier),
            "MessageGroupId": "group",
            "MessageDeduplicationId": _digest("sha256", body),
        }
    return {
        "messageId": identifier,
        "receiptHandle": _digest("sha256", identifier),
        "body": body,
        "attributes": sent,
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": _digest("md5", body),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }


def _attribute(value: Any) -> dict[str, Any]:
    kind = "String" if isinstance(value, str) else "Number"
    return {"stringValue": str(value), "stringListValues": [], "binaryListValues": [], "dataType": kind}


def dynamodb(*, table: str, records: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """A batch of changes from the stream of a table.

    Args:
        table: its name.
        records: each with plain ``keys`` and, of the item, ``new`` (after the change) and ``old`` (before it): an item with only
            ``new`` was inserted, one with only ``old`` removed.
    """
    for one in _listed(records, "records"):
        unknown = [name for name in one if name not in _PARTS] if isinstance(one, Mapping) else [one]
        if unknown or "keys" not in one:
            raise TypeError(f"a record has {unknown[0]!r}" if unknown else f"a record has no `keys`: {one!r}")
    return {"Records": [_change(one, list(records[:at]).count(one), table) for at, one in enumerate(records)]}


_PARTS: Mapping[str, str] = {"keys": "Keys", "new": "NewImage", "old": "OldImage"}
"""The parts of a record, as a model and as an event has them."""


def _listed(values: Any, what: str) -> Sequence[Any]:
    """The values of a list that an event may not lack; raises ``TypeError`` for anything else, such as one text."""
    if not isinstance(values, list | tuple) or not values:
        raise TypeError(f"`{what}` is {values!r}, and no list of at least one")
    return values


def _change(record: Mapping[str, Any], copy: int, table: str) -> dict[str, Any]:
    images = {name: _as_json(image(record[part])) for part, name in _PARTS.items() if record.get(part) is not None}
    name = "MODIFY" if {"NewImage", "OldImage"} <= images.keys() else "REMOVE" if "OldImage" in images else "INSERT"
    return {
        "eventID": _digest("md5", _identifier("dynamodb", table, images, copy)),
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": float(HAPPENED),
            **images,
            "SequenceNumber": _digits(21, "dynamodb", table, images, copy),
            "SizeBytes": len(_json(images)),
            "StreamViewType": "NEW_AND_OLD_IMAGES" if len(images) > 1 else "KEYS_ONLY",
        },
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-01-01T00:00:00.000",
    }


def eventbridge(
    *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()
) -> dict[str, Any]:
    """An event of a bus, such as one that an application has put there, or a scheduled one.

    Args:
        source: who put it, such as ``shop.orders`` or ``aws.events``.
        detail_type: what kind of event it is.
        detail: its content.
        resources: ARNs of what it is about.
    """
    if not isinstance(detail, Mapping):
        raise TypeError(f"`detail` is no mapping: {detail!r}")
    return {
        "version": "0",
        "id": _identifier("eventbridge", source, detail_type, detail, list(resources)),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": _time(),
        "region": REGION,
        "resources": list(resources),
        "detail": dict(detail),
    }


def s3(*, bucket: str, key: str, event_name: str = "ObjectCreated:Put", size: int = 1024) -> dict[str, Any]:
    """A notification of an object in a bucket.

    Args:
        bucket: its name.
        key: of the object; it is URL-encoded in the event, as S3 does.
        event_name: what happened.
        size: of the object, in bytes.
    """
    thing: dict[str, Any] = {
        "key": quote_plus(key, safe="/"),
        "sequencer": _digest("md5", _identifier("s3", bucket, key, event_name))[:18].upper(),
    }
    if not event_name.startswith("ObjectRemoved"):
        thing |= {"size": size, "eTag": _digest("md5", f"{bucket}/{key} {size}")}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": _time(".000"),
        "eventName": event_name,
        "userIdentity": {"principalId": "AWS:AIDAIENQZJOLO23YVJ4VO"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "x-amz-request-id": _digest("md5", thing["sequencer"])[:16].upper(),
            "x-amz-id-2": _digest("sha256", thing["sequencer"]),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "toctou",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": thing,
        },
    }
    return {"Records": [record]}


SOURCES: Mapping[str, Callable[..., dict[str, Any]]] = {
    "sqs": sqs,
    "dynamodb": dynamodb,
    "eventbridge": eventbridge,
    "s3": s3,
}
"""Makers of events, by what a model calls their source."""


def _as_json(typed: Any) -> Any:
    """Attribute values as an event has them: bytes are encoded."""
    if isinstance(typed, bytes):
        return base64.b64encode(typed).decode()
    if isinstance(typed, Mapping):
        return {name: _as_json(value) for name, value in typed.items()}
    return [_as_json(one) for one in typed] if isinstance(typed, list | tuple) else typed


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _identifier(*said: Any) -> str:
    """A UUID that is the same for the same event."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, _json(said)))


def _digits(count: int, *said: Any) -> str:
    return str(int(_digest("sha256", _json(said)), 16))[:count].ljust(count, "0")


def _digest(algorithm: str, text: str) -> str:
    return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()


def _time(fraction: str = "") -> str:
    return time.strftime(f"%Y-%m-%dT%H:%M:%S{fraction}Z", time.gmtime(HAPPENED))
