from __future__ import annotations

import asyncio

from toctou.wire import HttpRequest, HttpResponse, fetch


async def fetched(answer: bytes) -> HttpResponse:
    """The response of a server that answers these bytes."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        return await fetch(*server.sockets[0].getsockname(), HttpRequest("GET", "/", {}, b""))


def test_several_headers_of_one_name_are_all_there():
    answer = b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nETag: 3\r\nset-cookie: b=2\r\n\r\n"
    response = asyncio.run(fetched(answer))
    assert response.headers == {"set-cookie": "a=1, b=2", "etag": "3"}
