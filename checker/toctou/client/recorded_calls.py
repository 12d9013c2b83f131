"""Records every call of every client of AWS while tests run; each is performed as ever.

The same method of botocore is wrapped as for a check (:mod:`toctou.client.intercept`), so nothing of boto3 escapes.  Results are
kept as the caller gets them, and no client is: each test makes its own, and what is kept is walked by each garbage collection.  A
table that was there before is read once, when it is first named, but only from moto or an endpoint on this machine: nothing is
ever sent to AWS that the tests do not send.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import botocore.session
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from toctou.client import asynchronous
from toctou.client.events import Listeners
from toctou.client.seam import SEAM
from toctou.client.source import Callers
from toctou.client.users_moto import users_moto_is_active
from toctou.engine import Kind, actions_of
from toctou.history.request import SourceLine
from toctou.scheduling.origin import is_handlers_file

_OF_ITEMS = actions_of(Kind.READS, Kind.WRITES)
_NAMED_IN = ("RequestItems", "TransactItems")


class Called(NamedTuple):
    """A call of a client of AWS.

    Attributes:
        converts: whether parameters and results are in Python's types, as boto3's resources have them.
        service, region, action: as boto3 names them, such as ``dynamodb`` and ``GetItem``.
        parameters: as passed to the client, copied.
        result: as the client returned it; ``None`` if it raised.
        code: of the error; empty if it returned; ``?`` if what it raised is no error of a service.
        request: the number of the request that made it; ``None`` for the test itself.
        source: the line that made it.
    """

    converts: bool
    service: str
    region: str
    action: str
    parameters: Mapping[str, Any]
    result: Any
    code: str
    request: int | None
    source: SourceLine | None


class Found(NamedTuple):
    """A table that was there before anything of it was recorded: its description, and its items, as the API writes them."""

    description: Mapping[str, Any]
    items: tuple[Mapping[str, Any], ...]


class Forgotten(NamedTuple):
    """Everything is gone: moto has begun anew."""


Logged = Called | Found | Forgotten


class Listener(Protocol):
    """Who is told of calls.

    Attributes:
        log: receives what happens.
        known: names of tables of which everything since their creation is in the log.
    """

    log: list[Logged]
    known: set[str]

    @property
    def current(self) -> int | None:
        """The number of the request that runs; ``None`` if none does."""

    def forget(self) -> None:
        """Everything that was stored is gone."""


class _Calls:
    """Tells a listener of calls."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._line = Callers().line
        self._converts: WeakKeyDictionary[BaseClient, bool] = WeakKeyDictionary()

    def begun(self, client: BaseClient, action: str, parameters: Any, original: Callable[..., Any] | None) -> Any:
        """A call is about to be performed; returns a copy of its parameters."""
        _hook_moto(self._listener)
        if original is not None and client.meta.service_model.service_name == "dynamodb":
            for table in _unknown(self._listener, action, parameters):
                self._listener.known.add(table)
                _find(self._listener, client, table, original)
        return _kept(parameters)

    def failed(self, client: BaseClient, action: str, parameters: Any, raised: BaseException) -> None:
        """It has raised."""
        code = str(raised.response.get("Error", {}).get("Code", "?")) if isinstance(raised, ClientError) else "?"
        self._note(client, action, parameters, None, code)

    def returned(self, client: BaseClient, action: str, parameters: Any, result: Any) -> None:
        """It has returned."""
        if action == "CreateTable" and client.meta.service_model.service_name == "dynamodb":
            self._listener.known.add(str(parameters.get("TableName")))
        self._note(client, action, parameters, _kept(result), "")

    def _note(self, client: BaseClient, action: str, parameters: Any, result: Any, code: str) -> None:
        meta, listener = client.meta, self._listener
        service, region = meta.service_model.service_name, meta.region_name or ""
        converts = self._converts.get(client)
        if converts is None:
            converts = self._converts[client] = service == "dynamodb" and _converts(client)
        source = self._source(sys._getframe(3))
        request = listener.current
        listener.log.append(Called(converts, service, region, action, parameters, result, code, request, source))

    def _source(self, frame: FrameType | None) -> SourceLine | None:
        """The innermost line that is no library's."""
        innermost = frame
        while frame is not None and not is_handlers_file(frame.f_code.co_filename):
            frame = frame.f_back
        return self._line(frame or innermost)


def _converts(client: BaseClient) -> bool:
    """Whether it is the client of one of boto3's resources."""
    event = "provide-client-params.dynamodb.GetItem"
    listeners = Listeners(client.meta.events, (event,)).to(event)
    return any(getattr(one, "__name__", "") == "copy_dynamodb_params" for one in listeners)


