"""DynamoDB over the wire: HTTP/1.1 and the JSON 1.0 protocol, whatever performs the calls; see ``calls``."""

from __future__ import annotations

from checker.wire.calls import (
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
from checker.wire.client import NoResponse, fetch
from checker.wire.encoding import encoded
from checker.wire.hosts import names_this_machine
from checker.wire.http import LOOPBACK, HttpServer, Limits

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
