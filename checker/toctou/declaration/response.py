"""What a handler returned, as a response.

Decided by the form of what was returned, in this order: a :class:`~toctou.Response`; nothing (200); a status; a text (a body);
a Lambda proxy answer (a mapping with ``statusCode``); a tuple with a status, as models and Flask views return it; an object
with a status (:mod:`toctou.declaration.framework_response`); and whatever else is a body that is sent with 200, as Flask and
FastAPI send it.  No form leaves a part out of the comparison silently: where nothing can be compared, that is an error.
"""

from __future__ import annotations

import base64
import binascii
import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from toctou.client.source import source_line
from toctou.declaration.framework_response import Run, header_pairs, sent
from toctou.declaration.raised_response import answered_by
from toctou.declaration.statuses import status_of
from toctou.errors import ModelError, message_of
from toctou.history.normal_form import REMEDY, decoded
from toctou.history.request import HandlerException, Response
from toctou.scheduling.origin import is_handlers_file

_MOST_LINES = 20
_LIBRARIES = ("botocore.", "boto3.", "toctou.")
_OF_LAMBDA = frozenset(
    {"statusCode", "statusDescription", "headers", "multiValueHeaders", "cookies", "isBase64Encoded", "body"}
)
"""Members of an answer of API Gateway, a load balancer or a function URL: https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html."""


def response_of(returned: Any, handler: str, run: Run) -> Response:
    """The response that a returned value represents; see :func:`toctou.handler`.

    Args:
        returned: by the handler; no coroutine.
        handler: its name, for the error.
        run: runs a coroutine to its end: of a streamed body, or of a response that is an ASGI application.

    Raises:
        ModelError: a value of which nothing, or not all, can be compared.
    """
    try:
        found = _of(returned, run)
    except ModelError as unclear:
        raise _unclear(handler, returned, unclear) from None
    if found is None:
        raise _unclear(handler, returned)
    return found


def _unclear(handler: str, returned: Any, why: ModelError | None = None) -> ModelError:
    return ModelError(
        f"the handler {handler!r} returned {returned!r}" + (f": {why.observed}" if why else ""),
        expected=(why.expected if why else "")
        or "a status such as 204, (status, body), a body, a Response, {'statusCode': …}, or a framework's response",
        cause=(why.cause if why else "") or "a value that is neither a status nor a body that can be compared",
        remedy=f"{REMEDY}; or wrap the handler in a method of the model that does",
    )


def _of(returned: Any, run: Run) -> Response | None:
    match returned:
        case Response():
            return returned
        case None:
            return Response(200)
        case bool() | float():
            return None  # no status, and hardly a body
        case int():
            status = status_of(returned)
            return None if status is None else Response(status)
        case dict() if "statusCode" in returned:
            return _of_lambda(returned)
        case list() | tuple() if not hasattr(returned, "_fields") and (found := _of_parts(returned, run)):
            return found
    return sent(returned, run) or Response(200, returned)


def _of_parts(parts: Sequence[Any], run: Run) -> Response | None:
    """The response of a list of status and body, or of a tuple with a status or headers; ``None`` if it is a body itself."""
    match parts:
        case [int() as first, body] if (status := status_of(first)) is not None:
            return _with(status, body, (), run)
        case list():
            return None
        case (first, second) if split := _split(first, second):
            return _with(*split, (), run)
        case (first, second, headers) if _are_headers(headers) and (split := _split(first, second)):
            return _with(*split, headers, run)
        case (body, Mapping() as headers) if _are_headers(headers):
            return _with(None, body, headers, run)
        case (first, second, *_) if _split(first, second):
            raise ModelError("a tuple with a status, whose other parts are not a body and headers")
    return None


def _split(first: Any, second: Any) -> tuple[int, Any] | None:
    """Status and body, whichever comes first; a text is a status where nothing else is."""
    before, after = status_of(first), status_of(second)
    if before is not None and (isinstance(first, int) or after is None):
        return before, second
    return None if after is None else (after, first)


def _with(status: int | None, body: Any, headers: Any, run: Run) -> Response:
    """A body, which may be a framework's response, with a status and more headers."""
    found = sent(body, run) or Response(200, body)
    given = [*found.headers, *header_pairs(headers)]
    return replace(found, status=found.status if status is None else status, headers=given)


def _are_headers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(name, str) for name in value)
    return hasattr(value, "items") or (
        isinstance(value, list | tuple) and all(isinstance(one, tuple) and len(one) == 2 for one in value)
    )


def _of_lambda(answer: Mapping[str, Any]) -> Response | None:
    status = status_of(answer["statusCode"])
    if status is None:
        return None
    named = [*header_pairs(answer.get("headers") or {}), *header_pairs(answer.get("multiValueHeaders") or {})]
    named = [*dict.fromkeys(named), *(("set-cookie", one) for one in answer.get("cookies") or ())]
    body = _body_of_lambda(answer.get("body"), dict(named).get("content-type", ""), answer.get("isBase64Encoded"))
    rest = {name: value for name, value in answer.items() if name not in _OF_LAMBDA}
    if rest:  # which only a direct invocation returns
        body = {**rest, "body": body}
    return Response(status, body, headers=named)


def _body_of_lambda(body: Any, media_type: str, encoded: Any) -> Any:
    if not isinstance(body, str):
        return body
    if encoded is True:
        try:
            return decoded(base64.b64decode(body, validate=True), media_type)
        except binascii.Error as fault:
            raise ModelError(f"its body is not base64: {fault}", cause="isBase64Encoded is set") from None
    try:
        return json.loads(body, parse_constant=str)
    except (ValueError, RecursionError):
        return body


def response_to(raised: BaseException, run: Run) -> Response:
    """What a client is answered when a handler raises: what the exception says, or else 500 with the line that it came from."""
    answer = answered_by(raised, run)
    if answer is not None:
        return answer
    places = [
        (frame.f_code, line)
        for frame, line in traceback.walk_tb(raised.__traceback__)
        if not frame.f_globals.get("__name__", "").startswith(_LIBRARIES)
    ]
    # Between them may be what a framework has to do for the handler to be called.
    places = [place for place in places if is_handlers_file(place[0].co_filename)] or places
    lines = tuple(one for place in places[-_MOST_LINES:] if (one := source_line(place)) is not None)
    source = lines[-1] if lines else None
    return Response(500, None, HandlerException(type(raised).__name__, message_of(raised), source, lines))
