"""Converts a handler's call to an HTTP request, and the service's HTTP response back to a response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from toctou.errors import ModelError
from toctou.gate.service import HttpCall
from toctou.history.normal_form import decoded
from toctou.history.request import Response
from toctou.wire import HttpRequest, HttpResponse


def http_request(call: HttpCall, headers: Mapping[str, str], principal: str) -> HttpRequest:
    """The HTTP request of a call.

    Raises:
        ModelError: a body that is not JSON, or a header or path that HTTP forbids.
    """
    sent = {name: value.replace("{principal}", principal) for name, value in {**headers, **call.headers}.items()}
    if call.body is None:
        body = b""
    elif isinstance(call.body, bytes):
        body = call.body
    elif isinstance(call.body, str):
        body = call.body.encode()
    else:
        try:
            body = json.dumps(call.body).encode()
        except (TypeError, ValueError) as fault:
            raise ModelError(
                f"the body of {call.method} {call.path} is not JSON: {fault}",
                expected="texts, numbers, lists and mappings; or a text, which is sent as it is",
                remedy="for example str(…) of a Decimal or a date, sorted(…) of a set",
            ) from None
        if not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = "application/json"
    # The characters of RFC 3986 that may occur in a path or query, and `%`, because a path may be encoded already.
    target = quote(call.path, safe="/?&=%:@!$'()*+,;~-._[]#")
    if not target.startswith("/") or any("\r" in text or "\n" in text for text in (call.method, *sent, *sent.values())):
        raise ModelError(
            f"{call.method} {call.path} cannot be sent",
            expected="a path that begins with / and one-line headers",
            remedy="leave out line breaks",
        )
    return HttpRequest(call.method, target, sent, body)


def response_of(response: HttpResponse) -> Response:
    """Status, body and headers; JSON is parsed, an empty body is ``None``."""
    content = decoded(response.body, response.headers.get("content-type", ""))
    return Response(response.status, content, headers=list(response.headers.items()))
