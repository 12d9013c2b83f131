"""Asks an ASGI application (FastAPI, Starlette, Quart, …) one request, on an event loop of the caller's.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html and …/lifespan.html.  ``anyio`` has a pool of threads of its own
for synchronous endpoints; while a loop of ours is running they go where ``asyncio.to_thread`` goes.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import inspect
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

from toctou.errors import ModelError
from toctou.history.request import Response
from toctou.openapi.request import HttpRequest
from toctou.scheduling.event_loop import RequestLoop
from toctou.web.content import decoded

Message = MutableMapping[str, Any]


def is_asgi(application: Any) -> bool:
    """Whether it is an ASGI application rather than a WSGI one."""
    return inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(
        getattr(application, "__call__", None)  # noqa: B004 - whether it is asynchronous, not whether it is there
    )


async def answer(application: Any, request: HttpRequest, state: dict[str, Any]) -> Response:
    """What the application answers; raises what it raises.

    Args:
        application: an ASGI 3 application.
        request: what is asked.
        state: what its start has left for requests.
    """
    _send_threads_to_the_loop()
    path, _, query = request.path.partition("?")
    headers = {"host": "localhost", "content-length": str(len(request.body)), **request.headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", errors="replace"),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 50000),
        "state": dict(state),
    }
    received = iter([{"type": "http.request", "body": request.body, "more_body": False}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(received, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    await application(scope, receive, send)
    start = next((one for one in sent if one["type"] == "http.response.start"), None)
    if start is None:
        raise RuntimeError("the application returned without an answer")
    content = b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body")
    kinds = [value.decode("latin-1") for name, value in start.get("headers", ()) if name.lower() == b"content-type"]
    return Response(int(start["status"]), decoded(content, kinds[0] if kinds else ""))


def started(application: Any) -> dict[str, Any]:
    """Tell an application that it starts, and return the state that it leaves for requests; it is never told to end.

    Raises:
        ModelError: it says that it cannot start.
    """
    state: dict[str, Any] = {}
    answered: list[Message] = []
    told = iter([{"type": "lifespan.startup"}])
    loop = asyncio.new_event_loop()

    async def receive() -> Message:
        message = next(told, None)
        if message is None:
            await asyncio.Event().wait()  # until the process ends
        assert message is not None  # noqa: S101 - nothing sets that event
        return message

    async def send(message: Message) -> None:
        answered.append(message)
        loop.stop()

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    task = loop.create_task(application(scope, receive, send))
    task.add_done_callback(lambda _: loop.stop())
    loop.run_forever()
    if task.done() and task.exception() is not None and not answered:
        loop.close()
        return {}  # it knows no such thing, which the standard lets it say by raising
    if not answered or answered[0]["type"] != "lifespan.startup.complete":
        if not task.done():
            task.cancel()
            loop.run_forever()  # until it is
        loop.close()
        raise ModelError(
            f"the application cannot start: {answered[0].get('message', '') if answered else 'it does not answer'}",
            expected="an application that starts without anything but its DynamoDB clients",
            remedy="replace what it connects to in the model",
        )
    _STARTED.append((loop, task))
    return state


_STARTED: list[Any] = []
"""Loops on which applications wait for their end."""


def _send_threads_to_the_loop() -> None:
    """From now on ``anyio``'s threads for functions are those of the running loop, if that is one of ours."""
    try:
        threads: Any = importlib.import_module("anyio.to_thread")
    except ModuleNotFoundError:
        return
    original: Callable[..., Any] = threads.run_sync
    if getattr(original, "asks_the_loop", False):
        return

    async def run_sync(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, RequestLoop):
            return await original(function, *arguments, **options)
        context = contextvars.copy_context()
        return await loop.run_in_executor(None, partial(context.run, function, *arguments))

    run_sync.asks_the_loop = True  # type: ignore[attr-defined] # a mark, so that it is not done twice
    threads.run_sync = run_sync
