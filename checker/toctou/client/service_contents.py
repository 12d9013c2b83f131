"""Decides what of a service's state on moto is shown as its contents: messages, objects, parameters and secrets.

What else a service holds (attributes of a queue, the policy of a bucket) is known from the calls that have set it, see
:mod:`toctou.client.service_effects`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from toctou.client.missing_things import MADE_UP_BUCKET
from toctou.client.service_names import contents, entry, region_key
from toctou.history.item import PLACES, Image, ItemId, typed_value

_LONGEST = 10_000
"""Bytes of an object, or of a secret, that are shown; of longer ones their digest."""


def _messages(backend: Any) -> Iterator[tuple[ItemId, Image]]:
    for name, queue in backend.queues.items():
        found: Counter[str] = Counter()
        shown: dict[str, dict[str, Any]] = {}
        places: dict[str, list[str]] = {}
        for message in queue._messages:
            attributes = {"MessageBody": _OWN_ID.sub(r"\g<1>toctou", message.body)}
            if message.message_attributes:
                attributes["MessageAttributes"] = repr(message.message_attributes)
            if message.group_id:
                attributes["MessageGroupId"] = message.group_id
            body = attributes["MessageBody"]
            text = body if len(attributes) == 1 else f"{body} {attributes}"
            found[text] += 1
            shown[text] = attributes
            if (place := getattr(message, _PLACE, "")) != "":
                places.setdefault(text, []).append(place)
        for text, times in found.items():
            more = {PLACES: places[text]} if text in places else {}
            yield entry(contents("sqs", name), {**shown[text], **more}, text, times, backend.region_name)


_OWN_ID = re.compile(r'("MessageId": ")[^"]*(?=",\s*"Signature": )')
"""The identifier that SNS gives to a message in what it sends to a queue; of equal messages any may be any other."""

_PLACE = "toctou_place"
_SENT = "toctou_sent"


def number_messages(backend: Any) -> None:
    """Note the order of messages in FIFO queues: each message's group, and its number among all that were sent to that."""
    for queue in backend.queues.values():
        if queue.fifo_queue:
            sent: Counter[str] = vars(queue).setdefault(_SENT, Counter())
            for message in queue._messages:
                if not hasattr(message, _PLACE):
                    sent[str(message.group_id)] += 1
                    setattr(message, _PLACE, f"{message.group_id} {sent[str(message.group_id)]}")


def _objects(backend: Any) -> Iterator[tuple[ItemId, Image]]:
    for name, bucket in backend.buckets.items():
        if name == MADE_UP_BUCKET:
            continue
        for key in list(bucket.keys):
            held = bucket.keys[key]
            if not hasattr(held, "value"):  # the mark of a deleted one
                continue
            about = {one.lower(): str(value) for one, value in dict(held._metadata).items()}
            image: dict[str, Any] = {"Key": {"S": key}, "Body": _bytes(held.value)}
            if (kind := about.pop("content-type", "")) not in ("", "binary/octet-stream"):
                image["ContentType"] = {"S": kind}
            if tags := backend.tagger.get_tag_dict_for_resource(held.arn):
                image["Tags"] = typed_value(tags)
            if own := {one: value for one, value in about.items() if not one.startswith("x-amz-content")}:
                image["Metadata"] = typed_value(own)
            yield ItemId(contents("s3", name), (("S", key),)), image


def _bytes(value: bytes) -> Mapping[str, Any]:
    if len(value) > _LONGEST:
        return {"S": f"{len(value)} bytes, sha256 {sha256(value).hexdigest()}"}
    try:
        return {"S": value.decode()}
    except UnicodeDecodeError:
        return {"B": bytes(value)}


def _parameters(backend: Any) -> Iterator[tuple[ItemId, Image]]:
    for one in dict.keys(backend._parameters):
        versions = dict.get(backend._parameters, one)
        if versions and not one.startswith("/aws/"):
            last = versions[-1]
            name, region = str(last.name), region_key(backend.region_name)
            image: dict[str, Any] = {"Name": {"S": name}, "Value": {"S": str(last.value)}}
            if last.description:
                image["Description"] = {"S": str(last.description)}
            if labels := {label: str(one.value) for one in versions for label in one.labels}:
                image["Labels"] = typed_value(labels)
            yield ItemId(contents("ssm", name), (("S", name), *region)), image


def _secrets(backend: Any) -> Iterator[tuple[ItemId, Image]]:
    for held in list(backend.secrets.values()):
        image: dict[str, Any] = {"Name": {"S": held.name}}
        for version in getattr(held, "versions", {}).values():
            value = version.get("secret_string") or version.get("secret_binary") or ""
            for stage in version.get("version_stages") or ():
                if (
                    stage != "AWSPREVIOUS"
                ):  # which follows from the calls before, and does not come back if these are undone
                    shown = "SecretString" if stage == "AWSCURRENT" else str(stage)
                    image[shown] = {"S": value} if isinstance(value, str) else _bytes(value)
        if held.description:
            image["Description"] = {"S": str(held.description)}
        if getattr(held, "is_deleted", lambda: False)():
            image["Deleted"] = {"BOOL": True}
        key = ("S", held.name), *region_key(backend.region_name)
        yield ItemId(contents("secretsmanager", held.name), key), image


LOOKS = {"sqs": _messages, "s3": _objects, "ssm": _parameters, "secretsmanager": _secrets}
"""What is stored of the services whose contents are looked at in moto; of others, what they were asked to do is kept."""
