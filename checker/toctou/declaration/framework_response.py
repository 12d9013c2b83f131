"""Reads the response objects of HTTP frameworks, without importing or needing any.

A response that is itself a WSGI or ASGI application (Flask, Werkzeug, Starlette, FastAPI, WebOb) is sent a request, so that
status, headers, cookies and a streamed body are what a client gets, and background tasks run.  Any other object with a status
(Django, Chalice, aiohttp, Lambda Powertools, clients' responses, a model's own class) is read by the attributes that such
objects have.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Iterator, Mapping
from http.cookies import BaseCookie
from typing import Any

from toctou.declaration.statuses import status_of
from toctou.errors import ModelError
from toctou.history.normal_form import decoded, members_of
from toctou.history.request import Response
from toctou.openapi.request import HttpRequest

Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine to its end, and returns or raises what it does."""

_STATUSES = ("status_code", "status", "code")
_BODIES = ("content", "body", "data", "text", "media", "get_data", "json")
_HEADERS = ("headers", "cookies", "content_type", "mimetype")
_ABSENT = object()


def sent(response: Any, run: Run) -> Response | None:
    """What a client gets of a response object; ``None`` if it is none, having no status.

    Raises:
        ModelError: its body cannot be read.
    """
    statuses = (status_of(_read(response, name)) for name in _STATUSES)
    status = next((found for found in statuses if found is not None), None)
    if status is None or isinstance(response, type):
        return None
    members = members_of(response)
    if members is not None and (
        isinstance(members, dict) or not hasattr(response, "headers")
    ):  # aiohttp's are mappings
        return _of_members(status, members)
    if callable(response):
        application = _sent_as_application(response, run)
        if application is not None:
            return application
    headers = list(_headers(response))
    body = _body(response, run)
    if isinstance(body, str | bytes):
        body = decoded(body, dict(headers).get("content-type", ""))
    return Response(status, body, headers=headers)


def header_pairs(headers: Any) -> Iterator[tuple[str, str]]:
    """Lower-case names and values of a mapping, a multi-dictionary or pairs; a list of values counts as several headers."""
    items = getattr(headers, "multi_items", None) or getattr(headers, "items", None)
    pairs: Iterable[tuple[Any, Any]] = items() if callable(items) else headers
    for name, value in pairs:
        for one in value if isinstance(value, list | tuple) else [value]:
            yield str(name).lower(), str(one)


def _sent_as_application(response: Any, run: Run) -> Response | None:
    # Imported late, because both take a while, and most models have no framework.
    from toctou.web import asgi, wsgi  # noqa: PLC0415

    request = HttpRequest("GET", "/")
    if asgi.is_asgi(response):
        found: Response = run(asgi.answer(response, request, {}))
        return found
    if list(inspect.signature(response).parameters)[:2] == ["environ", "start_response"]:
        return wsgi.answer(response, request)
    return None


def _of_members(status: int, members: Mapping[Any, Any]) -> Response:
    """The response of a dataclass or a pydantic model with a status: all else that it has counts."""
    rest = {name: value for name, value in members.items() if name not in (*_STATUSES, "headers")}
    body = rest["body"] if rest.keys() == {"body"} else rest
    return Response(status, body or None, headers=list(header_pairs(members.get("headers") or ())))


def _headers(response: Any) -> Iterator[tuple[str, str]]:
    named = list(header_pairs(_read(response, "headers") or ()))
    yield from named
    kind = _read(response, "content_type")
    if isinstance(kind, str) and "content-type" not in dict(named):
        yield "content-type", kind
    cookies = _read(response, "cookies")
    if isinstance(cookies, BaseCookie):  # of Django and aiohttp, which send them besides the headers
        yield from (("set-cookie", morsel.OutputString()) for morsel in cookies.values())
    elif isinstance(cookies, list | tuple):  # of Lambda Powertools
        yield from (("set-cookie", str(cookie)) for cookie in cookies)


def _body(response: Any, run: Run) -> Any:
    if getattr(response, "streaming", False) is True:  # Django
        return _streamed(response.streaming_content, run)
    if (
        getattr(response, "is_rendered", True) is False
    ):  # Django's templates; those of its REST framework have data instead
        if hasattr(response, "data"):
            return response.data
        response.render()
    for name in _BODIES:
        body = _read(response, name, _ABSENT)
        if body is not _ABSENT:
            body = body() if inspect.isroutine(body) else body
            return run(body) if inspect.iscoroutine(body) else body
    rest = sorted(_state(response) - {*_STATUSES, *_HEADERS})
    if rest:
        shown = [name for name in rest if not name.startswith("_")] or rest
        raise ModelError(
            f"nothing but its status can be compared, and it has {', '.join(shown)} besides",
            expected=f"an object with its body in one of {', '.join(_BODIES)}",
            cause="a response that writes its body elsewhere, such as a stream or a file, or a class of the project's own",
        )
    return None


def _read(response: Any, name: str, absent: Any = None) -> Any:
    """An attribute of a response; some raise errors of their own for what they do not have."""
    try:
        return getattr(response, name, absent)
    except Exception:
        return absent


def _state(response: Any) -> set[str]:
    """The names of an object's own attributes, whether private or not."""
    slots = {name for base in type(response).__mro__ for name in getattr(base, "__slots__", ())}
    return {*getattr(response, "__dict__", {}), *slots} - {"__weakref__", "__dict__"}


def _streamed(content: Any, run: Run) -> bytes:
    if isinstance(content, AsyncIterable):
        collected: bytes = run(_collected(content))
        return collected
    return b"".join(content)


async def _collected(content: AsyncIterable[bytes]) -> bytes:
    return b"".join([part async for part in content])
