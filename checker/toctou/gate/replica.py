"""One running copy of the service, with its own DynamoDB endpoint."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from toctou import real_time
from toctou.errors import ModelError, ServiceCrashed, ToctouError
from toctou.gate.background import Background
from toctou.gate.endpoint import Endpoint
from toctou.gate.exchange import Exchange
from toctou.gate.mailbox import READ_ONLY_ACTIONS, HeldCall
from toctou.gate.process import Process
from toctou.gate.service import Service
from toctou.history.operation import Operation
from toctou.wire import LOOPBACK, HttpRequest, HttpResponse, NoResponse, fetch

Read = Callable[[HeldCall], Operation]
"""Performs a call immediately, outside any schedule."""

_LOOK = 0.02
_ATTEMPTS = 3  # another program may take the port between our probe and the start of the service
_GRACE = 0.3  # seconds for a process to exit after it has dropped a connection

# They would lead the SDK to real AWS: a profile has endpoints and credentials of its own.
_NOT_INHERITED = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE")


class Replica:
    """A running replica; constructing it starts it, and it must be closed once.

    Args:
        folder, cache: the values of ``{folder}`` and ``{cache}``.
        read: performs the calls it makes during startup.

    Raises:
        ModelError: it does not start, or writes during startup.
    """

    def __init__(self, service: Service, folder: Path, cache: Path, background: Background, read: Read) -> None:
        self._service = service
        self._background = background
        self.tainted = False
        self._sending: dict[str, Future[None]] = {}
        self.endpoint = Endpoint(service.request_header, background.clock)
        self._process: Process | None = None
        try:
            gate = background.run(self.endpoint.open(service.gate_address))
            for attempt in range(1, _ATTEMPTS + 1):
                self.port = _free_port()
                self._process = Process(*_start(service, folder, cache, self.port, gate), background.guardian)
                background.loop.call_soon_threadsafe(
                    background.loop.add_reader, self._process.descriptor, self._receive_output
                )
                if self._started(self._process, read, last=attempt == _ATTEMPTS):
                    break
                self._end_process()
        except BaseException:  # also Ctrl-C: the caller does not have the replica yet, and could not end it
            self.close()
            raise
        self.endpoint.starting = None

    def send(self, exchange: Exchange, name: str, request: HttpRequest) -> None:
        """Send a request whose calls belong to ``exchange``; ``name`` is the value of its header, ``""`` without one."""
        # An event loop holds its tasks only weakly (https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task).
        self._sending[name] = asyncio.run_coroutine_threadsafe(
            self._send(exchange, name, request), self._background.loop
        )

    def last_lines(self) -> str:
        """The end of its output."""
        return self._process.last_lines() if self._process is not None else ""

    def crashed(self) -> ServiceCrashed | None:
        """The error, if its process has ended."""
        status = self._process.status() if self._process is not None else None
        return None if status is None else _crashed(status, self.last_lines())

    def close(self) -> None:
        """End the process, and release the ports."""
        self._end_process()
        self._background.run(self.endpoint.close())

    def _end_process(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            self._background.run(_without_reader(process.descriptor))
            process.end()

    async def _send(self, exchange: Exchange, name: str, request: HttpRequest) -> None:
        self.endpoint.exchanges[name] = exchange
        try:
            response: Any = await fetch(LOOPBACK, self.port, request)
        except NoResponse as why:
            response = why
            if await self._ends_soon():
                fault = self.crashed()
                if fault is not None:
                    exchange.broken(fault)
                    return
        exchange.responded(response)

    async def _ends_soon(self) -> bool:
        # A dropped connection means a crashed process or a handler that panicked; only waiting tells which.
        until = real_time.seconds() + _GRACE
        while self.crashed() is None and real_time.seconds() < until:
            await asyncio.sleep(_LOOK)
        return self.crashed() is not None

    def _receive_output(self) -> None:
        if self._process is not None:
            self._process.read_output()
            if self._process.output_closed:
                self._background.loop.remove_reader(self._process.descriptor)

    def _started(self, process: Process, read: Read, *, last: bool) -> bool:
        """Wait until it is ready; ``False`` if it has ended because its port was taken by another program meanwhile."""
        until = real_time.seconds() + self._service.start_seconds
        starting = self.endpoint.starting
        assert starting is not None  # noqa: S101 - until the replica is ready
        while True:
            event = starting.mailbox.take(_LOOK)
            if isinstance(event, HeldCall):
                event.reply(_performed(event, read))
                continue
            if self.endpoint.fault is not None:
                raise self.endpoint.fault
            status = process.status()
            if status is not None:
                if not last and not _is_free(self.port):
                    return False
                raise _not_started(f"ended with status {status} before it was ready", process.last_lines())
            if self._is_ready():
                return True
            if real_time.seconds() > until:
                seconds = self._service.start_seconds
                missing = f"answer GET {self._service.ready}" if self._service.ready else "accept a connection"
                raise _not_started(f"did not {missing} on port {self.port} in {seconds:g} s", process.last_lines())

    def _is_ready(self) -> bool:
        if self._service.ready is None:
            with socket.socket() as probe:
                probe.settimeout(1.0)
                return probe.connect_ex((LOOPBACK, self.port)) == 0
        try:
            response: HttpResponse = self._background.run(
                asyncio.wait_for(fetch(LOOPBACK, self.port, HttpRequest("GET", self._service.ready, {}, b"")), 2.0)
            )
        except (NoResponse, TimeoutError):
            return False
        return response.status < 500


def _start(service: Service, folder: Path, cache: Path, port: int, gate: int) -> tuple[list[str], Path, dict[str, str]]:
    address = ip_address(service.gate_address)
    host = LOOPBACK if address.is_unspecified else f"[{address}]" if address.version == 6 else str(address)
    endpoint = f"http://{host}:{gate}"
    texts = {
        "{port}": str(port),
        "{dynamodb_endpoint}": endpoint,
        "{gate_port}": str(gate),
        "{cache}": str(cache),
        "{folder}": str(folder),
    }
    own = {name: fill_placeholders(value, texts) for name, value in service.environment.items()}
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    bypassed = ",".join(filter(None, (os.environ.get("NO_PROXY", ""), LOOPBACK, "localhost")))
    ours = {
        "AWS_ENDPOINT_URL": endpoint,  # other AWS services too, so that calls to them are reported instead of performed
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "toctou",
        "AWS_EC2_METADATA_DISABLED": "true",  # or SDKs wait seconds for a metadata service that is not there
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": bypassed,  # or an SDK would send its calls for the gate to the user's proxy
        "no_proxy": bypassed,
    }
    return [fill_placeholders(text, texts) for text in service.command], folder, {**inherited, **ours, **own}


def fill_placeholders(text: str, texts: Mapping[str, str]) -> str:
    """The text with its placeholders replaced; unlike ``str.format``, it keeps other braces."""
    for placeholder, value in texts.items():
        text = text.replace(placeholder, value)
    return text


async def _without_reader(descriptor: int) -> None:
    asyncio.get_running_loop().remove_reader(descriptor)


def _performed(call: HeldCall, read: Read) -> Operation:
    if call.action in READ_ONLY_ACTIONS:
        return read(call)
    raise ModelError(
        f"the service called {call.action} while it was starting",
        expected="a service that only reads before its first request",
        cause="it creates tables or stores items when it starts",
        remedy="declare the tables and items in the model, and disable that step for the check",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Without it, a port whose last connection is still in TIME_WAIT would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _not_started(what: str, output: str) -> ToctouError:
    return ModelError(
        f"the service {what}; {output}",
        expected="a service that listens on the given port and keeps running",
        cause="it lacks something it needs (a variable, a file, another service), or listens on another port",
        remedy="start it by hand with the same command; raise the service's start_seconds if it is only slow",
    )


def _crashed(status: int, output: str) -> ServiceCrashed:
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return ServiceCrashed(
        f"a process of the service ended with {how}; {output}",
        expected="a service that keeps running",
        cause="a crash in a handler",
        remedy="fix the crash shown in its output, or send the same request to the service by hand to reproduce it",
    )
