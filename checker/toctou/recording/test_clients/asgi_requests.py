"""Records the requests that a test client sends to an ASGI application, and sends them again.

Recorded on the thread and in the task in which the application is called, so that its calls are told from those of others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from toctou.history.request import Response, SourceLine
from toctou.recording.recorder import Recorder
from toctou.recording.test_clients.applications import Application
from toctou.recording.test_clients.fastapi_state import State
from toctou.recording.test_clients.http_arguments import Sent, answer_of
from toctou.web import asgi

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

_AROUND = ("scheme", "server", "client", "root_path", "http_version")


def recorded(recorder: Recorder, application: Application, source: SourceLine | None = None) -> Asgi:
    """The application, whose requests are recorded.

    Args:
        recorder: records them.
        application: that is called.
        source: the line of the test, where it is called on another thread.
    """

    async def call(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application.application(scope, receive, send)
            return
        body = await _body(receive)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        query = scope["query_string"].decode("latin-1")
        sent = Sent.of(scope["method"], scope["path"], query, headers, body)
        around = {name: scope[name] for name in _AROUND if name in scope}
        state = State.of(application.routed, scope.get("state") or {})
        entry = application.entry(partial(_performed, application.application, around, state, sent))
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

        with recorder.requested(entry, sent.arguments, source) as one:
            await application.application(scope, receive_again, noted)
            if one is not None and start:
                named = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start.get("headers", ())]
                one.returned = answer_of(start["status"], named, b"".join(parts))

    return call


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _performed(
    application: Asgi, around: dict[str, Any], state: State, sent: Sent, arguments: dict[str, Any]
) -> Response:
    async def call(scope: Message, receive: Receive, send: Send) -> None:
        with state.restored():
            await application({**scope, **around}, receive, send)

    return await asgi.answer(call, sent.changed(arguments), state.of_requests)
