"""Routes every DynamoDB call of every boto3 client through a scheduling point to a backend.

While :func:`intercepted` is open, ``botocore.client.BaseClient._make_api_call`` is replaced: clients, resources, paginators,
waiters and ``batch_writer`` all end there, whenever they were created; clients whose calls are awaited override it
(:mod:`toctou.client.asynchronous`).  What callers rely on is kept: the events of the
resource layer's conversions, parameter validation, the client's own exception classes, ``ResponseMetadata``.  Nothing is
serialised, signed or sent.  Calls to other services would leave the machine and are rejected.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from toctou.client import asynchronous
from toctou.client.access_tracker import AccessTracker, untracked
from toctou.client.backend import UNASKED, Backend, Performed
from toctou.client.copying import copied
from toctou.client.events import Listeners
from toctou.client.parameters import NotPlainlyValid, as_sent, copy_if_valid
from toctou.client.source import Callers
from toctou.errors import InternalError, OutsideControl, ToctouError, UnsupportedAction
from toctou.history.operation import ErrorResponse, Operation
from toctou.history.request import SourceLine
from toctou.scheduling.choices import Choices
from toctou.scheduling.scheduling_point import SchedulingPoint, Turn

Record = Callable[[Operation], None]

_SEAM = "_make_api_call"
"""botocore offers no public seam that skips signing and sending; this one has been there since its first release."""

_VALIDATOR = ParamValidator()
_MOST_METHODS = 256
"""Actions of clients that are cached; each keeps its client, and a handler may make a client for each request."""


@contextmanager
def intercepted(
    point: SchedulingPoint,
    backend: Backend,
    record: Record,
    tracker: AccessTracker | None = None,
    choices: Choices = UNASKED,
) -> Iterator[None]:
    """Send DynamoDB calls through ``point`` to ``backend`` while inside, and ``record`` each; ``tracker`` tracks results."""
    original = getattr(BaseClient, _SEAM)
    call, awaited_call = _interceptors(point, backend, record, tracker or AccessTracker(), choices)
    setattr(BaseClient, _SEAM, call)
    try:
        with asynchronous.awaited(_SEAM, awaited_call):
            yield
    finally:
        setattr(BaseClient, _SEAM, original)


def _interceptors(
    point: SchedulingPoint, backend: Backend, record: Record, tracker: AccessTracker, choices: Choices
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    line = Callers().line
    method_of = lru_cache(maxsize=_MOST_METHODS)(_Method)

    def call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> dict[str, Any]:
        method = method_of(client, operation_name)
        if method.other_service is not None:
            method.check_service(point, line(sys._getframe(1)))
        asked = method.prepared(untracked(api_params) if tracker.on else api_params)
        source = line(sys._getframe(1))
        operation, performed = performed_in(point.reach(operation_name, asked, source), operation_name, asked, source)
        answer = method.answered(performed)
        return tracker.tracked(operation, answer) if tracker.on else answer

    def performed_in(
        turn: Turn, operation_name: str, asked: dict[str, Any], source: SourceLine | None
    ) -> tuple[Operation, Performed]:
        performed = perform(point, backend, choices, operation_name, asked)
        result, error, footprint, changes, missed = performed
        request, number, slept, reads_clock = turn
        operation = Operation(
            request,
            number,
            operation_name,
            asked,
            result,
            error,
            footprint,
            changes,
            source,
            missed,
            slept=slept,
            reads_clock=reads_clock,
        )
        record(operation)
        return operation, performed

    return call, asynchronous.interceptor(point, method_of, line, performed_in, tracker)


def perform(
    point: SchedulingPoint, backend: Backend, choices: Choices, action: str, parameters: Mapping[str, Any]
) -> Performed:
    """Perform an operation whose turn it is; an error of the checker ends the request instead of reaching its handler."""
    point.suspend_monitoring()
    try:
        return backend.perform(action, parameters, choices)
    except ToctouError as fault:
        point.fail(fault)
    except UnicodeEncodeError as half:
        point.fail(_no_text(action, half))
    except Exception as bug:  # the handler must not mistake it for an error of DynamoDB
        point.fail(_broken_backend(backend.name, action, parameters, bug))
    finally:
        point.resume_monitoring()


def _no_text(action: str, half: UnicodeEncodeError) -> UnsupportedAction:
    return UnsupportedAction(
        f"{action} with a text that has no encoding: {half}",
        expected="texts that UTF-8 can encode",
        cause="half of a pair of surrogates, from text that was cut in two or decoded carelessly",
        remedy="decode the text with errors='replace', or leave such values out of the model",
    )


Notifying = Generator[Any, Any, dict[str, Any]]
"""Yields what emitting an event returns, and is sent what the listeners have answered."""


def _done(steps: Notifying) -> dict[str, Any]:
    answers = None
    while True:
        try:
            answers = steps.send(answers)
        except StopIteration as end:
            return cast("dict[str, Any]", end.value)


class _Method:
    """One action of one client: what precedes and follows the operation."""

    def __init__(self, client: BaseClient, action: str) -> None:
        service = client.meta.service_model.service_name
        self.other_service = None if service == "dynamodb" else service
        self._client = client
        self._model: OperationModel = client.meta.service_model.operation_model(action)
        self._before = f"provide-client-params.dynamodb.{action}", f"before-parameter-build.dynamodb.{action}"
        self._after = f"after-call.dynamodb.{action}"
        self._listeners = Listeners(client.meta.events, (*self._before, self._after))
        if self.other_service is None:
            self._copy_if_valid = copy_if_valid(self._model)

    def check_service(self, point: SchedulingPoint, source: SourceLine | None) -> None:
        """End the request if it calls another service than DynamoDB."""
        if self.other_service is not None:
            point.fail(_other_service(self.other_service, self._model.name, source))

    def prepared(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters as the client would send them: converted by its event handlers, validated, and copied."""
        return self._valid(_done(self._announced(parameters)) if self._is_heard() else parameters)

    def preparing(self, parameters: dict[str, Any]) -> Notifying:
        """The same, for whom listeners are coroutines."""
        return self._valid((yield from self._announced(parameters)) if self._is_heard() else parameters)

    def _is_heard(self) -> bool:
        return bool(self._model.idempotent_members) or self._listeners.any_but_botocore()

    def _valid(self, asked: dict[str, Any]) -> dict[str, Any]:
        model = self._model
        try:
            copy: dict[str, Any] = self._copy_if_valid(asked)
        except NotPlainlyValid:
            if not getattr(self._client.meta.config, "parameter_validation", True) or model.input_shape is None:
                return cast("dict[str, Any]", copied(asked))
            report = _VALIDATOR.validate(asked, model.input_shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report()) from None
            return cast("dict[str, Any]", as_sent(asked, model.input_shape))
        return copy

    def _announced(self, parameters: dict[str, Any]) -> Notifying:
        events, asked = self._client.meta.events, parameters
        for name in self._before:
            if self._model.idempotent_members or self._listeners.to(name):
                responses = yield events.emit(name, params=asked, model=self._model, context=_context(self._client))
                if name == self._before[0]:
                    asked = next((answer for _, answer in responses if answer is not None), asked)
        return asked

    def answered(self, performed: Performed) -> dict[str, Any]:
        """What the client returns or raises."""
        return _done(self.answering(performed))

    def answering(self, performed: Performed) -> Notifying:
        """The same, for whom listeners are coroutines."""
        client, error = self._client, performed.error
        status = 200 if error is None else 400
        parsed: dict[str, Any] = copied(performed.result) if error is None else _error_body(client, error)
        parsed["ResponseMetadata"] = {
            "RequestId": "TOCTOU",
            "HTTPStatusCode": status,
            "HTTPHeaders": {"content-type": "application/x-amz-json-1.0"},
            "RetryAttempts": 0,
        }
        if self._listeners.any_but_botocore() and self._listeners.to(self._after):
            response = AWSResponse(client.meta.endpoint_url, status, HTTPHeaders(), None)
            yield client.meta.events.emit(
                self._after, http_response=response, parsed=parsed, model=self._model, context=_context(client)
            )
        # After the event, whose listeners botocore notifies of errors too.
        if error is not None:
            exception: type[ClientError] = client.exceptions.from_code(error.code)  # type: ignore[assignment] # the stubs say instance
            raise exception(cast("Any", parsed), self._model.name)
        return parsed


