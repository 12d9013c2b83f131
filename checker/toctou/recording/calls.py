"""Records every call of every client of AWS while tests run; each is performed as ever.

The same method of botocore is wrapped as for a check (:mod:`toctou.client.intercept`), so nothing of boto3 escapes.  Results are kept
as the caller gets them.  A table that was there before is read once, when it is first named: only moto and local endpoints have
such tables in a test, and reading them changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from toctou.client import asynchronous
from toctou.client.copying import copied
from toctou.client.seam import SEAM
from toctou.recording.recorder import Found, Recorder

_WITHOUT_ITEMS = frozenset({"CreateTable", "DeleteTable", "DescribeTable", "ListTables"})
_NAMED_IN = ("RequestItems", "TransactItems")


@contextmanager
def calls_recorded(recorder: Recorder) -> Iterator[None]:
    """While inside, calls are recorded."""
    original: Callable[..., Any] = getattr(BaseClient, SEAM)

    def call(client: BaseClient, operation_name: str, api_params: Any) -> Any:
        _hook_moto(recorder)
        if client.meta.service_model.service_name == "dynamodb":
            for table in _unknown(recorder, operation_name, api_params):
                recorder.known.add(table)
                _find(recorder, client, table, original)
        parameters = copied(api_params)
        try:
            result = original(client, operation_name, api_params)
        except BaseException as raised:
            recorder.called(client, operation_name, parameters, None, _code(raised))
            raise
        _note_table(recorder, client, operation_name, api_params)
        recorder.called(client, operation_name, parameters, copied(result), "")
        return result

    def replaced(own: asynchronous.Coroutine) -> asynchronous.Coroutine:
        async def awaited_call(client: BaseClient, operation_name: str, api_params: Any) -> Any:
            _hook_moto(recorder)
            parameters = copied(api_params)
            try:
                result = await own(client, operation_name, api_params)
            except BaseException as raised:
                recorder.called(client, operation_name, parameters, None, _code(raised))
                raise
            _note_table(recorder, client, operation_name, api_params)
            recorder.called(client, operation_name, parameters, copied(result), "")
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


def _code(raised: BaseException) -> str:
    return str(raised.response.get("Error", {}).get("Code", "?")) if isinstance(raised, ClientError) else "?"


def _note_table(recorder: Recorder, client: BaseClient, action: str, parameters: Mapping[str, Any]) -> None:
    if action == "CreateTable" and client.meta.service_model.service_name == "dynamodb":
        recorder.known.add(str(parameters.get("TableName")))


def _unknown(recorder: Recorder, action: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    if action in _WITHOUT_ITEMS:
        return
    named = [parameters.get("TableName")]
    for where in _NAMED_IN:
        inside = parameters.get(where)
        if isinstance(inside, Mapping):
            named += list(inside)
        elif isinstance(inside, list):
            named += [part.get("TableName") for one in inside if isinstance(one, Mapping) for part in one.values()]
    for table in dict.fromkeys(named):
        if isinstance(table, str) and table not in recorder.known:
            yield table


def _find(recorder: Recorder, client: BaseClient, table: str, original: Callable[..., Any]) -> None:
    """Read a table through a client of its own, whose listeners convert nothing."""
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
        recorder.log.append(Found(described, tuple(items)))


def _plain_client(client: BaseClient) -> BaseClient:
    import boto3  # noqa: PLC0415 - it is loaded already, or there would be no client

    credentials = client._request_signer._credentials  # type: ignore[attr-defined] # as the caller's
    return boto3.client(
        "dynamodb",
        region_name=client.meta.region_name,
        endpoint_url=client.meta.endpoint_url,
        aws_access_key_id=getattr(credentials, "access_key", None) or "toctou",
        aws_secret_access_key=getattr(credentials, "secret_key", None) or "toctou",
        aws_session_token=getattr(credentials, "token", None),
    )


_hooked: list[tuple[Any, Any]] = []


def _hook_moto(recorder: Recorder) -> None:
    """Hear of it when moto forgets everything, once it is there: nothing imports it for that."""
    backends: Any = sys.modules.get("moto.core.base_backend")
    if _hooked or backends is None or not hasattr(backends, "BackendDict"):
        return
    kind = backends.BackendDict
    original = vars(kind)["reset"]

    @classmethod  # type: ignore[misc] # as it is there
    def reset(cls: Any) -> Any:
        recorder.forget()
        return original.__func__(cls)

    _hooked.append((kind, original))
    kind.reset = reset


def _unhook_moto() -> None:
    while _hooked:
        kind, original = _hooked.pop()
        kind.reset = original
