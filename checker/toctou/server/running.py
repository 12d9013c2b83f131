"""Serving until a signal to stop: SIGTERM or SIGINT, after which what has arrived is answered and the data file is closed."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import Callable, Collection
from pathlib import Path

from toctou.errors import BadInput
from toctou.server.service import Service
from toctou.wire import LOOPBACK, HttpServer


def serve(
    port: int,
    data: Path | None,
    ready: Callable[[str], None],
    *,
    sync: bool = False,
    hosts: Collection[str] = (),
) -> None:
    """Serve the embedded DynamoDB on loopback until SIGTERM or SIGINT.

    Args:
        port: where to listen; 0 for any free port.
        data: the file to keep data in; ``None`` to keep it in memory.
        ready: called with the URL as soon as it answers.
        sync: whether a write is answered only once it is on the disk; else a crash of the machine may lose the last ones.
        hosts: names that requests may be for, besides those of this machine; in lower case.

    Raises:
        BadInput: the port or the file cannot be used.
    """
    service = Service(data, sync=sync, hosts=hosts)
    try:
        asyncio.run(_serve(service, port, ready))
    finally:
        service.close()


async def _serve(service: Service, port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = HttpServer(service.respond)
    try:
        actual = await server.start(port)
    except OSError as fault:
        raise _no_port(port, fault) from None
    ready(f"http://{LOOPBACK}:{actual}")
    await stop.wait()
    await server.stop()


def _no_port(port: int, fault: OSError) -> BadInput:
    if fault.errno == errno.EADDRINUSE:
        return BadInput(
            f"port {port} on {LOOPBACK} is in use",
            cause="another server, perhaps another toctou, listens there",
            remedy="stop it, or choose another port (--port N, or --port 0 for any free one)",
        )
    if fault.errno == errno.EACCES:
        return BadInput(f"port {port} on {LOOPBACK} is not open to you", remedy="choose a port above 1023 (--port N)")
    return BadInput(f"cannot listen on port {port} of {LOOPBACK}: {fault.strerror or fault}")
