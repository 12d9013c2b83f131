"""Every DynamoDB call of every boto3 client, taken to a scheduling point and then to a backend.

While :func:`intercepted` is open, ``botocore.client.BaseClient._make_api_call`` is ours for the service ``dynamodb``: clients,
resources, paginators, waiters and ``batch_writer`` all end there, whenever and wherever they were created.  What callers
rely on is kept: the events that the resource layer hangs its conversions on, parameter validation, the client's own
exception classes, ``ResponseMetadata``.  Nothing is serialised, signed or sent.  Calls to other services are not performed:
they would leave the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, cast

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from checker.client.backend import Backend, Performed
from checker.client.copying import copied
from checker.client.events import somebody_listens
from checker.client.parameters import NotPlainlyValid, copied_if_valid
from checker.client.source import source_line
from checker.errors import InternalError, OutsideControl, ToctouError
from checker.history.operation import ErrorResponse, Operation
from checker.scheduling.scheduling_point import SchedulingPoint, Turn

Record = Callable[[Operation], None]

_SEAM = "_make_api_call"
"""botocore offers no public seam that skips signing and sending; this one has been there since its first release."""

_VALIDATOR = ParamValidator()
_NOT_THE_HANDLER = ("botocore.", "boto3.", "checker.", "contextlib", "s3transfer")


@contextmanager
def intercepted(point: SchedulingPoint, backend: Backend, record: Record) -> Iterator[None]:
    """Send DynamoDB calls through ``point`` to ``backend`` while inside, and hand each finished one to ``record``."""
    interceptor = _Interceptor(point, backend, record)
    original = getattr(BaseClient, _SEAM)

    def call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:
        return interceptor.call(client, operation_name, api_params)

    setattr(BaseClient, _SEAM, call)
    try:
        yield
    finally:
        setattr(BaseClient, _SEAM, original)


class _Interceptor:
    def __init__(self, point: SchedulingPoint, backend: Backend, record: Record) -> None:
        self._point = point
        self._backend = backend
        self._record = record

    def call(self, client: BaseClient, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        meta = client.meta
        service = meta.service_model
        if service.service_name != "dynamodb":
            self._point.fail(_other_service(service.service_name, action))
        model = service.operation_model(action)
        asked = _prepared(client, model, parameters)
        source = source_line(_caller(sys._getframe(2)))
        turn, performed = self._perform(action, asked)
        self._record(
            Operation(
                turn.request,
                turn.number,
                action,
                asked,
                performed.result,
                performed.error,
                performed.footprint,
                performed.changes,
                source,
            )
        )
        return _answered(client, model, performed)

    def _perform(self, action: str, parameters: Mapping[str, Any]) -> tuple[Turn, Performed]:
        turn = self._point.reach(action)
        self._point.look_away()
        try:
            return turn, self._backend.perform(action, parameters)
        except ToctouError as fault:
            self._point.fail(fault)
        except Exception as bug:  # the handler must not take it for an answer of the service
            self._point.fail(_broken_backend(self._backend.name, action, parameters, bug))
        finally:
            self._point.look_again()


def _prepared(client: BaseClient, model: OperationModel, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters as the client would send them: converted by its event handlers, validated, and copied."""
    events, asked = client.meta.events, parameters
    for event in ("provide-client-params", "before-parameter-build"):
        name = f"{event}.dynamodb.{model.name}"
        if model.idempotent_members or somebody_listens(events, name):
            responses = events.emit(name, params=asked, model=model, context=_context(client))
            if event == "provide-client-params":
                asked = next((answer for _, answer in responses if answer is not None), asked)
    try:
        return copied_if_valid(model, asked)
    except NotPlainlyValid:
        if getattr(client.meta.config, "parameter_validation", True) and model.input_shape is not None:
            report = _VALIDATOR.validate(asked, model.input_shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report()) from None
        return cast("dict[str, Any]", copied(asked))


def _answered(client: BaseClient, model: OperationModel, performed: Performed) -> dict[str, Any]:
    """What the client returns, or the exception that it raises."""
    error = performed.error
    status = 200 if error is None else 400
    parsed: dict[str, Any] = copied(performed.result) if error is None else _error_body(client, error)
    parsed["ResponseMetadata"] = {
        "RequestId": "TOCTOU",
        "HTTPStatusCode": status,
        "HTTPHeaders": {"content-type": "application/x-amz-json-1.0"},
        "RetryAttempts": 0,
    }
    name = f"after-call.dynamodb.{model.name}"
    if somebody_listens(client.meta.events, name):
        response = AWSResponse(client.meta.endpoint_url, status, HTTPHeaders(), None)
        client.meta.events.emit(name, http_response=response, parsed=parsed, model=model, context=_context(client))
    if error is not None:
        exception: type[ClientError] = client.exceptions.from_code(error.code)  # type: ignore[assignment] # the stubs say instance
        raise exception(cast("Any", parsed), model.name)
    return parsed


def _context(client: BaseClient) -> dict[str, Any]:
    return {"client_region": client.meta.region_name, "client_config": client.meta.config}


def _error_body(client: BaseClient, error: ErrorResponse) -> dict[str, Any]:
    """As botocore parses it: the message once more, under the name that the error's own shape gives it, if it has one."""
    shape = cast("Any", client.meta.service_model).shape_for_error_code(error.code)
    again = {name: error.message for name in (shape.members if shape else ()) if name.lower() == "message"}
    fields = copied(dict(error.fields or {}))
    return {"Error": {"Message": error.message, "Code": error.code}, **again, **fields}


def _caller(frame: FrameType | None) -> tuple[CodeType, int] | None:
    """The innermost frame that belongs neither to boto3 nor to us."""
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith(_NOT_THE_HANDLER):
            return frame.f_code, frame.f_lineno
        frame = frame.f_back
    return None


def _broken_backend(backend: str, action: str, parameters: Mapping[str, Any], bug: Exception) -> InternalError:
    fault = InternalError(
        f"the backend {backend} failed at {action} {dict(parameters)}: {type(bug).__name__}: {bug}",
        remedy="please report this text; another --backend may do meanwhile",
    )
    fault.__cause__ = bug
    return fault


def _other_service(service: str, action: str) -> OutsideControl:
    return OutsideControl(
        f"a handler called {action} of the AWS service {service!r}",
        expected="handlers that call DynamoDB only; other services are not performed, so that nothing leaves this machine",
        cause="the handler also uses that service",
        remedy="replace that client in the model (unittest.mock, a stub) and check again",
    )
