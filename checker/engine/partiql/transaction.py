"""PartiQL statements that are performed together, as the transaction that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from checker.engine.partiql.statements import Statement
from checker.engine.partiql.translation import Call, single_read, translated
from checker.engine.schema import Schema
from checker.engine.service_error import ServiceError, validation

_PARTS = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete", "ConditionCheck": "ConditionCheck"}
_ON_FAILURE = "ReturnValuesOnConditionCheckFailure"


def transaction_call(
    parameters: Mapping[str, Any], statements: Sequence[Statement], schemas: Mapping[str, Schema]
) -> Call:
    """The ``TransactGetItems`` or ``TransactWriteItems`` that the statements stand for.

    Raises:
        ServiceError: there are none, they mix reads and writes, or one is not about a single item.
    """
    if not statements:
        raise validation("ExecutePartiQLTransaction can not have empty statement.")
    reads = [statement.kind == "SELECT" for statement in statements]
    if any(reads) and not all(reads):
        raise validation("ExecuteTransaction API does not support both read and write operations in the same request.")
    kept = {name: parameters[name] for name in ("ClientRequestToken", "ReturnConsumedCapacity") if name in parameters}
    if all(reads):
        kept.pop("ClientRequestToken", None)
        gets = [{"Get": single_read(statement, schemas)} for statement in statements]
        return "TransactGetItems", {"TransactItems": gets, **kept}
    parts = []
    for position, (statement, request) in enumerate(zip(statements, parameters["TransactStatements"], strict=True)):
        try:
            action, inner = translated(statement, schemas)
        except ServiceError as error:
            if error.code != "ValidationException":
                raise
            raise validation(f"Validation failed in TransactStatements[{position}]: {error.message}") from None
        inner.pop("ReturnValues", None)
        if _ON_FAILURE in request:
            inner[_ON_FAILURE] = request[_ON_FAILURE]
        parts.append({_PARTS[action]: inner})
    return "TransactWriteItems", {"TransactItems": parts, **kept}
