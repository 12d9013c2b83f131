"""The DynamoDB endpoint that a replica talks to: each call is routed to the request that made it, and waits there.

A call outside any request is not performed but recorded as a fault, except during startup (``starting``), where the
replica decides.
"""

from __future__ import annotations

from collections.abc import Callable

from toctou.engine import ServiceError
from toctou.errors import InternalError, OutsideControl, ToctouError
from toctou.gate.exchange import Exchange
from toctou.wire import Call, HttpRequest, HttpResponse, HttpServer, Limits, answered, failed, read_call, refused

# Errors of HTTP requests that no SDK would send to DynamoDB.
_NOT_A_CALL = frozenset({"MissingAuthenticationTokenException", "SerializationException", "UnknownOperationException"})

# A connection may idle as long as its replica does: if we closed it, the SDK would see a network error and retry.
_PATIENT = Limits(idle=24 * 3600.0)


class Endpoint:
    """Answers the calls of one replica.

    Args:
        header: the name of the header that identifies the request a call belongs to; ``None`` if the replica
            serves one request at a time.
    """

    def __init__(self, header: str | None, clock: Callable[[], float]) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self.starting: Exchange | None = Exchange(0)
        self.fault: ToctouError | None = None
        self._header = header
        # Responses carry the real date: an SDK corrects its own clock by it and retries when the two differ too much.
        self._server = HttpServer(self._respond, _PATIENT, clock)

    async def open(self, address: str) -> int:
        """Listen on a free port, and return it."""
        return await self._server.start(0, address)

    async def close(self) -> None:
        """Stop listening."""
        await self._server.stop(grace=0.0)

    async def _respond(self, request: HttpRequest) -> HttpResponse:
        try:
            call = self._read_call(request)
            exchange = self._exchange(call, request)
            operation = await exchange.call(call)
        except ServiceError as rejection:
            return refused(request, rejection)
        except ToctouError as fault:
            self.fault = self.fault or fault
            # SDKs do not retry a ValidationException, so the handler fails at once instead of calling again.
            return refused(request, ServiceError("ValidationException", "toctou: " + fault.observed))
        except Exception as bug:
            self.fault = self.fault or _bug(bug)
            return failed(request)
        if operation.error is not None:
            error = operation.error
            return refused(request, ServiceError(error.code, error.message, dict(error.fields or {})))
        return answered(request, operation.result or {})

    def _read_call(self, request: HttpRequest) -> Call:
        # An invalid call is answered as DynamoDB would; only traffic that is no DynamoDB call at all is a fault.
        if request.method != "POST":
            raise self._breaking(request, _no_call(request, f"{request.method} {request.target}"))
        try:
            return read_call(request)
        except ServiceError as error:
            if error.code in _NOT_A_CALL:
                what = f"{request.headers.get('x-amz-target', request.target)}: {error.code} {error.message}".rstrip()
                raise self._breaking(request, _no_call(request, what)) from None
            raise

    def _exchange(self, call: Call, request: HttpRequest) -> Exchange:
        exchange = self._current(request) or self.starting
        if exchange is not None:
            return exchange
        if self._header and not self._name(request):
            raise _not_forwarded(call, self._header)
        raise _outside_any_request(call)

    def _name(self, request: HttpRequest) -> str:
        return "" if self._header is None else request.headers.get(self._header.lower(), "")

    def _breaking(self, request: HttpRequest, fault: OutsideControl) -> OutsideControl:
        """Break the request that the fault belongs to, if any, and return the fault."""
        if (exchange := self._current(request)) is not None:
            exchange.broken(fault)
        return fault

    def _current(self, request: HttpRequest) -> Exchange | None:
        exchange = self.exchanges.get(self._name(request))
        return None if exchange is None or exchange.over else exchange


def _no_call(request: HttpRequest, what: str) -> OutsideControl:
    other = request.headers.get("x-amz-target", "").partition("_")[0].partition(".")[0]
    return OutsideControl(
        f"the service sent its DynamoDB endpoint something that is not a DynamoDB call: {what}",
        expected="POST with X-Amz-Target: DynamoDB_20120810.…, JSON and a signature",
        cause=f"it also uses the AWS service {other}"
        if other and other != "DynamoDB"
        else "a client that is not an AWS SDK",
        remedy="point that client elsewhere: set its own AWS_ENDPOINT_URL_… in the service's `environment`",
    )


def _outside_any_request(call: Call) -> OutsideControl:
    return OutsideControl(
        f"the service called {call.action} while it was serving no request",
        expected="DynamoDB calls made by requests",
        cause="background work: after a response, or on a timer",
        remedy="disable it for the check, in the service's `environment` or `command`",
    )


def _not_forwarded(call: Call, header: str) -> OutsideControl:
    return OutsideControl(
        f"the service called {call.action} without the header {header}",
        expected="every DynamoDB call to carry that header of the request being served",
        cause="the service does not forward it",
        remedy="forward the header, or omit `request_header` so that every request gets its own replica",
    )


def _bug(bug: Exception) -> ToctouError:
    return InternalError(
        f"the gate failed: {type(bug).__name__}: {bug}", remedy="report this as a bug of toctou, with this text"
    )
