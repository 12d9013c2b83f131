"""Decides how a request over HTTP is written down as plain data, and how it is sent again from that.

Texts are as an application reads them: the path without percent-encoding, and the query with as little of it as possible, so that
an identifier looks the same wherever it stands.  A body that nobody has changed is sent byte by byte as the test has sent it,
since it may be signed.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode

from toctou.history.normal_form import decoded
from toctou.history.request import Response
from toctou.openapi.request import HttpRequest
from toctou.recording.requested import Arguments
from toctou.recording.test_clients.tokens import TOKENS

METHOD, PATH, QUERY, HEADERS, BODY, FORM = "method", "path", "query", "headers", "body", "form"

_FORM_TYPE = "application/x-www-form-urlencoded"
_IN_PATH = "/!$&'()*+,;=:@"
_IN_QUERY = "!$'()*,:@/?"
_NOT_SENT_AGAIN = frozenset({"content-length", "transfer-encoding", "accept-encoding"})
"""The first two follow from the body.  What is encoded for a client that accepts it says the time of that, and nothing else."""
_OF_ENCODING = frozenset({"content-encoding"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that a test has sent.

    Attributes:
        arguments: as plain data.
        body: as sent.
    """

    arguments: dict[str, Any]
    body: bytes

    @classmethod
    def of(cls, method: str, path: str, query: str, headers: Iterable[tuple[str, str]], body: bytes) -> Sent:
        """A request; its path without percent-encoding, its query without the question mark, names of headers in any case."""
        return cls(_arguments(method, path, query, headers, body), body)

    def changed(self, arguments: Arguments) -> HttpRequest:
        """The request to send for these arguments, in which identifiers may be others."""
        own = self.arguments
        same = arguments.get(BODY) == own[BODY] and arguments.get(FORM) == own.get(FORM)
        path, query = quote(arguments[PATH], safe=_IN_PATH), quote(arguments[QUERY], safe=f"{_IN_QUERY}%&=+;")
        content = self.body if same else _content(arguments)
        headers = {name: TOKENS.valid(value) if "eyJ" in value else value for name, value in arguments[HEADERS].items()}
        return HttpRequest(arguments[METHOD], f"{path}?{query}" if query else path, headers, content)


def route_of(arguments: Arguments) -> str:
    """``METHOD /path`` of a request."""
    return f"{arguments[METHOD]} {arguments[PATH]}"


def answer_of(status: int, headers: Iterable[tuple[str, str]], content: bytes) -> Response:
    """What was answered, as it would have been to a client that accepts no encoding."""
    named = [(name.lower(), value) for name, value in headers]
    encoding = dict(named).get("content-encoding", "")
    with suppress(OSError, EOFError, zlib.error):
        content = gzip.decompress(content) if encoding == "gzip" else content
        content = zlib.decompress(content) if encoding == "deflate" else content
    kept = [one for one in named if one[0] not in _OF_ENCODING]
    return Response(status, decoded(content, dict(named).get("content-type", "")), headers=kept)


def no_coroutine(coroutine: Any) -> Any:
    """What only a coroutine could tell of an exception is not known."""
    coroutine.close()
    raise RuntimeError("a coroutine outside of its loop")


def _arguments(method: str, path: str, query: str, headers: Iterable[tuple[str, str]], body: bytes) -> dict[str, Any]:
    named: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower not in _NOT_SENT_AGAIN and (value or lower != "cookie"):
            named[lower] = f"{named[lower]}{'; ' if lower == 'cookie' else ', '}{value}" if lower in named else value
            if "eyJ" in value:  # as every token begins
                TOKENS.note(value)
    arguments: dict[str, Any] = {
        METHOD: method.upper(),
        PATH: path,
        QUERY: _readable(query),
        HEADERS: named,
        BODY: None,
    }
    if not body:
        return arguments
    kind = named.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {**arguments, BODY: body}
    if kind == _FORM_TYPE:
        return {**arguments, FORM: _fields(text)}
    if kind.startswith("multipart/"):
        return {**arguments, BODY: body}
    if kind == "application/json" or kind.endswith("+json"):
        with suppress(ValueError, RecursionError):
            return {**arguments, BODY: json.loads(text)}
    return {**arguments, BODY: text}


def _readable(query: str) -> str:
    """The query with no more percent-encoding than it needs."""
    if "%" not in query and "+" not in query:
        return query
    try:
        parts = [[unquote_plus(text, errors="strict") for text in one.split("=", 1)] for one in query.split("&")]
    except UnicodeDecodeError:
        return query
    return "&".join("=".join(quote(text, safe=_IN_QUERY) for text in one) for one in parts)


def _fields(text: str) -> dict[str, Any]:
    """The fields of a form: a text, or a list of texts for a field that it has several times."""
    fields: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def _content(arguments: Arguments) -> bytes:
    if FORM in arguments:
        return urlencode(arguments[FORM], doseq=True).encode()
    body = arguments[BODY]
    if isinstance(body, bytes) or body is None:
        return body or b""
    is_text = isinstance(body, str) and "json" not in arguments[HEADERS].get("content-type", "").lower()
    return body.encode() if is_text else json.dumps(body).encode()
