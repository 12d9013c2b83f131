"""Sends one request to an ASGI application (FastAPI, Starlette, Quart, …), on the caller's event loop.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html and …/lifespan.html.
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
from toctou.history.normal_form import decoded
from toctou.history.request import Response
from toctou.openapi.request import HttpRequest
from toctou.scheduling.event_loop import RequestLoop
from toctou.web import answered_exceptions

Message = MutableMapping[str, Any]


def is_asgi(application: Any) -> bool:
    """Whether it is an ASGI application rather than a WSGI one."""
    return inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(
        getattr(application, "__call__", None)  # noqa: B004 - whether it is asynchronous, not whether it exists
    )


async def answer(application: Any, request: HttpRequest, state: dict[str, Any]) -> Response:
    """The application's response; its exceptions propagate, also those for which its framework answers a status of 5xx.

    Args:
        application: an ASGI 3 application.
        request: to be sent.
        state: for requests, as returned by :func:`started`.
    """
    _run_anyio_threads_on_the_loop()
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
        "server": ("localhost", 80),  # fixed, like the client: an execution must be repeatable
        "client": ("127.0.0.1", 50000),
        "state": dict(state),  # a copy for each request, as the standard requires
    }
    received = iter([{"type": "http.request", "body": request.body, "more_body": False}])
    sent: list[Message] = []
    complete = asyncio.Event()

    async def receive() -> Message:
        if (message := next(received, None)) is not None:
            return message
        # A client stays until the response is complete: a stream would end early for one that has left.
        await complete.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            complete.set()

    answered_exceptions.begin()
    await application(scope, receive, send)
    raised = answered_exceptions.taken()
    start = next((one for one in sent if one["type"] == "http.response.start"), None)
    if start is None:
        raise RuntimeError("the application returned without a response")
    if raised is not None and start["status"] >= 500:
        raise raised
    content = b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body")
    headers_sent = [
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start.get("headers", ())
    ]
    kind = dict(headers_sent).get("content-type", "")
    return Response(int(start["status"]), decoded(content, kind), headers=headers_sent)


_STATES: dict[int, dict[str, Any]] = {}


def start(application: Any) -> None:
    """Run an application's startup, once per process, although each schedule makes a new instance of its model.

    Raises:
        ModelError: it cannot start.
    """
    if id(application) not in _STATES:
        _STATES[id(application)] = started(application)


def state_of(application: Any) -> dict[str, Any]:
    """What the application's startup has left for requests."""
    return _STATES.get(id(application), {})


def started(application: Any) -> dict[str, Any]:
    """Run an application's startup, and return the state it leaves for requests; its shutdown is never run.

    Raises:
        ModelError: it cannot start.
    """
    state: dict[str, Any] = {}
    events: list[Message] = []
    incoming = iter([{"type": "lifespan.startup"}])
    loop = asyncio.new_event_loop()

    async def receive() -> Message:
        message = next(incoming, None)
        if message is None:
            await asyncio.Event().wait()  # until the process ends: it must not shut down between two executions
        assert message is not None  # noqa: S101 - nothing sets that event
        return message

    async def send(message: Message) -> None:
        events.append(message)
        loop.stop()

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    task = loop.create_task(application(scope, receive, send))
    task.add_done_callback(lambda _: loop.stop())
    loop.run_forever()
    if task.done() and task.exception() is not None and not events:
        loop.close()
        return {}  # the standard lets an application without lifespan support raise
    if not events or events[0]["type"] != "lifespan.startup.complete":
        if not task.done():
            task.cancel()
            loop.run_forever()  # until the task has been cancelled
        loop.close()
        raise ModelError(
            f"the application cannot start: {events[0].get('message', '') if events else 'it does not respond'}",
            expected="an application that needs nothing but its DynamoDB clients to start",
            remedy="in the model, replace the other services that it connects to",
        )
    _STARTED[id(application)] = loop, task
    return state


_STARTED: dict[int, tuple[Any, asyncio.Task[Any]]] = {}  # keeps alive the loops and tasks that wait for a shutdown


def lifespan_of(application: Any) -> tuple[Any, list[asyncio.Task[Any]]] | None:
    """The loop on which an application was started, and the tasks that it has left there; ``None`` if there are none."""
    loop, own = _STARTED.get(id(application), (None, None))
    tasks = [] if loop is None else [one for one in asyncio.all_tasks(loop) if one is not own]
    return (loop, tasks) if tasks else None


def _run_anyio_threads_on_the_loop() -> None:
    # FastAPI and Starlette run synchronous endpoints in anyio's own thread pool, which the checker does not control; on a loop
    # of ours they must go where `asyncio.to_thread` goes.
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

    run_sync.asks_the_loop = True  # type: ignore[attr-defined] # a mark, against patching it twice
    threads.run_sync = run_sync
