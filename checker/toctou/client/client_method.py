"""One action of one client: what precedes and follows the operation, on the client's side.

Callers rely on more than the operation: the events that a client emits (boto3's resource layer converts values in listeners,
and users register theirs), ``ResponseMetadata``, and the client's own exception classes.  How parameters are validated and how an
answer is shaped differs between DynamoDB (:mod:`toctou.client.dynamodb_calls`) and the others
(:mod:`toctou.client.service_calls`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from toctou.client.backend import Performed
from toctou.client.events import Listeners, Notifying, done

_VALIDATOR = ParamValidator()
_LEFT_OUT = "".join(["to be ", "added"])
"""A text, as these parameters are, that no caller can pass."""


class ClientMethod(ABC):
    """One action of one client."""

    announced_always = False
    """Whether events before a call are emitted although only botocore's own listeners hear them."""

    left_out: frozenset[str] = frozenset()
    """Parameters that botocore's listeners add where the caller has none, but whoever performs the call adds himself."""

    def __init__(self, client: BaseClient, action: str) -> None:
        self._client = client
        self._model: OperationModel = client.meta.service_model.operation_model(action)
        event = f"{client.meta.service_model.service_id.hyphenize()}.{action}"
        self._before = f"provide-client-params.{event}", f"before-parameter-build.{event}"
        self._after = f"after-call.{event}"
        self._listeners = Listeners(client.meta.events, (*self._before, self._after))

    def prepared(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters as the client would send them: converted by its listeners, validated, and copied.

        Raises:
            ParamValidationError: they do not fit the service's model.
        """
        heard = self._listeners.heard()
        return self._valid(done(self._announced(parameters)) if heard or self.announced_always else parameters)

    def preparing(self, parameters: dict[str, Any]) -> Notifying:
        """The same, for whom listeners are coroutines."""
        heard = self._listeners.heard()
        return self._valid((yield from self._announced(parameters)) if heard or self.announced_always else parameters)

    def _announced(self, parameters: dict[str, Any]) -> Notifying:
        events = self._client.meta.events
        asked = {**dict.fromkeys(self.left_out, _LEFT_OUT), **parameters}
        for name in self._before:
            if self.announced_always or name in self._listeners.heard():
                responses = yield events.emit(name, params=asked, model=self._model, context=self._context())
                if name == self._before[0]:
                    asked = next((answer for _, answer in responses if answer is not None), asked)
        return {name: value for name, value in asked.items() if value is not _LEFT_OUT}

    @abstractmethod
    def _valid(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A deep copy, which can be kept and sent to another process."""

    def _check(self, asked: dict[str, Any]) -> None:
        """Refuse parameters as the client does."""
        shape = self._model.input_shape
        if shape is None or not getattr(self._client.meta.config, "parameter_validation", True):
            return
        report = _VALIDATOR.validate(asked, shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report()) from None

    def answered(self, performed: Performed) -> dict[str, Any]:
        """What the client returns.

        Raises:
            ClientError: the class of the client's own that the error has.
        """
        return done(self.answering(performed))

    def answering(self, performed: Performed) -> Notifying:
        """The same, for whom listeners are coroutines."""
        client, error = self._client, performed.error
        parsed, headers = self._parsed(performed)
        status = parsed.pop("ResponseMetadata", {}).get("HTTPStatusCode", 200 if error is None else 400)
        parsed["ResponseMetadata"] = {
            "RequestId": "TOCTOU",
            "HTTPStatusCode": status,
            "HTTPHeaders": headers,
            "RetryAttempts": 0,
        }
        if self._after in self._listeners.heard():
            response = AWSResponse(client.meta.endpoint_url, status, HTTPHeaders(), None)
            yield client.meta.events.emit(
                self._after, http_response=response, parsed=parsed, model=self._model, context=self._context()
            )
        # After the event, whose listeners botocore notifies of errors too.
        if error is not None:
            # SQS has two codes for each error; botocore names its classes by this one.
            code = parsed["Error"].get("QueryErrorCode") or error.code
            exception: type[ClientError] = client.exceptions.from_code(code)  # type: ignore[assignment] # the stubs say instance
            raise exception(cast("Any", parsed), self._model.name)
        return parsed

    @abstractmethod
    def _parsed(self, performed: Performed) -> tuple[dict[str, Any], dict[str, str]]:
        """A new dictionary of what was answered, without its metadata or with its status only, and the headers."""

    def _context(self) -> dict[str, Any]:
        return {"client_region": self._client.meta.region_name, "client_config": self._client.meta.config}
