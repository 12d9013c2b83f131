"""Performs calls to other AWS services on moto, in this process, and says what is stored there afterwards.

Whatever moto would make up is decided by what it was asked: identifiers by the call and by what was asked of the same thing
before, and its clock stands still, so that nothing expires and equal calls have equal results in every schedule.  A queue is
received from in the order of its messages' contents, because SQS promises none.

What a call names and nobody has created (a bucket, a queue, a topic, an event bus, …) is created when moto misses it first: a
deployment would have done that, and a model has nothing to say about it.  A thing that a handler deletes stays deleted.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import sha256
from random import Random
from typing import Any, ClassVar, cast
from unittest.mock import patch
from uuid import UUID

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.handlers import BUILTIN_HANDLERS, base64_encode_user_data, handle_copy_source_param
from botocore.loaders import Loader
from botocore.response import StreamingBody
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.models import botocore_stubber
from moto.moto_api._internal import mock_random

from toctou.client.copies_of_moto import copy_of, state_of
from toctou.client.missing_things import Call, creating, deletes_thing
from toctou.client.seam import call_service
from toctou.client.service_contents import LOOKS, number_messages
from toctou.client.service_kinds import split
from toctou.client.service_names import ServiceCall, as_text, region_of, things
from toctou.client.unlogged import unlogged
from toctou.client.users_moto import note_use_at_import, resets, used_at_import, users_moto_is_active
from toctou.errors import ToolMissing, UnsupportedAction
from toctou.history.item import Image, ItemId
from toctou.scheduling.control import standing_still

_OWN = "dynamodb"
"""What a backend of ours may keep in moto at the same time, with its streams."""


_States = list[tuple[Any, Callable[[], Any], dict[str, Any]]]
"""Backends of moto, where each is (moto makes it anew when it has forgotten it), and its attributes."""

_Owners = list[tuple[dict[str, Any], dict[str, Any]]]
_Held = tuple[_States, _Owners]

_of_imports: _Held | None = None
"""What modules have made while they were imported, in this process."""


class MotoServices:
    """What moto holds of all services but DynamoDB, from :meth:`start` to :meth:`stop`; what others have put there first stays.

    Attributes:
        has_created: whether the last call has created what it missed.
        reached: the services of which the last call has asked or changed something.
    """

    _last: ClassVar[tuple[MotoServices, int] | None] = (
        None  # who has changed what moto holds, and after how many resets
    )

    def __init__(self) -> None:
        self.has_created = False
        self.reached: set[str] = set()
        self._first: _States = []
        self._owners: _Owners = []

    @property
    def undisturbed(self) -> bool:
        """Whether moto holds what it held after this one's last call: laboratories may be open within another one."""
        return MotoServices._last == (self, resets())

    def start(self) -> None:
        """Begin; what is there now is the initial state."""
        if MotoServices._last is not None:
            MotoServices._last[0].restore()
        if users_moto_is_active():  # or nobody but modules has anything there
            self._first, self._owners = _held()
        elif used_at_import():  # perhaps before a moto of the user's has begun or ended, which forgets everything
            self._first, self._owners = _of_imports or _held()
            self.restore()

    def stop(self) -> None:
        """Put back what was there at first."""
        if MotoServices._last is not None:
            self.restore()
            MotoServices._last = None

    def restore(self) -> None:
        """Restore the initial state."""
        _put_back(self._first, self._owners)
        MotoServices._last = self, resets()

    def perform(
        self, action: str, parameters: Mapping[str, Any], region: str, before: Sequence[Call], draw: int = 0
    ) -> Any:
        """The result of a call, without metadata but for an unusual status.

        Args:
            action, parameters: of the call.
            region: of the client.
            before: what has been asked of the same things since the start, as far as it matters.
            draw: which identifiers are made up: the same ones for the same number.

        Raises:
            ClientError: the service's error.
            UnsupportedAction: moto does not know the action.
            ToolMissing: moto needs a package that is not installed.
        """
        self.has_created, self.reached = False, set()
        MotoServices._last = self, resets()
        if action == "sqs.ReceiveMessage":
            _put_in_order(parameters)
        seed = as_text([action, parameters, before, draw])
        try:
            return self._asked(action, parameters, region, seed)
        except ClientError as missing:
            deleted = any(deletes_thing(other) for other, _ in before)
            create = () if deleted else creating(action, parameters, missing)
            if not create:
                raise
        self.has_created = True
        for other, given in create:
            try:
                self._asked(other, given, region, as_text([other, given]))
            except ClientError as refused:
                if "Exist" not in str(refused) and "Own" not in str(refused):
                    raise
        return self._asked(action, parameters, region, seed)

    def _asked(self, action: str, parameters: Mapping[str, Any], region: str, seed: str) -> Any:
        service, name = split(action)
        given = {one: _own_account(value) for one, value in parameters.items()}
        region = region_of(ServiceCall(action, region), given) or "us-east-1"
        if "QueueUrl" in given:  # whose host may be that of a local imitation
            given["QueueUrl"] = f"https://sqs.{region}.amazonaws.com/{_ACCOUNT}/{things(action, given)[0]}"
        if action == "sqs.ReceiveMessage":
            given["WaitTimeSeconds"] = 0  # the clock stands still, and nothing comes meanwhile
        number = int.from_bytes(sha256(seed.encode(errors="surrogatepass")).digest()[:16])
        mock_random.seed(number)
        try:
            with standing_still(), _switched_on(), _noting(self.reached), _drawing(number), unlogged():
                client = _client(service, region)
                for token in client.meta.service_model.operation_model(name).idempotent_members:
                    given.setdefault(token, str(UUID(int=number, version=4)))
                try:
                    return _plain(call_service(client, name, given))
                finally:  # a topic may have sent to one queue before it misses another one
                    if service == "sns":
                        _sign_alike()
                    _number_messages()
        except ClientError as refused:
            if "Not yet implemented" in str(refused):
                raise _unsupported(action, refused) from refused
            raise
        except UnsupportedAction:
            raise
        except ModuleNotFoundError as missing:
            raise ToolMissing(
                f"moto needs the package {missing.name!r} for {action}",
                remedy=f"pip install 'moto[{service.replace('-', '')}]', or answer the call in the model:\n"
                f'answers = {{"{action}": {{...}}}}',
            ) from missing
        except Exception as failed:
            raise _unsupported(action, failed) from failed

    def has(self, action: str, parameters: Mapping[str, Any], region: str) -> bool:
        """Whether a call is to create what is there."""
        service, name = split(action)
        if name not in _CREATES:
            return False
        held = {one for backend in _backends() for one in _created(backend, service, region)}
        return held.issuperset(things(action, parameters))

    def rows(self) -> dict[ItemId, Image]:
        """What is stored: messages of queues, objects of buckets, parameters and secrets."""
        found: dict[ItemId, Image] = {}
        _number_messages()
        for backend in _backends():
            for service, look in LOOKS.items():
                if type(backend).__module__ == f"moto.{service}.models":
                    found.update(look(backend))
        return found


