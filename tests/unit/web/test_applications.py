from __future__ import annotations

import asyncio
import json
import threading

import pytest

from toctou.errors import ModelError, ToctouError
from toctou.openapi.request import HttpRequest
from toctou.scheduling import event_loop
from toctou.web import asgi, wsgi


def wsgi_echo(environ, start_response):
    body = environ["wsgi.input"].read().decode()
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_X_USER", "CONTENT_TYPE")
    received = {**{name: environ.get(name, "") for name in names}, "body": body}
    start_response("201 Created", [("Content-Type", "application/json")])
    return [json.dumps(received).encode()]


async def asgi_echo(scope, receive, send):
    message = await receive()
    headers = dict(scope["headers"])
    received = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope["query_string"].decode(),
        "HTTP_X_USER": headers[b"x-user"].decode(),
        "CONTENT_TYPE": headers[b"content-type"].decode(),
        "body": message["body"].decode(),
    }
    await send({"type": "http.response.start", "status": 201, "headers": [(b"Content-Type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(received).encode()[:10], "more_body": True})
    await send({"type": "http.response.body", "body": json.dumps(received).encode()[10:]})


def failing(fault: ToctouError):
    raise fault


def send_to(application, request):
    if asgi.is_asgi(application):
        return event_loop.run(asgi.answer(application, request, {}), failing)
    return wsgi.answer(application, request)


@pytest.mark.parametrize("application", [wsgi_echo, asgi_echo])
def test_a_request_arrives_as_it_was_sent(application):
    request = HttpRequest("PUT", "/a%20b/c%2Fd?x=1&y=%26", {"X-User": "alice", "Content-Type": "text/x"}, b"body")
    answer = send_to(application, request)
    assert answer.status == 201
    assert answer.body == {
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": "/a b/c/d",
        "QUERY_STRING": "x=1&y=%26",
        "HTTP_X_USER": "alice",
        "CONTENT_TYPE": "text/x",
        "body": "body",
    }


async def stream_while_the_client_stays(scope, receive, send):
    """As Starlette streams: it looks out for the client's leaving meanwhile, and gives up then."""

    async def stream():
        await send({"type": "http.response.start", "status": 200, "headers": [(b"ETag", b"3"), (b"Date", b"today")]})
        for part in (b"a", b"b", b"c"):
            await asyncio.sleep(0.01)
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def until_it_leaves():
        while (await receive())["type"] != "http.disconnect":
            pass

    streaming, leaving = asyncio.create_task(stream()), asyncio.create_task(until_it_leaves())
    await asyncio.wait([streaming, leaving], return_when=asyncio.FIRST_COMPLETED)
    streaming.cancel()
    await leaving


def test_a_client_stays_until_a_stream_has_ended():
    answer = send_to(stream_while_the_client_stays, HttpRequest("GET", "/"))
    assert (answer.status, answer.body, answer.headers) == (200, "abc", (("etag", "3"),))


def test_headers_of_a_wsgi_application_count():
    def application(environ, start_response):
        start_response("200 OK", [("Set-Cookie", "a=1"), ("Content-Length", "0"), ("Set-Cookie", "b=2")])
        return []

    assert send_to(application, HttpRequest("GET", "/")).headers == (("set-cookie", "a=1"), ("set-cookie", "b=2"))


async def silent(scope, receive, send):
    """Sends no response."""


def test_an_application_without_a_response():
    with pytest.raises(RuntimeError, match="without a response"):
        send_to(silent, HttpRequest("GET", "/"))


def lifespan(*, fails: bool, state=None):
    async def application(scope, receive, send):
        assert scope["type"] == "lifespan"
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"].update(state or {})
        if fails:
            await send({"type": "lifespan.startup.failed", "message": "no cache"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()

    return application


def test_the_start_of_an_application():
    assert asgi.started(lifespan(fails=False, state={"n": 1})) == {"n": 1}
    assert asgi.started(asgi_echo) == {}  # without lifespan support
    with pytest.raises(ModelError, match="no cache"):
        asgi.started(lifespan(fails=True))


def test_which_kind_an_application_is():
    class Callable:
        async def __call__(self, scope, receive, send): ...

    assert asgi.is_asgi(asgi_echo)
    assert asgi.is_asgi(Callable())
    assert not asgi.is_asgi(wsgi_echo)


def test_functions_of_anyio_s_threads_run_on_the_request_s_loop():
    anyio = pytest.importorskip("anyio", reason="no anyio: `pip install anyio`")
    asyncio.run(
        asgi.answer(asgi_echo, HttpRequest("GET", "/", {"X-User": "a", "Content-Type": "b"}), {})
    )  # installs it

    async def where():
        return await anyio.to_thread.run_sync(threading.get_ident)

    assert event_loop.run(where(), failing) == threading.get_ident()
    assert asyncio.run(where()) != threading.get_ident()  # other loops are unaffected
