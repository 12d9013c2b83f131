"""Decides what a call to another AWS service has left there, where nothing but the call itself shows it.

A call either sets what *stands* under some names (``PutRule`` of a rule), so that the last one counts, or adds one more
(``StartJobRun``), so that two equal calls are two effects.  It stands if the call names what it makes
(:mod:`toctou.client.effect_names`); in doubt it adds one.

The opposite undoes what bears the names that it gives or, where the service has made it, the identifier that was returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from toctou.client.effect_names import Names, Verb, identifiers, is_called, names_given, names_of, verb_of
from toctou.client.service_kinds import split
from toctou.client.service_names import as_text, entry, region_key, region_of
from toctou.history.item import PLACES, TIMES, Image, ItemId, texts_in

_MADE = re.compile(r"(Id|Arn|ARN|Url)s?$", re.IGNORECASE)
"""How the names of members end that hold what a service calls a thing that it has made."""

_GROUPS = {"sqs": "MessageGroupId", "sns": "MessageGroupId", "kinesis": "PartitionKey"}
"""Parameters that name what keeps an order, in FIFO queues and topics and in streams."""


@dataclass(frozen=True, slots=True)
class Left:
    """What calls have left.

    Attributes:
        image: as it is stored.
        noun: what the names of actions call it.
        names: what names it; none if equal calls add up.
        made: identifiers that the service has returned for it, each as texts.
        parameters: of the calls that set it, the later over the earlier ones.
    """

    image: Image
    noun: str
    names: Names
    made: tuple[frozenset[str], ...]
    parameters: Mapping[str, Any]


def noted(
    left: Mapping[ItemId, Left], table: str, call: str, parameters: Mapping[str, Any], result: Any, *, performed: bool
) -> dict[ItemId, Left]:
    """What is left after a call that has written something.

    Args:
        left: before.
        table: where the call belongs.
        call, parameters, result: of the call.
        performed: whether the service has answered, so that equal identifiers are of one thing, and not the model.
    """
    verb, after = verb_of(split(call)[1]), dict(left)
    made = frozenset(_made(result)).difference(texts_in(parameters))
    if verb.ends and (undone := _undone(left, table, call, verb, parameters)) is not None:
        one = left[undone]
        times = int(one.image[TIMES]["N"]) if TIMES in one.image else 1
        if times > 1:
            given = {*texts_in(parameters)}
            rest = [each for each in one.made if not each & given]
            after[undone] = replace(
                one, image={**one.image, TIMES: {"N": str(times - 1)}}, made=tuple(rest[: times - 1])
            )
        else:
            del after[undone]
        return after
    names = names_of(call, verb, parameters)
    if not names:
        own = identifiers(call, verb, result) if performed else frozenset[str]()
        return _one_more(after, table, call, parameters, made=made, own=own)
    item, _ = _entry(call, parameters, table, f"{verb.noun} {as_text(names)}", {})
    before = left.get(item)
    asked = _merged(before.parameters, parameters) if verb.sets and before is not None else dict(parameters)
    _, image = _entry(call, parameters, table, "", {"action": split(call)[1], "parameters": as_text(asked)})
    after[item] = Left(image, verb.noun, names, (made,), asked)
    return after


def _one_more(
    after: dict[ItemId, Left],
    table: str,
    call: str,
    parameters: Mapping[str, Any],
    *,
    made: frozenset[str],
    own: frozenset[str],
) -> dict[ItemId, Left]:
    action, text = split(call)[1], as_text(parameters)
    item, image = _entry(call, parameters, table, f"{action} {text}", {"action": action, "parameters": text})
    before = after.get(item)
    if before is not None and own and any(own <= one for one in before.made):
        return after  # the service says that it is the same one
    times = int(before.image[TIMES]["N"]) if before is not None else 0
    image = {**image, TIMES: {"N": str(times + 1)}}
    if groups := _groups(call, parameters):
        earlier = [
            place["S"]
            for other, one in after.items()
            if other.table == table
            for place in one.image.get(PLACES, {}).get("L", ())
        ]
        places = list(before.image[PLACES]["L"]) if before is not None else []
        for group in groups:
            at = sum(one.rpartition(" ")[0] == group for one in earlier) + 1
            earlier.append(f"{group} {at}")
            places.append({"S": f"{group} {at}"})
        image[PLACES] = {"L": places}
    after[item] = Left(image, verb_of(action).noun, {}, (*(before.made if before is not None else ()), made), {})
    return after


def _entry(
    call: str, parameters: Mapping[str, Any], table: str, text: str, attributes: Mapping[str, Any]
) -> tuple[ItemId, dict[str, Any]]:
    item, image = entry(table, attributes, text, 1, region_of(call, parameters))
    return item, dict(image)


def _groups(call: str, parameters: Mapping[str, Any]) -> list[str]:
    """What of which the order counts is sent to, once for each message."""
    service, _ = split(call)
    name = _GROUPS.get(service, "")
    place = str(parameters.get("QueueUrl") or parameters.get("TopicArn") or "")
    if not name or (service != "kinesis" and not place.endswith(".fifo")):
        return []
    entries = [
        one for each in parameters.values() if isinstance(each, list) for one in each if isinstance(one, Mapping)
    ]
    return [str(one[name]) for one in (parameters, *entries) if name in one]


def _undone(
    left: Mapping[ItemId, Left], table: str, call: str, verb: Verb, parameters: Mapping[str, Any]
) -> ItemId | None:
    """What a call undoes: what it gives the identifier of, or the names."""
    service, region, given = split(call)[0], region_of(call, parameters), {*texts_in(parameters)}
    alike = [
        item
        for item, one in left.items()
        if item.service == service and item.key[1:] == region_key(region) and is_called(one.noun, verb.noun)
    ]
    for item in alike:
        one = left[item]
        if any(each & given for each in one.made):
            return item
    names = names_given(call, verb, parameters)
    agreeing = []
    for item in alike:
        theirs = left[item].names
        shared = names.keys() & theirs.keys()
        if item.table == table and shared and all(names[name] == theirs[name] for name in shared):
            agreeing.append(item)
    same = [item for item in agreeing if left[item].names == names]
    found = same or agreeing
    return found[0] if len(found) == 1 else None


def _made(result: Any) -> Iterator[str]:
    """The identifiers in a result."""
    if isinstance(result, list):
        for one in result:
            yield from _made(one)
    for name, value in result.items() if isinstance(result, Mapping) else ():
        if isinstance(value, str) and _MADE.search(name):
            yield value
        elif isinstance(value, list) and _MADE.search(name):
            yield from (one for one in value if isinstance(one, str))
        else:
            yield from _made(value)


def _merged(before: Any, after: Any) -> Any:
    """What is set now: the later value of each member."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {**before, **{name: _merged(before.get(name), value) for name, value in after.items()}}
    return after