def _kept(value: Any) -> Any:
    """A copy of all that a caller may change."""
    kind = type(value)
    if kind is dict:
        return {name: _kept(one) for name, one in value.items()}
    if kind is list:
        return [_kept(one) for one in value]
    if kind is tuple:
        return tuple([_kept(one) for one in value])
    if kind is set:
        return set(value)
    return bytes(value) if kind is bytearray else value


@contextmanager
def calls_recorded(listener: Listener) -> Iterator[None]:
    """While inside, a listener is told of calls."""
    original: Callable[..., Any] = getattr(BaseClient, SEAM)
    calls = _Calls(listener)

    def call(client: BaseClient, operation_name: str, api_params: Any) -> Any:
        parameters = calls.begun(client, operation_name, api_params, original)
        try:
            result = original(client, operation_name, api_params)
        except BaseException as raised:
            calls.failed(client, operation_name, parameters, raised)
            raise
        calls.returned(client, operation_name, parameters, result)
        return result

    def replaced(own: asynchronous.Coroutine) -> asynchronous.Coroutine:
        async def awaited_call(client: BaseClient, operation_name: str, api_params: Any) -> Any:
            parameters = calls.begun(client, operation_name, api_params, None)
            try:
                result = await own(client, operation_name, api_params)
            except BaseException as raised:
                calls.failed(client, operation_name, parameters, raised)
                raise
            calls.returned(client, operation_name, parameters, result)
            return result

        return awaited_call

    setattr(BaseClient, SEAM, call)
    try:
        with asynchronous.replaced(SEAM, replaced):
            yield
    finally:
        if getattr(BaseClient, SEAM) is call:  # or something else is in front of it, which stays
            setattr(BaseClient, SEAM, original)
        _unhook_moto()


def _unknown(listener: Listener, action: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    if action not in _OF_ITEMS:
        return
    named = [parameters.get("TableName")]
    for where in _NAMED_IN:
        inside = parameters.get(where)
        if isinstance(inside, Mapping):
            named += list(inside)
        elif isinstance(inside, list):
            named += [part.get("TableName") for one in inside if isinstance(one, Mapping) for part in one.values()]
    for table in dict.fromkeys(named):
        if isinstance(table, str) and table not in listener.known:
            yield table


def _find(listener: Listener, client: BaseClient, table: str, original: Callable[..., Any]) -> None:
    """Read a table through a client of its own, whose listeners convert nothing."""
    if not _is_local(client.meta.endpoint_url):
        return
    with suppress(Exception):  # whatever is wrong, the caller is going to be told by its own call
        plain = _plain_client(client)
        described = original(plain, "DescribeTable", {"TableName": table})["Table"]
        items: list[Mapping[str, Any]] = []
        asked: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
        while True:
            page = original(plain, "Scan", asked)
            items += page["Items"]
            if not page.get("LastEvaluatedKey"):
                break
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        listener.log.append(Found(described, tuple(items)))


def _plain_client(client: BaseClient) -> BaseClient:
    credentials = client._request_signer._credentials  # type: ignore[attr-defined] # as the caller's
    session = botocore.session.Session()  # of its own: boto3's default one belongs to the tests
    return session.create_client(
        "dynamodb",
        region_name=client.meta.region_name,
        endpoint_url=client.meta.endpoint_url,
        aws_access_key_id=getattr(credentials, "access_key", None) or "toctou",
        aws_secret_access_key=getattr(credentials, "secret_key", None) or "toctou",
        aws_session_token=getattr(credentials, "token", None),
    )


_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal"})  # noqa: S104 - nothing listens there


def _is_local(endpoint: str) -> bool:
    """Whether nothing that is asked there leaves the machine, or the network of its containers."""
    host = urlsplit(endpoint).hostname or ""
    return users_moto_is_active() or host in _LOCAL or "." not in host or host.endswith((".localhost", ".local"))


_hooked: list[tuple[Any, Any]] = []


def _hook_moto(listener: Listener) -> None:
    """Hear of it when moto forgets everything, once it is there: nothing imports it for that."""
    backends: Any = sys.modules.get("moto.core.base_backend")
    if _hooked or backends is None or not hasattr(backends, "BackendDict"):
        return
    kind = backends.BackendDict
    original = vars(kind)["reset"]

    @classmethod  # type: ignore[misc] # as it is there
    def reset(cls: Any) -> Any:
        listener.forget()
        return original.__func__(cls)

    _hooked.append((kind, original))
    kind.reset = reset


def _unhook_moto() -> None:
    while _hooked:
        kind, original = _hooked.pop()
        kind.reset = original
