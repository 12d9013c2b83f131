"""Performs recorded calls again, once the tests have ended: those to DynamoDB on an engine of our own, the others on moto."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from toctou.client.backend import Performed
from toctou.client.dynamodb_calls import DynamoDBMethod
from toctou.client.environment import client_environment
from toctou.client.events import Notifying
from toctou.client.recorded_calls import Called
from toctou.client.seam import call_service
from toctou.client.service_kinds import Kind, kind_of

_ABOUT = ("Item", "Items", "Attributes", "Count", "Responses", "LastEvaluatedKey")
"""Members of results that say what is stored."""


@cache
def _method(action: str, converts: bool) -> DynamoDBMethod:  # noqa: FBT001 - a part of what is cached
    return DynamoDBMethod(_client(converts), action)


@cache
def _client(converts: bool) -> Any:  # noqa: FBT001
    with client_environment():
        session = boto3.Session()
        return session.resource("dynamodb").meta.client if converts else session.client("dynamodb")


def asked_of(called: Called) -> dict[str, Any] | None:
    """The parameters of a call of DynamoDB as the API has them; ``None`` if they are not valid."""
    try:
        return _outcome(_method(called.action, called.converts).preparing(dict(called.parameters)))
    except (BotoCoreError, TypeError):
        return None


def _outcome(steps: Notifying) -> dict[str, Any]:
    answered: Any = None
    while True:  # listeners of clients whose calls are awaited are coroutines, of which botocore's own never wait
        try:
            emitted = steps.send(answered)
        except StopIteration as end:
            return dict(end.value)
        answered = _finished(emitted)


def _finished(emitted: Any) -> Any:
    if not hasattr(emitted, "send"):
        return emitted
    try:
        emitted.send(None)
    except StopIteration as end:
        return end.value
    raise TypeError("a listener of the client waits for something")


def difference(called: Called, performed: Performed) -> str:
    """In what a call was answered otherwise than when it was recorded, as text; ``""`` if in nothing that matters."""
    code = "" if performed.error is None else performed.error.code
    if code != called.code:
        before, now = called.code or "with a result", code or "with one"
        return f"{called.action} at {called.source} was answered {before}, and here {now}"
    if code:
        return ""
    try:
        answer = _outcome(_method(called.action, called.converts).answering(performed))
    except (ClientError, BotoCoreError, TypeError, ValueError):
        return ""
    # What moto returns of a write, or of a count, beyond what was asked for differs between its releases.
    unasked = {"Attributes"} if called.parameters.get("ReturnValues", "NONE") in ("NONE", "UPDATED_NEW") else set[str]()
    unasked |= {"Items"} if called.parameters.get("Select") == "COUNT" else set()
    for name in (one for one in _ABOUT if one not in unasked):
        if _sorted(answer.get(name)) != _sorted((called.result or {}).get(name)):
            return f"{called.action} at {called.source} was answered another {name}"
    return ""


def _sorted(value: Any) -> Any:
    """Of items whose order nobody promises, and that may be empty or missing."""
    if isinstance(value, list):
        return sorted(map(repr, map(_sorted, value)))
    if isinstance(value, Mapping):
        return {name: _sorted(one) for name, one in sorted(value.items())}
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    return value or None


@contextmanager
def services_after(calls: Sequence[Called]) -> Iterator[None]:
    """While inside, other services hold what these calls have left there, as far as they say it themselves.

    What a call depends on that was made up by a service (a receipt handle, the number in the name of a secret) is not said by it;
    where a request needs that, running it shows what is missing.
    """
    effective = [
        one
        for one in calls
        if not one.code and kind_of(f"{one.service}.{one.action}", one.parameters) is not Kind.READS
    ]
    if not effective:
        yield
        return
    from moto import mock_aws  # noqa: PLC0415 - it takes most of a second to import

    with client_environment(), mock_aws():
        clients: dict[tuple[str, str], Any] = {}
        for one in effective:
            key = one.service, one.region
            if key not in clients:
                clients[key] = boto3.client(one.service, region_name=one.region or None)  # type: ignore[call-overload]
            try:
                call_service(clients[key], one.action, dict(one.parameters))
            except (ClientError, BotoCoreError, TypeError, ValueError, NotImplementedError):
                continue
        yield