def _context(client: BaseClient) -> dict[str, Any]:
    return {"client_region": client.meta.region_name, "client_config": client.meta.config}


def _error_body(client: BaseClient, error: ErrorResponse) -> dict[str, Any]:
    """As botocore parses it: the message is repeated under its name in the error's own shape."""
    shape = cast("Any", client.meta.service_model).shape_for_error_code(error.code)
    again = {name: error.message for name in (shape.members if shape else ()) if name.lower() == "message"}
    fields = copied(dict(error.fields or {}))
    return {"Error": {"Message": error.message, "Code": error.code}, **again, **fields}


def _broken_backend(backend: str, action: str, parameters: Mapping[str, Any], bug: Exception) -> InternalError:
    fault = InternalError(
        f"the backend {backend} failed at {action} {dict(parameters)}: {type(bug).__name__}: {bug}",
        remedy="please report this text; another --backend may do meanwhile",
    )
    fault.__cause__ = bug
    return fault


def _other_service(service: str, action: str, source: SourceLine | None) -> OutsideControl:
    return OutsideControl(
        f"a handler called {action} of the AWS service {service!r}" + (f"\n  {source}" if source else ""),
        expected="handlers that call DynamoDB only; other services are not performed, so that nothing leaves this machine",
        cause="the handler also uses that service",
        remedy="replace that client in the model (unittest.mock, a stub) and check again",
    )


Answer = Callable[[BaseClient, str, Mapping[str, Any]], Any]
"""Answers a call as its client does: given that, the name of the operation, and its parameters."""


@contextmanager
def performed_at_once(
    perform: Callable[[str, Mapping[str, Any]], Performed], other: Answer | None = None
) -> Iterator[None]:
    """While inside, calls are performed where they are made, unscheduled and unrecorded.

    Args:
        perform: performs a call of DynamoDB, given its action and its parameters.
        other: answers one to another service; ``None`` for whatever answers it outside.
    """
    outer = getattr(BaseClient, _SEAM)

    def call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "dynamodb":
            return (other or outer)(client, operation_name, api_params)
        method = _method_at_once(client, operation_name)
        return method.answered(perform(operation_name, method.prepared(api_params)))

    setattr(BaseClient, _SEAM, call)
    try:
        yield
    finally:
        setattr(BaseClient, _SEAM, outer)


_method_at_once = lru_cache(maxsize=16)(_Method)