@contextmanager
def _switched_on() -> Iterator[None]:
    """While inside, moto answers what clients of boto3 send, whoever else has started it or not."""
    before, botocore_stubber.enabled = botocore_stubber.enabled, True
    try:
        with patch.dict(default_user_config, {"lambda": {"use_docker": False}}):
            yield
    finally:
        botocore_stubber.enabled = before


@contextmanager
def _drawing(number: int) -> Iterator[None]:
    """While inside, what is made of the system's random bytes, such as the identifier of an upload, follows from a number."""
    with patch.object(os, "urandom", Random(number).randbytes):  # noqa: S311 - nothing is kept secret
        yield


@contextmanager
def _noting(reached: set[str]) -> Iterator[None]:
    """While inside, note of which services anything is asked: moto's ask each other for what they hold."""
    ask = BackendDict.__getitem__

    def asked(self: Any, account: str) -> Any:
        if sys._getframe(1).f_code.co_name != "mark_account_as_visited":  # in IAM, by whatever is called
            reached.add(self.service_name)
        return ask(self, account)

    with patch.object(BackendDict, "__getitem__", asked):
        yield


@cache
def _client(service: str, region: str) -> BaseClient:
    session = botocore.session.Session()
    session.register_component("data_loader", Loader())
    made = cast(
        "BaseClient",
        boto3.Session(botocore_session=session).client(
            service,  # type: ignore[call-overload] # any service's name
            region_name=region,
            aws_access_key_id="toctou",
            aws_secret_access_key="toctou",  # noqa: S106 - without a signature moto takes a reader of S3 for anybody
            # At any other address than AWS's own moto would let the call pass.
            config=Config(
                retries={"total_max_attempts": 1},
                ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # the stubs do not know it
            ),
        ),
    )
    for event, listener, *_ in BUILTIN_HANDLERS:
        if listener in _DONE_BEFORE:
            made.meta.events.unregister(event, listener)
    return made


_DONE_BEFORE = (base64_encode_user_data, handle_copy_source_param)
"""Listeners of botocore that encode a parameter: the caller's client has notified them, and twice would be once too often."""

_AT_ONCE: list[Call] = []


def perform_at_once(action: str, parameters: Mapping[str, Any], region: str) -> Any:
    """The result of a call that belongs to no schedule, as :meth:`MotoServices.perform`; what it stores stays."""
    global _of_imports  # noqa: PLW0603
    note_use_at_import()
    if _of_imports is not None and not users_moto_is_active():
        _put_back(*_of_imports)
    try:
        return MotoServices().perform(action, parameters, region, tuple(_AT_ONCE))
    finally:
        MotoServices._last = None
        _AT_ONCE.append((action, parameters))
        if not users_moto_is_active():
            _of_imports = None
            with suppress(UnsupportedAction):  # told once a model needs it
                _of_imports = _held()


