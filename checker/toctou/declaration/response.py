"""What a handler returned, as a response."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from typing import Any

from toctou.client.source import source_line
from toctou.errors import ModelError
from toctou.history.request import HandlerException, Response

_LIBRARIES = ("botocore.", "boto3.", "toctou.")


def response_of(returned: Any, handler: str) -> Response:
    """The response that a returned value represents; see :func:`toctou.handler`.

    Raises:
        ModelError: a value that represents none.
    """
    match returned:
        case Response():
            return returned
        case None:
            return Response(200)
        case bool():
            pass  # an int to Python, but no status
        case int():
            return Response(int(returned))
        case (int() as status, body):
            return Response(status, body)
        case Mapping() if isinstance(returned.get("statusCode"), int):
            return Response(returned["statusCode"], _decoded(returned.get("body")))
        case _ if isinstance(getattr(returned, "status_code", None), int):
            return Response(returned.status_code)
    raise ModelError(
        f"the handler {handler!r} returned {returned!r}",
        expected="a status such as 204, (status, body), a Response, {'statusCode': …}, or an object with status_code",
        remedy="wrap the handler in a method of the model that turns its result into a status",
    )


def _decoded(body: Any) -> Any:
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except ValueError:
        return body


def response_to(raised: BaseException) -> Response:
    """The 500 that an exception becomes, with the handler's line that it came from."""
    place = None
    for frame, line in traceback.walk_tb(raised.__traceback__):
        if not frame.f_globals.get("__name__", "").startswith(_LIBRARIES):
            place = frame.f_code, line
    return Response(500, None, HandlerException(type(raised).__name__, str(raised), source_line(place)))
