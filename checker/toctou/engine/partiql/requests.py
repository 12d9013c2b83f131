"""The statement of a request, and those of the request's parameters that hold for whatever it represents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine.partiql.parser import parsed
from toctou.engine.partiql.statements import Statement
from toctou.engine.service_error import ServiceError

PASSED_ON = ("ConsistentRead", "Limit", "ReturnConsumedCapacity", "ReturnValuesOnConditionCheckFailure")


def statement_in(request: Mapping[str, Any]) -> Statement:
    """The statement of a request, parsed; raises ``ServiceError`` if it is malformed."""
    parameters: Sequence[Mapping[str, Any]] = request.get("Parameters") or ()
    return parsed(request["Statement"], parameters)


def without_expression(error: ServiceError) -> ServiceError:
    """The same error, without the name of an expression of the API, which a statement does not have."""
    _, found, rest = error.message.partition("Expression: ")
    return ServiceError(error.code, rest, error.fields) if found and error.message.startswith("Invalid ") else error
