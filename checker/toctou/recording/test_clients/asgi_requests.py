"""Records the requests that a test client sends to an ASGI application, and sends them again.

Recorded on the thread and in the task in which the application is called, so that its calls are told from those of others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import Any

from toctou.declaration.response import response_to
from toctou.history.request import Response
from toctou.recording.recorder import Recorder
from toctou.recording.requested import Arguments
from toctou.recording.test_clients.applications import Application
from toctou.recording.test_clients.fastapi_state import State
from toctou.recording.test_clients.http_arguments import Sent, answer_of, no_coroutine
from toctou.web import answered_exceptions, asgi

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

_AROUND = ("scheme", "server", "client", "root_path", "http_version")


def recorded(
    recorder: Recorder,
    application: Application,
    called: Asgi | None = None,
    again: Callable[[Arguments], Asgi] | None = None,
    note: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Asgi:
    """The application, whose requests are recorded.

    Args:
        recorder: records them.
        application: that is called.
        called: what calls it for the test; ``None`` if it is called as it is.
        again: what calls it when a request is performed again with these arguments; ``None`` for the same.
        note: adds to the arguments what is known once it was called.
    """
    called = called or application.application
    again = again or partial(_same, called)

    async def call(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await called(scope, receive, send)
            return
        body = await _body(receive)
        headers = _texts(scope["headers"])
        query = scope["query_string"]
        query = query.decode("latin-1") if isinstance(query, bytes) else query  # a text of Django's
        sent = Sent.of(scope["method"], scope["path"], query, headers, body)
        around = {name: scope[name] for name in _AROUND if name in scope}
        state = State.of(application.routed, scope.get("state") or {})
        entry = application.entry(partial(_performed, again, around, state, sent))
        unread = [{"type": "http.request", "body": body, "more_body": False}]
        start: Message = {}
        parts: list[bytes] = []

        async def receive_again() -> Message:
            return unread.pop() if unread else await receive()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(bytes(message.get("body", b"")))
            await send(message)

        with recorder.requested(entry, sent.arguments) as one:
            if one is None:
                await called(scope, receive_again, send)
                return
            answered_exceptions.begin()
            try:
                with state.noted(one):
                    await called(scope, receive_again, noted)
            finally:
                note(one.arguments)
            if start:
                raised = answered_exceptions.taken()
                if raised is not None and start["status"] >= 500:
                    one.raised = response_to(raised, no_coroutine)
                else:
                    one.returned = answer_of(start["status"], _texts(start.get("headers", ())), b"".join(parts))

    return call


def _same(application: Asgi, _: Arguments) -> Asgi:
    return application


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _performed(
    again: Callable[[Arguments], Asgi],
    around: dict[str, Any],
    state: State,
    sent: Sent,
    arguments: dict[str, Any],
) -> Response:
    application = again(arguments)

    async def call(scope: Message, receive: Receive, send: Send) -> None:
        with state.restored(arguments):
            await application({**scope, **around}, receive, send)

    return await asgi.answer(call, sent.changed(arguments), state.of_requests)
