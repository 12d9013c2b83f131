"""Requests as calls of the API, and what comes of them as responses.

Decides which requests are calls at all, and in which order what is wrong with them is found: method and content type, JSON,
target, token, types, missing members.  Signatures are accepted unseen, but there must be one, as there must be for the
service: a client that does not sign would fail there.

Sources: for order and texts, the service's answers as recorded by the authors of dynalite
(https://github.com/architect/dynalite, ``index.js``, ``test/connection.js``).  Of a member that stands twice the last one
counts, as in DynamoDB Local.  Inferred: requests whose body is not a JSON object, or has a string that is not Unicode.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from toctou.engine import ServiceError
from toctou.wire.encoding import encoded, encoded_error, error_status
from toctou.wire.inputs import INPUTS
from toctou.wire.shapes import serialization

MAXIMUM_BODY = 16 * 1024 * 1024
"""Bytes that a request's body may have, before and after it is unpacked."""

_SMALLEST_TO_PACK = 1024


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request: ``headers`` by their names in lower case, of repeated ones the last."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One HTTP response; its length is counted, and ``Connection`` added, where it is sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API: the action, its parameters in the client's shapes, and the headers it came with."""

    action: str
    parameters: dict[str, Any]
    headers: Mapping[str, str]


Perform = Callable[[Call], Awaitable[Mapping[str, Any]]]
"""Performs a call; raises ``ServiceError`` for what the service would refuse."""


async def answer(request: HttpRequest, perform: Perform) -> HttpResponse:
    """What the service answers to a request; faults of ``perform`` other than ``ServiceError`` are not caught."""
    if request.method == "GET":
        return _text(200, "healthy: dynamodb.us-east-1.amazonaws.com ")
    if request.method != "POST" or (request.body and _content_type(request) not in _CONTENT_TYPES):
        return _text(404, "<UnknownOperationException/>\n")
    try:
        return answered(request, await perform(read_call(request)))
    except ServiceError as error:
        return refused(request, error)


def answered(request: HttpRequest, result: Mapping[str, Any]) -> HttpResponse:
    """The response with the result of a call."""
    return _response(200, encoded(result), request.headers, _content_type(request) or _CONTENT_TYPES[1])


def refused(request: HttpRequest, error: ServiceError) -> HttpResponse:
    """The response with an error."""
    content_type = _content_type(request) or _CONTENT_TYPES[1]
    return _response(error_status(error.code), encoded_error(error), request.headers, content_type)


def _content_type(request: HttpRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


_CONTENT_TYPES = ("application/x-amz-json-1.0", "application/json")


def too_large() -> HttpResponse:
    """What the service answers to a body over the limit."""
    return HttpResponse(413, {"x-amzn-RequestId": request_id()}, b"")


def wrong_host(request: HttpRequest) -> HttpResponse:
    """The response to a request for a host that is not this machine; see ``hosts``."""
    shown = request.headers.get("host", "")
    error = ServiceError(
        "AccessDeniedException",
        f"toctou serves this machine only, and the request is for host {shown!r}: use http://127.0.0.1 or http://localhost, "
        "or start it with --allow-host for a name of your own",
    )
    return _response(403, encoded_error(error), {}, _CONTENT_TYPES[0])


def failed(request: HttpRequest) -> HttpResponse:
    """What the service answers when it has failed itself."""
    error = ServiceError("InternalServerError", "The request processing has failed because of an unknown error.")
    return _response(500, encoded_error(error), request.headers, _CONTENT_TYPES[0])


def read_call(request: HttpRequest) -> Call:
    """The call that a request makes.

    Raises:
        ServiceError: it makes none, or its members are missing or of the wrong types.
    """
    body = unpacked(request.body, request.headers.get("content-encoding", "identity").strip().lower())
    document = read_json(body) if body else None
    action = _action(request.headers.get("x-amz-target", ""))
    if not request.headers.get("authorization", "").startswith("AWS4-") and "X-Amz-Algorithm=" not in request.target:
        raise ServiceError("MissingAuthenticationTokenException", "Request is missing Authentication Token")
    if not body:
        raise serialization()
    return Call(action, decoded(action, document), request.headers)


def decoded(action: str, document: Any) -> dict[str, Any]:
    """The parameters of an action from JSON.

    Raises:
        ServiceError: a member is missing or of the wrong type, or the action is unknown.
    """
    shape = INPUTS.get(action)
    if shape is None:
        raise unknown_operation(action)
    try:
        parameters = shape.decode(document)
    except RecursionError:
        raise serialization() from None
    for name in shape.demanded:
        if name not in parameters:
            missing = f"The parameter '{name}' is required but was not present in the request"
            raise ServiceError("ValidationException", missing)
    faults = list(shape.faults(parameters, ""))
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected: "
        raise ServiceError("ValidationException", count + "; ".join(faults))
    return parameters


def unknown_operation(name: str) -> ServiceError:
    """The error for an action that is not there."""
    return ServiceError("UnknownOperationException", f"An unknown operation was requested: {name}" if name else "")


def read_json(body: bytes) -> Any:
    """The JSON document in a body; raises ``ServiceError`` if there is none."""
    try:
        document = json.loads(body.decode(), parse_constant=_no_constant)
        if b"\\u" in body:
            json.dumps(document, ensure_ascii=False).encode()  # fails on half of a surrogate pair
    except (ValueError, RecursionError):
        raise serialization() from None
    return document


def unpacked(body: bytes, encoding: str) -> bytes:
    """A body without its content encoding; raises ``ServiceError`` if that is damaged, unknown, or hides too much."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise serialization()
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(body, MAXIMUM_BODY + 1)
    except zlib.error:
        raise serialization() from None
    if not unpacker.eof or len(content) > MAXIMUM_BODY:
        raise serialization()
    return content


def request_id() -> str:
    """A fresh request identifier: 52 capitals and digits, as the service's are."""
    return base64.b32encode(os.urandom(33))[:52].decode()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _action(target: str) -> str:
    version, _, action = target.partition(".")
    if version != "DynamoDB_20120810" or action not in INPUTS:
        raise unknown_operation(action or target)
    return action


def _text(status: int, text: str) -> HttpResponse:
    return _response(status, text.encode(), {}, "")


def _response(status: int, body: bytes, asked: Mapping[str, str], content_type: str) -> HttpResponse:
    headers = {"x-amzn-RequestId": request_id()}
    if content_type:
        headers["Content-Type"] = content_type
    if len(body) >= _SMALLEST_TO_PACK and _takes_gzip(asked.get("accept-encoding", "")):
        packer = zlib.compressobj(level=1, wbits=zlib.MAX_WBITS | 16)
        body = packer.compress(body) + packer.flush()
        headers["Content-Encoding"] = "gzip"
    # Of the bytes on the wire: https://github.com/aws/aws-sdk-java/issues/1018
    headers["x-amz-crc32"] = str(zlib.crc32(body))
    return HttpResponse(status, headers, body)


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
