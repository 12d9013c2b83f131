"""Django's test client, and that of Django REST framework, which differ in what their handler does with a request.

The handler returns an object for the test, which is read here as a server would send it.  What the handler adds holds when a
request is performed again: no check of CSRF tokens, and who is signed in, by force or by a session, whose database is gone.

https://docs.djangoproject.com/en/stable/topics/testing/tools/ and https://www.django-rest-framework.org/api-guide/testing/.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any

from toctou.recording.recorder import Recorder
from toctou.recording.requested import Arguments
from toctou.recording.test_clients import asgi_requests, wsgi_requests
from toctou.recording.test_clients.applications import Applications
from toctou.recording.test_clients.client import Client
from toctou.recording.test_clients.django_application import DjangoApplication
from toctou.recording.test_clients.django_settings import settings_in_force
from toctou.recording.test_clients.django_users import SignedIn

_MODULE = "django.test.client"


def _wrapped(original: Callable[..., Any], recorder: Recorder, applications: Applications) -> Callable[..., Any]:
    """The handler's method that gets one request as an environment of WSGI."""
    recorder.surrounding.others.append(settings_in_force)

    @functools.wraps(original)
    def handle(self: Any, environ: dict[str, Any]) -> Any:
        responses: list[Any] = []
        handler, signed_in = _as_it_is(self, is_async=False), SignedIn()

        def called(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            responses.append(original(self, environ))
            signed_in.note(handler, responses[0].wsgi_request)
            return _started(responses[0], start_response)

        def again(arguments: Arguments) -> wsgi_requests.Wsgi:
            own = signed_in.put_into(handler, arguments)
            return lambda environ, start_response: _started(original(own, environ), start_response)

        known = applications.named(DjangoApplication.present_name(), DjangoApplication)
        body = wsgi_requests.recorded(recorder, known, called, again, signed_in.add_to)(environ, _nothing)
        (response,) = responses
        if response.streaming and not _is_async(response):
            response.streaming_content = body
        return response

    return handle


def _wrapped_async(original: Callable[..., Any], recorder: Recorder, applications: Applications) -> Callable[..., Any]:
    """The handler's method that gets one request as a scope of ASGI."""

    @functools.wraps(original)
    async def handle(self: Any, scope: dict[str, Any]) -> Any:
        responses: list[Any] = []
        handler, signed_in = _as_it_is(self, is_async=True), SignedIn()

        async def called(scope: Any, receive: Any, send: Any) -> None:
            responses.append(await original(self, await _with_body(scope, receive)))
            signed_in.note(handler, responses[0].asgi_request)
            await _sent(responses[0], send)

        def again(arguments: Arguments) -> asgi_requests.Asgi:
            async def call(scope: Any, receive: Any, send: Any) -> None:
                await _sent(await original(own, await _with_body(scope, receive)), send)

            own = signed_in.put_into(handler, arguments)
            return call

        file = scope.pop("_body_file", None)
        body = b"" if file is None else file.read()

        async def receive() -> asgi_requests.Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(_: asgi_requests.Message) -> None: ...

        known = applications.named(DjangoApplication.present_name(), DjangoApplication)
        await asgi_requests.recorded(recorder, known, called, again, signed_in.add_to)(scope, receive, send)
        return responses[0]

    return handle


def _as_it_is(handler: Any, *, is_async: bool) -> Any:
    """The handler with what the client has set until now, such as who is signed in; its middleware is loaded once."""
    if handler._middleware_chain is None:
        handler.load_middleware(is_async=is_async)
    return copy.copy(handler)


def _started(response: Any, start_response: Any) -> Iterable[bytes]:
    start_response(f"{response.status_code} {response.reason_phrase}", list(_headers(response)))
    if not response.streaming:
        return [response.content]
    parts: Iterable[bytes] = [] if _is_async(response) else response.streaming_content
    return parts


def _is_async(response: Any) -> bool:
    return bool(getattr(response, "is_async", False))  # since Django 4.2


async def _sent(response: Any, send: Any) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _headers(response)]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    if not response.streaming:
        await send({"type": "http.response.body", "body": response.content, "more_body": False})


def _headers(response: Any) -> Iterable[tuple[str, str]]:
    yield from response.items()
    yield from (("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values())


async def _with_body(scope: dict[str, Any], receive: Any) -> dict[str, Any]:
    """The scope as Django's own test client makes it."""
    payload = sys.modules[_MODULE].FakePayload((await receive()).get("body", b""))
    return {**scope, "_body_file": payload}


def _nothing(*_: Any) -> None:
    """The test gets the response itself."""


CLIENT = Client(_MODULE, "ClientHandler", "__call__", _wrapped)
ASYNC_CLIENT = Client(_MODULE, "AsyncClientHandler", "__call__", _wrapped_async)
