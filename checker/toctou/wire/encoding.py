"""Results and errors as the bytes of a body, and what an error's type and status are.

An error's type has a prefix that says which layer of the service refused; clients cut it off, but proxies and logs match on
it.  Most errors spell their text ``message``, some ``Message``.

Sources: the service's description of itself for the spelling of its own errors; for the others and for the prefixes,
answers of the service as recorded by the authors of dynalite (https://github.com/architect/dynalite, ``index.js``,
``test/connection.js``).  DynamoDB Local writes ``Message`` throughout, and its own prefix for most.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from toctou.engine import ServiceError

_OWN = "com.amazonaws.dynamodb.v20120810#"
_FRAMEWORK = "com.amazon.coral.service#"

_PREFIXES = {
    "ValidationException": "com.amazon.coral.validate#",
    "ThrottlingException": "com.amazon.coral.availability#",
    "AccessDeniedException": _FRAMEWORK,
    "IncompleteSignatureException": _FRAMEWORK,
    "InvalidSignatureException": _FRAMEWORK,
    "MissingAuthenticationTokenException": _FRAMEWORK,
    "SerializationException": _FRAMEWORK,
    "UnknownOperationException": _FRAMEWORK,
    "UnrecognizedClientException": _FRAMEWORK,
}

_CAPITAL_MESSAGE = frozenset(
    {
        "IdempotentParameterMismatchException",
        "SerializationException",
        "TransactionCanceledException",
        "TransactionInProgressException",
    }
)

_STATUSES = {"InternalServerError": 500, "ServiceUnavailable": 503}


def encoded(document: Mapping[str, Any]) -> bytes:
    """A result, or parameters, in the client's shapes as a JSON body: binaries in base64, times in seconds since 1970."""
    return json.dumps(document, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()


def error_type(code: str) -> str:
    """The ``__type`` of an error."""
    return _PREFIXES.get(code, _OWN) + code


def error_status(code: str) -> int:
    """The HTTP status of an error."""
    return _STATUSES.get(code, 400)


def encoded_error(error: ServiceError) -> bytes:
    """The body of an error: its type, its text unless that is empty, and its further fields."""
    body: dict[str, Any] = {"__type": error_type(error.code)}
    if error.message:
        body["Message" if error.code in _CAPITAL_MESSAGE else "message"] = error.message
    body.update(error.fields)
    return encoded(body)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} has no place in a result")
