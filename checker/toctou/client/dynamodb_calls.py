"""One action of a client of DynamoDB, as :mod:`toctou.client.client_method` says, in the time that an operation may cost."""

from __future__ import annotations

from typing import Any, cast

from botocore.client import BaseClient

from toctou.client.backend import Performed
from toctou.client.client_method import ClientMethod
from toctou.client.copying import copied
from toctou.client.parameters import NotPlainlyValid, as_sent, copy_if_valid
from toctou.history.operation import ErrorResponse


class DynamoDBMethod(ClientMethod):
    """One action of one client of DynamoDB."""

    def __init__(self, client: BaseClient, action: str) -> None:
        super().__init__(client, action)
        self.action = action
        self.announced_always = bool(self._model.idempotent_members)  # a listener of botocore makes the token
        self._copy_if_valid = copy_if_valid(self._model)

    def _valid(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            copy: dict[str, Any] = self._copy_if_valid(asked)
        except NotPlainlyValid:
            self._check(asked)
            validated = getattr(self._client.meta.config, "parameter_validation", True) and self._model.input_shape
            return cast("dict[str, Any]", as_sent(asked, self._model.input_shape) if validated else copied(asked))
        return copy

    def _parsed(self, performed: Performed) -> tuple[dict[str, Any], dict[str, str]]:
        error = performed.error
        parsed = copied(performed.result) if error is None else _error_body(self._client, error)
        return parsed, {"content-type": "application/x-amz-json-1.0"}


def _error_body(client: BaseClient, error: ErrorResponse) -> dict[str, Any]:
    """As botocore parses it: the message is repeated under its name in the error's own shape."""
    shape = cast("Any", client.meta.service_model).shape_for_error_code(error.code)
    again = {name: error.message for name in (shape.members if shape else ()) if name.lower() == "message"}
    fields = copied(dict(error.fields or {}))
    return {"Error": {"Message": error.message, "Code": error.code}, **again, **fields}
