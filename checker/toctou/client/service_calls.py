"""One action of a client of another AWS service: what precedes and follows the operation, on the client's side.

As for DynamoDB (:mod:`toctou.client.intercept`), parameters are validated and listeners of the user's own are notified, errors
are the client's own exception classes, and what a service streams can be read.  What the user has replaced (a ``Stubber``, a
patch of botocore's own method) stays replaced, and is no operation.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, cast

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import OperationModel
from botocore.response import StreamingBody
from botocore.stub import Stubber
from botocore.validate import ParamValidator

from toctou.client.asynchronous import streaming_body
from toctou.client.backend import Performed
from toctou.client.copying import copied
from toctou.client.events import Notifying, done
from toctou.client.other_services import RAISES, ServiceCall

_VALIDATOR = ParamValidator()


class ServiceMethod:
    """One action of one client."""

    def __init__(self, client: BaseClient, action: str) -> None:
        model = client.meta.service_model
        self.action = ServiceCall(f"{model.service_name}.{action}", client.meta.region_name or "us-east-1")
        self._client = client
        self._model: OperationModel = model.operation_model(action)
        event = f"{model.service_id.hyphenize()}.{action}"
        self._before = f"provide-client-params.{event}", f"before-parameter-build.{event}"
        self._after = f"after-call.{event}"
        self._call = f"before-call.{event}"
        self._seen: object = None  # botocore makes a new cache whenever a listener is registered or removed
        self._is_stubbed = self._has_others_before = self._has_others_after = False
        output: Any = self._model.output_shape
        self._payload: str = output.serialization.get("payload", "") if self._model.has_streaming_output else ""

    @property
    def stubbed(self) -> bool:
        """Whether a ``Stubber`` of botocore answers the client's calls."""
        self._look()
        return self._is_stubbed

    def _look(self) -> None:
        """Find out who listens to the client's events."""
        emitter = getattr(self._client.meta.events, "_emitter", None)
        cache = getattr(emitter, "_lookup_cache", None)
        if cache is not None and cache is self._seen:
            return
        self._seen = cache
        find = emitter._handlers.prefix_search if emitter is not None else lambda _: ()
        self._is_stubbed = any(isinstance(getattr(one, "__self__", None), Stubber) for one in find(self._call))
        self._has_others_before = any(map(_is_the_users, (one for name in self._before for one in find(name))))
        self._has_others_after = any(map(_is_the_users, find(self._after)))

    def prepared(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, validated and as plain values; files are read."""
        return done(self.preparing(parameters))

    def preparing(self, parameters: Mapping[str, Any]) -> Notifying:
        """The same, for whom listeners are coroutines."""
        asked: Any = dict(parameters)
        if self._has_others_before:
            asked = yield from self._announced(asked)
        shape = self._model.input_shape
        if shape is None:
            return {}
        if getattr(self._client.meta.config, "parameter_validation", True):
            report = _VALIDATOR.validate(asked, shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report())
        return cast("dict[str, Any]", _plain(asked, shape))

    def _announced(self, parameters: dict[str, Any]) -> Notifying:
        asked = parameters
        for name in self._before:
            responses = yield self._client.meta.events.emit(
                name, params=asked, model=self._model, context=_context(self._client)
            )
            if name == self._before[0]:
                asked = next((answer for _, answer in responses if answer is not None), asked)
        return asked

    def answered(self, performed: Performed) -> dict[str, Any]:
        """What the client returns or raises."""
        return done(self.answering(performed))

    def answering(self, performed: Performed) -> Notifying:
        """The same, for whom listeners are coroutines."""
        client, error = self._client, performed.error
        if error is not None and RAISES in (error.fields or {}):
            raise error.fields[RAISES]  # type: ignore[index] # there are some
        about: Mapping[str, Any] = performed.result if error is None else error.fields or {}  # type: ignore[assignment] # there is a result
        parsed: dict[str, Any] = copied(dict(about))
        status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 200 if error is None else 400)
        if error is not None:
            parsed["Error"] = {"Message": error.message, "Code": error.code, **parsed.get("Error", {})}
        parsed["ResponseMetadata"] = {
            "RequestId": "TOCTOU",
            "HTTPStatusCode": status,
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        }
        if self._payload:
            body = parsed.get(self._payload, b"")
            content = body.encode() if isinstance(body, str) else bytes(body)
            parsed[self._payload] = streaming_body(client, content) or StreamingBody(io.BytesIO(content), len(content))
        if self._has_others_after:
            response = AWSResponse(client.meta.endpoint_url, status, HTTPHeaders(), None)
            yield client.meta.events.emit(
                self._after, http_response=response, parsed=parsed, model=self._model, context=_context(client)
            )
        if error is not None:
            # SQS has two codes for each error; botocore names its classes by this one.
            code = parsed["Error"].get("QueryErrorCode") or error.code
            exception: type[ClientError] = client.exceptions.from_code(code)  # type: ignore[assignment] # the stubs say instance
            raise exception(cast("Any", parsed), self._model.name)
        return parsed


def _is_the_users(listener: Any) -> bool:
    """Whether a listener is none of botocore's own, which serve signing, sending and what moto's client does itself."""
    return not str(getattr(listener, "__module__", "")).startswith("botocore.")


def _context(client: BaseClient) -> dict[str, Any]:
    return {"client_region": client.meta.region_name, "client_config": client.meta.config}


def _plain(value: Any, shape: Any) -> Any:
    """A deep copy of a valid value in plain types, which can be kept and sent to another process."""
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            members = shape.members
            return {name: _plain(content, members[name]) for name, content in value.items() if name in members}
        case "map" if isinstance(value, Mapping):
            return {name: _plain(content, shape.value) for name, content in value.items()}
        case "list" if isinstance(value, list | tuple):
            return [_plain(content, shape.member) for content in value]
        case "blob":
            if hasattr(value, "read"):
                value = value.read()
            return value.encode() if isinstance(value, str) else bytes(value)
        case "string" if isinstance(value, str):
            return "".join(value)
        case _:
            return value
