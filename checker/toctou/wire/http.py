"""HTTP/1.1 on loopback: connections, limits and deadlines, whatever answers the requests.

Parsing is left to httptools, the binding of Node's own parser; everything that takes time or room has a limit here.  One
event loop serves all connections: a client that is slow, silent or gone holds up no other.  The requests of one
connection are answered in their order, one at a time.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

import httptools

from toctou.wire.calls import MAXIMUM_BODY, HttpRequest, HttpResponse, too_large

LOOPBACK = "127.0.0.1"

_LINGER = 2.0
"""Seconds in which a client may take note of a refusal while we throw away what it still sends."""

_NEVER = float("inf")

Respond = Callable[[HttpRequest], Awaitable[HttpResponse]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask for.

    Attributes:
        idle: seconds that a connection may rest between requests.
        transfer: seconds that one request may take to arrive, and one response to be taken.
        head: bytes of the request line and headers.
        body: bytes of the body.
    """

    idle: float = 300.0
    transfer: float = 60.0
    head: int = 64 * 1024
    body: int = MAXIMUM_BODY


class HttpServer:
    """Listens on a loopback port and answers requests by ``respond``, which must not raise.

    ``clock`` gives the time of a response, in seconds since 1970; an SDK that finds it wrong corrects its own, and tries again.
    """

    def __init__(self, respond: Respond, limits: Limits = Limits(), clock: Callable[[], float] = time.time) -> None:
        self.respond = respond
        self.limits = limits
        self.clock = clock
        self.connections: set[Connection] = set()
        self.stopping = False
        self._server: asyncio.Server | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self, port: int = 0, address: str = LOOPBACK) -> int:
        """Listen; 0 for any free port.  Returns the port.

        Raises:
            OSError: the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, loop), address, port, backlog=512)
        self._watch = loop.create_task(self._drop_overdue())
        bound: tuple[str, int] = self._server.sockets[0].getsockname()
        return bound[1]

    async def stop(self, grace: float = 5.0) -> None:
        """Take no more connections and requests, answer those that have arrived, within so many seconds."""
        if self._server is None or self._watch is None:
            return
        self.stopping = True
        self._server.close()
        for connection in list(self.connections):
            connection.finish()
        deadline = asyncio.get_running_loop().time() + grace
        while self.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._server.wait_closed()

    async def _drop_overdue(self) -> None:
        loop = asyncio.get_running_loop()
        interval = min(1.0, self.limits.idle / 4, self.limits.transfer / 4)
        while True:
            await asyncio.sleep(interval)
            now = loop.time()
            for connection in [one for one in self.connections if one.deadline < now]:
                connection.abort()


class Connection(asyncio.Protocol):
    """One connection.  httptools calls the ``on_…`` methods while data is fed to it."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._receive_by = loop.time() + server.limits.idle
        self._send_by = _NEVER
        self._server = server
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._arrived: deque[tuple[HttpRequest, bool]] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._refused = False  # nothing that still comes in counts
        self._receiving = False
        self._head_complete = False
        self._unparsed = 0  # bytes that came in while the headers were not complete
        self._head_size = 0
        self._body_size = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    @property
    def deadline(self) -> float:
        """When, in the loop's time, the client has had its time to send or to take something."""
        return min(self._receive_by, self._send_by)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.connections.add(self)
        if self._server.stopping:
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        """The client has disconnected; half a request is dropped with it."""
        self._refused = True
        self._arrived.clear()
        self._writable.set()
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        if self._refused:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # damaged, or a change of protocol
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._unparsed = 0 if self._head_complete or not self._receiving else self._unparsed + len(data)
        if self._unparsed > self._server.limits.head:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def eof_received(self) -> bool:
        """The client sends no more; it may still read."""
        if self._answering is None:
            return False
        self._refused = True
        return True

    def pause_writing(self) -> None:
        """The client does not take what we send."""
        self._writable.clear()
        self._send_by = self._loop.time() + self._server.limits.transfer

    def resume_writing(self) -> None:
        """The client takes it again."""
        self._writable.set()
        self._send_by = _NEVER

    # What httptools calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._receiving = True
        self._head_complete = False
        self._head_size = self._body_size = 0
        self._target, self._headers, self._body = b"", {}, []
        if not self._refused:
            self._receive_by = self._loop.time() + self._server.limits.transfer

    def on_url(self, url: bytes) -> None:
        """A part of its target."""
        self._target += url
        self._head_size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._head_size += len(name) + len(value)

    def on_headers_complete(self) -> None:
        """All headers are there."""
        self._head_complete = True
        if self._head_size > self._server.limits.head:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._parser.should_upgrade():
            self._refuse(HTTPStatus.BAD_REQUEST)
        elif int(self._headers.get("content-length", "0")) > self._server.limits.body:
            self._leave_with(too_large())
        elif self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._body_size += len(body)
        if self._body_size > self._server.limits.body:
            self._leave_with(too_large())
        elif not self._refused:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole request has arrived."""
        if self._refused:
            return
        method = self._parser.get_method().decode("latin-1")
        request = HttpRequest(method, self._target.decode("latin-1"), self._headers, b"".join(self._body))
        self._arrived.append((request, self._parser.should_keep_alive()))
        self._receiving = False
        self._receive_by = _NEVER
        if self._answering is None:
            self._answering = self._loop.create_task(self._answer())
        else:
            self._transport.pause_reading()  # it sends more before it has an answer; let it wait

    # Answers.

    async def _answer(self) -> None:
        keep = True
        while self._arrived and keep:
            request, wanted = self._arrived.popleft()
            response = await self._server.respond(request)
            keep = wanted and not self._server.stopping
            self._send(response, keep=keep, with_body=request.method != "HEAD")
            await self._writable.wait()
        self._answering = None
        if not keep or self._refused or self._server.stopping:
            self._close()
            return
        if not self._receiving:
            self._receive_by = self._loop.time() + self._server.limits.idle
        self._transport.resume_reading()

    def _send(self, response: HttpResponse, *, keep: bool, with_body: bool = True) -> None:
        if self._transport.is_closing():
            return
        status = HTTPStatus(response.status)
        head = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Server: Server",
            f"Date: {formatdate(self._server.clock(), usegmt=True)}",
            f"Connection: {'keep-alive' if keep else 'close'}",
            f"Content-Length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        self._transport.write("\r\n".join([*head, "", ""]).encode("latin-1") + (response.body if with_body else b""))

    def _refuse(self, status: HTTPStatus) -> None:
        self._leave_with(HttpResponse(status, {}, b""))

    def _leave_with(self, response: HttpResponse) -> None:
        """Refuse, and continue reading for a while: closing immediately could take the refusal away from the client."""
        if self._refused or self._transport.is_closing():
            return
        self._refused = True
        self._body.clear()
        if self._answering is None:
            self._send(response, keep=False)
            self._transport.write_eof()
        self._receive_by = self._loop.time() + min(_LINGER, self._server.limits.transfer)

    # The end.

    def finish(self) -> None:
        """Close as soon as the requests that have arrived are answered."""
        if self._answering is None:
            self._close()

    def _close(self) -> None:
        self._send_by = self._loop.time() + self._server.limits.transfer  # to take what is on its way
        self._transport.close()

    def abort(self) -> None:
        """Close now, whatever is still to be answered."""
        if self._answering is not None:
            self._answering.cancel()
        self._transport.abort()
