"""Sends one HTTP/1.1 request over a connection of its own, and reads the response.

For talking to a service on this machine: no TLS, no redirections, no proxies, no timeouts (the caller sets them).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import httptools

from toctou.wire.calls import HttpRequest, HttpResponse

_PIECE = 64 * 1024


class NoResponse(Exception):
    """The connection was refused, or ended before there was a whole response; the text says which."""


async def fetch(host: str, port: int, request: HttpRequest, *, largest: int = 64 * 1024 * 1024) -> HttpResponse:
    """The response to a request.

    Args:
        host: an address, not a name.
        request: its ``Host``, ``Connection`` and ``Content-Length`` headers are added here.
        largest: bytes that the response may have.

    Raises:
        NoResponse: there is none.
    """
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as fault:
        raise NoResponse(f"the connection was refused ({fault.strerror or fault})") from None
    try:
        writer.write(_encoded(host, port, request))
        await writer.drain()
        return await _read(reader, largest)
    except OSError as fault:
        raise NoResponse(f"the connection was lost ({fault.strerror or fault})") from None
    finally:
        writer.close()


def _encoded(host: str, port: int, request: HttpRequest) -> bytes:
    headers = {"Host": f"{host}:{port}", "Connection": "close", **request.headers}
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(request.body))
    head = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + request.body


async def _read(reader: asyncio.StreamReader, largest: int) -> HttpResponse:
    reading = _Reading()
    parser = reading.parser = httptools.HttpResponseParser(reading)
    received = 0
    while not reading.complete:
        data = await reader.read(_PIECE)
        received += len(data)
        if received > largest:
            raise NoResponse(f"the response has more than {largest} bytes")
        if not data:
            if reading.until_the_end:
                break
            raise NoResponse("the connection was closed " + ("within" if received else "without") + " an answer")
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise NoResponse("the service wants another protocol") from None
        except httptools.HttpParserError as fault:
            raise NoResponse(f"what it answered is no HTTP response ({fault})") from None
    return HttpResponse(parser.get_status_code(), reading.headers, b"".join(reading.body))


class _Reading:
    """What httptools has read so far; interim responses (1xx) are left out."""

    parser: httptools.HttpResponseParser

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.complete = False
        self.until_the_end = False

    def on_message_begin(self) -> None:
        """A response begins; one that came before was an interim one."""
        self.headers, self.body, self.until_the_end = {}, [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; those of one name are joined, as https://www.rfc-editor.org/rfc/rfc9110#section-5.2 has it."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Without a length the body ends with the connection."""
        self.until_the_end = not {"content-length", "transfer-encoding"} & self.headers.keys()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self.body.append(body)

    def on_message_complete(self) -> None:
        """The response is whole."""
        self.complete = self.parser.get_status_code() >= HTTPStatus.OK
