"""Builds the HTTP request of an operation: where each argument goes, and how the principal authenticates.

An argument is a parameter of the operation under its own name, or ``body``.  Credentials follow the operation's first security
requirement: the principal's name is the API key, the bearer token, or user and password of basic authentication.  A model that
needs other credentials sets ``headers``.

Sources: style and explode of https://spec.openapis.org/oas/v3.1.1.html#style-values; RFC 7617; RFC 6750.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from toctou.openapi.operations import Operation, Parameter, Scheme

BODY = "body"
"""The argument for a request's body; a parameter of that name is called ``body_`` plus its location."""

_SEPARATORS = {"spaceDelimited": " ", "pipeDelimited": "|"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as sent.

    Attributes:
        method: in upper case.
        path: percent-encoded, including the query if there is one.
        body: empty if there is none.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def argument_name(parameter: Parameter) -> str:
    """The name of a parameter's argument."""
    return f"{BODY}_{parameter.location}" if parameter.name == BODY else parameter.name


def credentials(operation: Operation, principal: str) -> dict[str, str]:
    """Headers that authenticate the principal by the operation's first security requirement; empty if it has none."""
    headers: dict[str, str] = {}
    for scheme in operation.security[0] if operation.security else ():
        headers |= _credential(scheme, principal)
    return headers


def _credential(scheme: Scheme, principal: str) -> dict[str, str]:
    match scheme.kind, scheme.location:
        case "apiKey", "header":
            return {scheme.key: principal}
        case "apiKey", "cookie":
            return {"Cookie": f"{scheme.key}={quote(principal)}"}
        case "basic", _:
            token = base64.b64encode(f"{principal}:{principal}".encode()).decode()
            return {"Authorization": f"Basic {token}"}
        case "bearer", _:
            return {"Authorization": f"Bearer {principal}"}
    return {}


def made(operation: Operation, principal: str, arguments: Mapping[str, Any], headers: Mapping[str, str]) -> HttpRequest:
    """Build the request of an operation.

    Args:
        principal: who the request acts for.
        headers: of the principal; if empty, they follow the security scheme.
    """
    path, query = operation.prefix + operation.path, list[tuple[str, str]]()
    sent = dict(headers or credentials(operation, principal))
    if not headers:
        query += [
            (scheme.key, principal)
            for scheme in (operation.security[0] if operation.security else ())
            if (scheme.kind, scheme.location) == ("apiKey", "query")
        ]
    cookies = [sent.pop("Cookie")] if "Cookie" in sent else []
    raw = ""
    for one in operation.parameters:
        name = argument_name(one)
        if name not in arguments:
            continue
        value = arguments[name]
        match one.location:
            case "path":
                text = _in_path(one, value)
                path = path.replace(f"{{{one.name}}}", text)
            case "query":
                query += _pairs(one, value)
            case "querystring":
                raw = urlencode(value, doseq=True) if isinstance(value, Mapping) else quote(str(value))
            case "header":
                sent[one.name] = _text(value)
            case "cookie":
                cookies += [f"{name}={quote(text)}" for name, text in _pairs(one, value)]
    if cookies:
        sent["Cookie"] = "; ".join(cookies)
    content = b""
    if operation.body is not None and BODY in arguments:
        sent["Content-Type"], content = _content(operation.body.media_type, arguments[BODY])
    query_text = "&".join(filter(None, [urlencode(query, quote_via=quote), raw]))
    return HttpRequest(operation.method, f"{path}?{query_text}" if query_text else path, sent, content)


def _in_path(parameter: Parameter, value: Any) -> str:
    text = quote(_text(value), safe=",")  # "/" is escaped: it would change the route
    match parameter.style:
        case "label":
            return f".{text}"
        case "matrix":
            return f";{quote(parameter.name)}={text}"
    return text


def _pairs(parameter: Parameter, value: Any) -> Iterator[tuple[str, str]]:
    name = parameter.name
    if parameter.style == "json":
        yield name, json.dumps(value)
    elif parameter.style == "deepObject" and isinstance(value, Mapping):
        yield from ((f"{name}[{key}]", _scalar(one)) for key, one in value.items())
    elif isinstance(value, Mapping) and parameter.explode:
        yield from ((key, _scalar(one)) for key, one in value.items())
    elif isinstance(value, list) and parameter.explode:
        yield from ((name, _scalar(one)) for one in value)
    elif isinstance(value, list) and parameter.style in _SEPARATORS:
        yield name, _SEPARATORS[parameter.style].join(map(_scalar, value))
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    """The style ``simple``: elements, or names and values, separated by commas."""
    if isinstance(value, Mapping):
        return ",".join(_scalar(part) for pair in value.items() for part in pair)
    return ",".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _content(media_type: str, value: Any) -> tuple[str, bytes]:
    kind = media_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return kind, urlencode([(name, _text(one)) for name, one in dict(value).items()]).encode()
    if kind == "multipart/form-data":
        limit = "toctou-boundary"  # fixed, so that the same arguments always give the same bytes
        parts = [
            f'--{limit}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{_text(one)}\r\n'
            for name, one in dict(value).items()
        ]
        return f"{kind}; boundary={limit}", f"{''.join(parts)}--{limit}--\r\n".encode()
    # A media range such as `*/*` is valid in a document, but not as a request's content type.
    return ("application/json" if "*" in media_type else media_type), json.dumps(value).encode()
