"""The DynamoDB endpoint that a replica talks to: each call goes to the request that has made it, and waits there.

What belongs to no request under way is not performed, but kept as a fault.  An exception is what a service calls while it
starts (``starting``); whoever starts it decides about that.
"""

from __future__ import annotations

from collections.abc import Callable

from toctou.engine import ServiceError
from toctou.errors import InternalError, OutsideControl, ToctouError
from toctou.gate.exchange import Exchange
from toctou.wire import Call, HttpRequest, HttpResponse, HttpServer, Limits, answered, failed, read_call, refused

_NOT_A_CALL = frozenset({"MissingAuthenticationTokenException", "SerializationException", "UnknownOperationException"})
"""Errors of a request that no SDK would send to DynamoDB."""

_PATIENT = Limits(idle=24 * 3600.0)
"""A connection may rest for as long as its replica does: closing one would look like a fault of the network."""


class Endpoint:
    """Answers the calls of one replica.

    Args:
        header: the name of the header that tells which request a call belongs to; ``None`` if the replica
            serves one request at a time.
        clock: the time outside of the checker, whose own is not to be seen.
    """

    def __init__(self, header: str | None, clock: Callable[[], float]) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self.starting: Exchange | None = Exchange(0)
        self.fault: ToctouError | None = None
        self._header = header
        self._server = HttpServer(self._respond, _PATIENT, clock)

    async def open(self, address: str) -> int:
        """Listen on a free port; returns it."""
        return await self._server.start(0, address)

    async def close(self) -> None:
        """Listen no more."""
        await self._server.stop(grace=0.0)

    async def _respond(self, request: HttpRequest) -> HttpResponse:
        try:
            call = self._read_call(request)
            exchange = self._exchange(call, request)
            operation = await exchange.call(call)
        except ServiceError as error:
            return refused(request, error)
        except ToctouError as fault:
            self.fault = self.fault or fault
            return refused(request, ServiceError("ValidationException", "toctou: " + fault.observed))
        except Exception as bug:
            self.fault = self.fault or _bug(bug)
            return failed(request)
        if operation.error is not None:
            told = operation.error
            return refused(request, ServiceError(told.code, told.message, dict(told.fields or {})))
        return answered(request, operation.result or {})

    def _read_call(self, request: HttpRequest) -> Call:
        """The call that a request makes; what is no call at all is the service's fault, what DynamoDB refuses is not."""
        if request.method != "POST":
            raise self._breaking(request, _no_call(request, f"{request.method} {request.target}"))
        try:
            return read_call(request)
        except ServiceError as error:
            if error.code in _NOT_A_CALL:
                target = request.headers.get("x-amz-target", request.target)
                raise self._breaking(
                    request, _no_call(request, f"{target}: {error.code} {error.message}".rstrip())
                ) from None
            raise

    def _exchange(self, call: Call, request: HttpRequest) -> Exchange:
        name = self._name(request)
        exchange = self.exchanges.get(name)
        if exchange is not None and not exchange.over:
            return exchange
        if self.starting is not None:
            return self.starting
        raise _not_forwarded(call, self._header) if self._header and not name else _outside_any_request(call)

    def _name(self, request: HttpRequest) -> str:
        return "" if self._header is None else request.headers.get(self._header.lower(), "")

    def _breaking(self, request: HttpRequest, fault: OutsideControl) -> OutsideControl:
        """The fault, which also breaks the request that it belongs to."""
        name = self._name(request)
        exchange = self.exchanges.get(name)
        if exchange is not None and not exchange.over:
            exchange.broken(fault)
        return fault


def _no_call(request: HttpRequest, what: str) -> OutsideControl:
    other = request.headers.get("x-amz-target", "").partition("_")[0].partition(".")[0]
    return OutsideControl(
        f"the service sent its DynamoDB endpoint what is no call of DynamoDB: {what}",
        expected="POST with X-Amz-Target: DynamoDB_20120810.…, JSON and a signature",
        cause=f"it also uses the AWS service {other}"
        if other and other != "DynamoDB"
        else "a client that is not an SDK",
        remedy="point that client elsewhere (its own AWS_ENDPOINT_URL_… in the service's `environment`)",
    )


def _outside_any_request(call: Call) -> OutsideControl:
    return OutsideControl(
        f"the service called {call.action} while none of its requests was under way",
        expected="DynamoDB calls made by requests",
        cause="work in the background: after an answer, or on a timer",
        remedy="turn it off for the check, in the service's `environment` or `command`",
    )


def _not_forwarded(call: Call, header: str) -> OutsideControl:
    return OutsideControl(
        f"the service called {call.action} without the header {header}",
        expected="the header of the request that is being served, on each of its DynamoDB calls",
        cause="the service does not forward it",
        remedy="leave out `request_header`, so that every request gets a replica of its own",
    )


def _bug(bug: Exception) -> ToctouError:
    return InternalError(f"the gate failed: {type(bug).__name__}: {bug}", remedy="please report this text")
