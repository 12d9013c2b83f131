"""Decides what names the thing that a call to another AWS service is to make, to set or to undo.

That is known from botocore's descriptions: what the opposite of an action needs (``DeleteRule`` for ``PutRule``), or else one
that reads, names it.  If it needs an identifier that is not among the parameters, the service makes that, and each call makes
another thing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError

from toctou.client.service_descriptions import described
from toctou.client.service_kinds import split
from toctou.client.service_names import spellings

_BEGINS = "Create|Put|Add|Start|Attach|Associate|Register|Run|Send|Submit|Subscribe|Authorize|Grant"
_SETS = "Update|Set|Modify|Tag|Enable|Disable"
_ENDS = "Delete|Remove|Stop|Cancel|Detach|Disassociate|Deregister|Terminate|Unsubscribe|Untag|Revoke|Abort"
_READS = "Get|Describe"
_NAME = re.compile(rf"(Admin|Batch)?(?:({_BEGINS})|({_SETS})|({_ENDS})|({_READS}))(?=[A-Z]|$)")
_IDENTIFYING = re.compile(r"(Name|Id|Arn|ARN|Key|Path)s?$|^(Username|Rule)$", re.IGNORECASE)
_ASPECTS = {"Enable": " switch", "Disable": " switch", "Tag": " tags", "Untag": " tags"}
"""What of a thing these verbs are about, if not whether it is there."""

_SYNONYMS: Mapping[str, Sequence[str]] = {
    "kinesis": ("StreamName", "StreamARN"),
    "secretsmanager": ("SecretId", "Name"),
    "sns": ("TopicArn", "Name"),
    "sqs": ("QueueUrl", "QueueName"),
}
"""Members that name the same thing, by what is last in an ARN or an URL."""

Names = Mapping[str, tuple[str, ...]]
"""What names a thing: the values of members, whose names are in lower case and singular."""


class Verb(NamedTuple):
    """The name of an action, taken apart."""

    begins: bool
    sets: bool
    ends: bool
    noun: str


@cache
def verb_of(action: str) -> Verb:
    """The name of an action, taken apart."""
    found = _NAME.match(action)
    if found is None:
        return Verb(begins=False, sets=False, ends=False, noun=action)
    noun = re.sub("(To|From)(?=[A-Z])", "", action[found.end() :])
    aspect = _ASPECTS.get(action[len(found[1] or "") : found.end()], "")
    return Verb(found[2] is not None, found[3] is not None, found[4] is not None, _singular(noun) + aspect)


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


@cache
def _opposites(service: str, noun: str) -> Sequence[tuple[tuple[str, ...], frozenset[str]]]:
    """What the actions that undo this need, and what they may be given; if there are none, those that read it."""
    try:
        model = described(service)
    except BotoCoreError:
        return ()
    undoing: list[tuple[int, str]] = []
    reading: list[tuple[int, str]] = []
    for action in model.operation_names:
        found, verb = _NAME.match(action), verb_of(action)
        if found is not None and is_called(noun, verb.noun) and (found[4] or found[5]):
            (undoing if found[4] else reading).append((len(noun) - len(verb.noun), action))
    for actions in (undoing, reading):
        nearest = min((far for far, _ in actions), default=0)
        shapes = [model.operation_model(action).input_shape for far, action in actions if far == nearest]
        if known := [
            (tuple(one.required_members), frozenset(one.members)) for one in shapes if one and one.required_members
        ]:
            return known
    return ()


def is_called(noun: str, shorter: str) -> bool:
    """Whether a shorter noun may mean the same: that of ``DeleteAlarms`` a ``MetricAlarm``."""
    return noun.endswith(shorter) if shorter else not noun


def names_of(call: str, verb: Verb, parameters: Mapping[str, Any]) -> Names:
    """What names the thing that a call sets; nothing if equal calls add up."""
    given = names_given(call, verb, parameters)
    if verb.ends:
        return given
    if not verb.begins and not verb.sets:
        return {}
    service, _ = split(call)
    for needed, members in _opposites(service, verb.noun):
        found = {}
        for member in needed:
            key = _key(service, verb.noun, member)
            if (value := given.get(key) or _among(member, parameters)) is None:
                break
            found[key] = value
        else:
            more = {_key(service, verb.noun, member) for member in members}
            return {**{name: value for name, value in given.items() if name in more}, **found}
    return given if verb.sets else {}


def identifiers(call: str, verb: Verb, result: Any) -> frozenset[str]:
    """What a service has returned that the opposite of an action needs: of the same thing it is the same."""
    service, _ = split(call)
    found = {result.get(member) for needed, _ in _opposites(service, verb.noun) for member in needed}
    return frozenset(one for one in found if isinstance(one, str))


def _key(service: str, noun: str, member: str) -> str:
    """A name as all actions have it that are about one thing: ``name`` for the ``RuleName`` of a rule."""
    if member in _SYNONYMS.get(service, ()):
        return ""
    name = _singular(member).lower()
    found = re.fullmatch("(.+)(name|id|arn)", name)
    return found[2] if found is not None and noun.lower().endswith(found[1]) else name


def names_given(call: str, verb: Verb, parameters: Mapping[str, Any]) -> Names:
    """The names among the parameters."""
    service, _ = split(call)
    found: dict[str, tuple[str, ...]] = {}
    for member, value in parameters.items():
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(one, str) for one in values):
            key = _key(service, verb.noun, member)
            if key and not _IDENTIFYING.search(member) and not _is_needed(service, verb.noun, member):
                continue
            found[key] = tuple(sorted(values)) if key else tuple(spellings(service, one)[-1] for one in values)
    return found


def _is_needed(service: str, noun: str, member: str) -> bool:
    return any(member in needed for needed, _ in _opposites(service, noun))


def _among(member: str, parameters: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The values of a member that is called alike in a list of structures: the ``Ids`` of targets, the keys of tags."""
    wanted = _singular(member).lower()
    for name, value in parameters.items():
        if isinstance(value, Mapping) and name.lower() == "tags" and wanted.endswith("key"):
            return tuple(sorted(value))
        for one in value[:1] if isinstance(value, list) else ():
            for inner in one if isinstance(one, Mapping) else ():
                if wanted.endswith(inner.lower()) and all(isinstance(each.get(inner), str) for each in value):
                    return tuple(sorted(each[inner] for each in value))
    return None