def preload(services: Sequence[str]) -> None:
    """Import what performs calls to these services, so that processes of requests find it there."""
    for service in services:
        with suppress(Exception):  # told once it is called
            get_backend(service)  # type: ignore[call-overload] # any service's name


_ACCOUNT = "123456789012"
"""moto's own."""


def _own_account(value: Any) -> Any:
    """An ARN, or lists and mappings with ARNs, of the account that moto has."""
    if isinstance(value, str):
        return _ARN.sub(rf"\g<1>{_ACCOUNT}:", value)
    if isinstance(value, list):
        return [_own_account(one) for one in value]
    return value


_ARN = re.compile(r"^(arn:aws[^:]*:[^:]+:[^:]*:)\d{12}:")


def _backends() -> Iterator[Any]:
    return (one for one, _ in _places())


def _places() -> Iterator[tuple[Any, Callable[[], Any]]]:
    for kept in list(BackendDict._instances):  # type: ignore[misc] # of whatever services
        if not kept.service_name.startswith(_OWN):
            for account, regions in list(kept.items()):
                for region, backend in list(regions.items()):
                    yield backend, partial(_at, kept, account, region)


def _at(kept: Any, account: str, region: str) -> Any:
    return kept[account][region]


def _owners_of_buckets() -> Iterator[dict[str, Any]]:
    """What moto keeps of buckets beside its backends, since their names are unique among all accounts."""
    for kept in list(BackendDict._instances):  # type: ignore[misc] # of whatever services
        if (owners := getattr(kept, "bucket_accounts", None)) is not None:
            yield owners


def _held() -> _Held:
    """A copy of what moto holds."""
    return [(one, place, state_of(one)) for one, place in _places()], [(one, dict(one)) for one in _owners_of_buckets()]


def _put_back(states: _States, owners: _Owners) -> None:
    there = set()
    for held, place, state in states:
        backend = place()
        backend.__dict__ = copy_of(state, held, backend)
        there.add(id(backend))
    for backend in _backends():
        if id(backend) not in there:
            backend.reset()
    for one, first in owners:
        one.clear()
        one.update(first)


def _unsupported(action: str, fault: Exception) -> UnsupportedAction:
    return UnsupportedAction(
        f"moto does not perform {action}: {type(fault).__name__}: {fault}",
        expected="actions that moto performs in this process",
        remedy=f'answer the call in the model: answers = {{"{action}": {{...}}}}',
    )


def _plain(response: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: value.read() if isinstance(value, StreamingBody) else _in_utc(value) for name, value in response.items()
    }
    status = found.pop("ResponseMetadata", {}).get("HTTPStatusCode", 200)
    return found if status == 200 else {**found, "ResponseMetadata": {"HTTPStatusCode": status}}


def _in_utc(value: Any) -> Any:
    """With times whose zone is one of Python's own, so that it can be stored."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, dict):
        return {name: _in_utc(one) for name, one in value.items()}
    return [_in_utc(one) for one in value] if isinstance(value, list) else value


def _put_in_order(parameters: Mapping[str, Any]) -> None:
    """The messages of a queue without an order by their contents, whoever has sent them first."""
    (name,) = things("sqs.ReceiveMessage", parameters)
    for backend in _backends():
        queue = getattr(backend, "queues", {}).get(name) if type(backend).__module__ == "moto.sqs.models" else None
        if queue is not None and not queue.fifo_queue:
            queue._messages.sort(key=lambda one: (one.body, repr(one.message_attributes), one.id))


_CREATES: Mapping[str, str] = {"CreateBucket": "buckets", "CreateQueue": "queues", "CreateTopic": "topics"}
"""Actions that may be performed again, and where moto's backends have what they create."""


def _created(backend: Any, service: str, region: str) -> Iterator[str]:
    if type(backend).__module__ == f"moto.{service}.models" and (service == "s3" or backend.region_name == region):
        for held in _CREATES.values():
            for name in getattr(backend, held, ()):
                yield str(name).rpartition(":")[2]


def _number_messages() -> None:
    for backend in _backends():
        if type(backend).__module__ == "moto.sqs.models":
            number_messages(backend)


def _sign_alike() -> None:
    """Give what SNS has sent to queues a signature that repeats; moto's is made with random numbers of a library in C."""
    for backend in _backends():
        for queue in backend.queues.values() if type(backend).__module__ == "moto.sqs.models" else ():
            for message in queue._messages:
                message.body = _SIGNED.sub(r"\g<1>toctou", message.body)


_SIGNED = re.compile(r'("Signature": "|SimpleNotificationService-)[A-Za-z0-9+/=]+')
