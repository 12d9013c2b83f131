"""DynamoDB over the wire: HTTP/1.1 and the JSON 1.0 protocol, whatever performs the calls; see ``calls``."""

from __future__ import annotations

from toctou.wire.calls import (
    Call,
    HttpRequest,
    HttpResponse,
    Perform,
    answer,
    answered,
    decoded,
    failed,
    read_call,
    refused,
    unknown_operation,
    wrong_host,
)
from toctou.wire.client import NoResponse, fetch
from toctou.wire.encoding import encoded
from toctou.wire.hosts import names_this_machine
from toctou.wire.http import LOOPBACK, HttpServer, Limits

__all__ = [
    "LOOPBACK",
    "Call",
    "HttpRequest",
    "HttpResponse",
    "HttpServer",
    "Limits",
    "NoResponse",
    "Perform",
    "answer",
    "answered",
    "decoded",
    "encoded",
    "failed",
    "fetch",
    "names_this_machine",
    "read_call",
    "refused",
    "unknown_operation",
    "wrong_host",
]
