"""The service under test: one replica per concurrent request, reused for as long as that makes no difference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toctou import real_time
from toctou.errors import ModelError, ToctouError, ToolMissing
from toctou.gate.background import Background
from toctou.gate.building import build_service, cache_folder, tool_missing
from toctou.gate.exchange import Exchange
from toctou.gate.headers import headers_of
from toctou.gate.local_states import initial_state
from toctou.gate.relay import Relay
from toctou.gate.replica import Read, Replica, fill_placeholders
from toctou.gate.sending import http_request, response_of
from toctou.gate.service import HttpCall, Service
from toctou.gate.termination import interruptible
from toctou.history.request import HandlerException, Request, Response
from toctou.scheduling.scheduling_point import SchedulingPoint
from toctou.wire import HttpResponse, NoResponse

_DRAIN = 1.0  # seconds for an aborted request to finish, before its replica is restarted
_LOOK = 0.01


class ServiceUnderTest:
    """Sends requests to a service; use its other methods within :meth:`opened` only.

    Args:
        file: the file that declares it; a relative ``folder`` starts at its folder.
    """

    def __init__(self, service: Service, file: Path) -> None:
        self.settle_seconds = service.settle_seconds
        self._service = service
        self._folder = (file.parent / service.folder).resolve()
        self._cache = cache_folder(self._folder)
        self._replicas: list[Replica] = []
        self._exchanges: list[tuple[Replica, Exchange]] = []
        self._always = service.restart == "always"
        self._executions = 0
        self._missing: ToolMissing | None = None
        self._background: Background
        self._read: Read

    @contextmanager
    def opened(self, read: Read) -> Iterator[ServiceUnderTest]:
        """Build the service; replicas run within this context.

        Args:
            read: performs a call immediately, outside any schedule.

        Raises:
            ModelError: the build fails.
        """
        texts = {"{cache}": str(self._cache), "{folder}": str(self._folder)}
        build = [[fill_placeholders(text, texts) for text in command] for command in self._service.build]
        self._missing = tool_missing(self._service)
        if self._missing is None:
            build_service(build, self._folder, self._cache, self._service.build_seconds)
        self._read = read
        with interruptible():
            self._background = Background()
            try:
                yield self
            finally:
                self._close_all()
                self._background.close()

    def prepare(self, requests: int) -> None:
        """Finish what an earlier execution left running, and start replicas for this many requests.

        Raises:
            ToolMissing: a program that builds or runs it is not installed.
            OutsideControl: the service has called DynamoDB outside any request.
            ModelError: it does not start.
        """
        if self._missing is not None:
            raise self._missing
        self._executions += 1
        self._drain()
        fault = next((one.endpoint.fault for one in self._replicas if one.endpoint.fault is not None), None)
        if self._always or fault is not None:
            self._close_all()  # a replica with a fault may still be doing what it should not
        if fault is not None:
            raise fault
        self._grow(requests)

    def serve(self, index: int, request: Request, call: Any, relay: Relay, point: SchedulingPoint) -> Response:
        """The service's response to a request; the body of a task."""
        try:
            if not isinstance(call, HttpCall):
                raise _no_call(request.handler, call)
            replica, name = self._replica(index, point)
            header = {} if self._service.request_header is None else {self._service.request_header: name}
            own = headers_of("the service", self._service.headers, request.principal)
            sent = http_request(call, {**own, **header}, request.principal)
        except ToctouError as fault:
            point.fail(fault)
        exchange = Exchange(index, sent=f"{sent.target} {sent.headers} {sent.body!r}")
        self._exchanges.append((replica, exchange))
        replica.send(exchange, name, sent)
        initial = initial_state((request.principal, request.handler, request.arguments))
        return _response(relay.serve(index, exchange.mailbox, initial), replica)

    def diagnostics(self, index: int) -> str:
        """The last lines that the replica of a request has printed."""
        return next((replica.last_lines() for replica, exchange in self._exchanges if exchange.index == index), "")

    def isolate(self) -> bool:
        """Start every execution with fresh replicas from now on; ``False`` if that is already the case or ruled out."""
        if self._always or self._service.restart == "never":
            return False
        self._always = True
        return True

    def _replica(self, index: int, point: SchedulingPoint) -> tuple[Replica, str]:
        if self._service.request_header is not None:
            # Different in every execution, so that a late call of an earlier one is not taken for a call of this one.
            return self._replicas[0], f"toctou-{self._executions}-{index}"
        if index >= len(self._replicas):  # `toctou.stateful` adds requests to a running execution
            # Starting a replica opens sockets and files, which a handler may not, and takes as long as the service says.
            point.suspend_monitoring(unhurried=True)
            self._grow(index + 1)
            point.resume_monitoring()
        return self._replicas[index], ""

    def _grow(self, requests: int) -> None:
        wanted = 1 if self._service.request_header is not None else requests
        while len(self._replicas) < wanted:
            self._replicas.append(Replica(self._service, self._folder, self._cache, self._background, self._read))

    def _drain(self) -> None:
        # Killing a replica costs its start-up time, so an aborted request gets its calls answered until it finishes.
        until = real_time.seconds() + _DRAIN
        for replica, exchange in self._exchanges:
            while not self._always and real_time.seconds() < until:
                held = exchange.held()
                for call in held:
                    call.reply(self._read(call))
                if exchange.over and not held:
                    break
                exchange.mailbox.take(_LOOK)
            if not exchange.over or replica.crashed() is not None:
                replica.tainted = True
        self._exchanges = []
        for replica in [one for one in self._replicas if one.tainted]:
            replica.close()
            self._replicas.remove(replica)

    def _close_all(self) -> None:
        while self._replicas:
            self._replicas.pop().close()


def _response(response: HttpResponse | NoResponse, replica: Replica) -> Response:
    if isinstance(response, NoResponse):  # the process lives, so its handler failed: the same as an exception
        return Response(500, None, HandlerException("NoResponse", f"{response}; {replica.last_lines()}"))
    return response_of(response)


def _no_call(handler: str, returned: Any) -> ModelError:
    return ModelError(
        f"the handler {handler!r} of a service model returned {returned!r}",
        expected="an HttpCall, the request to send",
        remedy='return HttpCall("DELETE", f"/items/{item_id}"), or declare it with route(...)',
    )
