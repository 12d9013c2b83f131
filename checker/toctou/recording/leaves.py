"""The values of a request by where they stand, and the same request with other values.

A place is a path of names and indexes, such as ``event.requestContext.authorizer.claims.sub`` or ``headers.authorization.sub``:
bodies in JSON, tokens (JWT, which nobody verifies here), basic credentials and cookies are looked into, and so are the segments
of paths.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

Place = tuple[str, ...]
Rename = Callable[[str], str]

_PATHS = frozenset({"path", "rawPath", "resourcePath", "query", "rawQueryString", "resource"})
_TOKEN = re.compile(r"(?P<scheme>[Bb]earer\s+)?(?P<head>eyJ[\w-]+)\.(?P<body>[\w-]+)\.(?P<rest>[\w-]*)")
_SCHEME = re.compile(r"(?P<scheme>(?:[Bb]earer|[Tt]oken|[Aa]pi-?[Kk]ey)\s+)(?P<token>[^\s.]+)")
_BASIC = re.compile(r"(?P<scheme>[Bb]asic\s+)(?P<body>[A-Za-z0-9+/=]+)")
_COOKIE = "cookie"
_DEPTH = 16


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every scalar of a request with its place."""
    if len(place) > _DEPTH:
        return
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from leaves(one, (*place, str(name)))
    elif isinstance(value, list | tuple):
        for at, one in enumerate(value):
            yield from leaves(one, (*place, str(at)))
    elif isinstance(value, str):
        inner = _inside(value, place)
        if inner is None:
            yield place, value
        else:
            yield from leaves(inner, place)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, value
    elif hasattr(value, "__dict__") and not callable(value):
        for name, one in vars(value).items():
            if not name.startswith("_"):
                yield from leaves(one, (*place, name))


def _inside(text: str, place: Place) -> Any:
    if place and place[-1] in _PATHS and ("/" in text or "=" in text):
        return [unquote(one) for one in re.split(r"[/?&=]", text) if one]
    if place and place[-1].lower() == _COOKIE and "=" in text:
        return dict(one.split("=", 1) for one in text.split("; ") if "=" in one)
    if (found := _TOKEN.fullmatch(text)) and (claims := _claims(found["body"])) is not None:
        return claims
    if found := _SCHEME.fullmatch(text):
        return {"user": found["token"]}
    if found := _BASIC.fullmatch(text):
        try:
            user, _, password = base64.b64decode(found["body"], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return {"user": user, "password": password}
    if text[:1] in "{[" and text[-1:] in "}]":
        try:
            return json.loads(text)
        except ValueError:
            return None
    return None


def _claims(body: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return None


def renamed(value: Any, rename: Rename, place: Place = ()) -> Any:
    """The same request with each text in it renamed; what is encoded is encoded again."""
    if isinstance(value, Mapping):
        return {name: renamed(one, rename, (*place, str(name))) for name, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, rename, (*place, str(at))) for at, one in enumerate(value)]
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(renamed(one, rename, (*place, str(at))) for at, one in enumerate(value))
    return _renamed_text(value, rename, place) if isinstance(value, str) else value


def _renamed_text(value: str, rename: Rename, place: Place) -> str:
    if place and place[-1] in _PATHS and ("/" in value or "=" in value):
        return "".join(
            one if at % 2 else quote(rename(unquote(one)), safe="@:+,;~!$'()*") if "%" in one else rename(one)
            for at, one in enumerate(re.split(r"([/?&=])", value))
        )
    if place and place[-1].lower() == _COOKIE and "=" in value:
        pairs = [one.partition("=") for one in value.split("; ")]
        return "; ".join(f"{name}{sign}{renamed(one, rename, (*place, name))}" for name, sign, one in pairs)
    if (found := _TOKEN.fullmatch(value)) and (claims := _claims(found["body"])) is not None:
        other = renamed(claims, rename)
        if other == claims:
            return value
        body = base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip("=")
        return f"{found['scheme'] or ''}{found['head']}.{body}.{found['rest']}"
    if found := _SCHEME.fullmatch(value):
        return found["scheme"] + rename(found["token"])
    if (found := _BASIC.fullmatch(value)) and isinstance(parts := _inside(value, place), dict):
        return found["scheme"] + base64.b64encode(":".join(map(rename, parts.values())).encode()).decode()
    if value[:1] in "{[" and value[-1:] in "}]":
        try:
            inner = json.loads(value)
        except ValueError:
            return rename(value)
        other = renamed(inner, rename)
        return value if other == inner else json.dumps(other)
    return rename(value)
