"""What the service answers instead of a result: the error's code, its text, and the fields some errors carry.

The texts are the service's own, because handlers match on them.  Where Amazon's DynamoDB Local words an error otherwise
than the service in the cloud, the cloud's wording is used; the differential tests list each such case.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


class ServiceError(Exception):
    """An error that DynamoDB answers.

    Attributes:
        code: the error's name, such as ``ConditionalCheckFailedException``.
        fields: further fields of the error's body, such as ``Item`` or ``CancellationReasons``.
    """

    def __init__(self, code: str, message: str, fields: Mapping[str, Any] = _NO_FIELDS) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def validation(message: str) -> ServiceError:
    """A ``ValidationException``: the request cannot be performed as it stands."""
    return ServiceError("ValidationException", message)


def invalid_parameter(detail: str) -> ServiceError:
    """A ``ValidationException`` about the value of a parameter."""
    return validation(f"One or more parameter values were invalid: {detail}")


def constraint(value: object, member: str, rule: str) -> ServiceError:
    """A ``ValidationException`` for a value outside the range or enumeration that the API's description gives."""
    shown = "null" if value is None else f"'{value}'"
    return validation(f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: {rule}")


def table_not_found(table: str | None = None) -> ServiceError:
    """A ``ResourceNotFoundException``; calls that manage a table name it, calls that use it do not."""
    detail = "" if table is None else f": Table: {table} not found"
    return ServiceError("ResourceNotFoundException", f"Requested resource not found{detail}")


def condition_failed(image: Mapping[str, Any] | None) -> ServiceError:
    """A ``ConditionalCheckFailedException``; ``image`` is the item to report, if the request wants it."""
    fields = _NO_FIELDS if image is None else {"Item": image}
    return ServiceError("ConditionalCheckFailedException", "The conditional request failed", fields)
