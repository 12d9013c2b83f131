"""PartiQL statements that are performed together, as the transaction that they represent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine.partiql.requests import without_expression
from toctou.engine.partiql.statements import Statement
from toctou.engine.partiql.translation import Parameters, single_read, translated
from toctou.engine.schema import Schema
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.writes import check_expressions

_PARTS = {"INSERT": "Put", "UPDATE": "Update", "DELETE": "Delete", "EXISTS": "ConditionCheck"}
_ON_FAILURE = "ReturnValuesOnConditionCheckFailure"


def transaction_call(
    parameters: Mapping[str, Any], statements: Sequence[Statement], schemas: Mapping[str, Schema]
) -> Parameters:
    """The parameters of the ``TransactGetItems``, if the statements read, or ``TransactWriteItems`` that they represent.

    Raises:
        ServiceError: there are none, they mix reads and writes, or one is not about a single item.
    """
    if not statements:
        raise validation("ExecutePartiQLTransaction can not have empty statement.")
    for position, statement in enumerate(statements):
        if statement.returning is not None:
            raise in_place(position, validation("RETURNING clause is not supported in ExecuteTransaction."))
    reads = [statement.kind == "SELECT" for statement in statements]
    if any(reads) and not all(reads):
        raise validation("ExecuteTransaction API does not support both read and write operations in the same request.")
    kept = {name: parameters[name] for name in ("ClientRequestToken", "ReturnConsumedCapacity") if name in parameters}
    if all(reads):
        kept.pop("ClientRequestToken", None)
        gets = []
        for position, statement in enumerate(statements):
            try:
                gets.append({"Get": single_read(statement, schemas, "ExecuteTransaction")})
            except ServiceError as error:
                raise in_place(position, error) from None
        return {"TransactItems": gets, **kept}
    parts = []
    for position, (statement, request) in enumerate(zip(statements, parameters["TransactStatements"], strict=True)):
        try:
            inner = translated(statement, schemas)
            check_expressions(inner)
        except ServiceError as error:
            raise in_place(position, without_expression(error)) from None
        if _ON_FAILURE in request:
            inner[_ON_FAILURE] = request[_ON_FAILURE]
        parts.append({_PARTS[statement.kind]: inner})
    return {"TransactItems": parts, **kept}


def in_place(position: int, error: ServiceError) -> ServiceError:
    """The same error, if it is about the statement itself saying which one of the transaction it is about."""
    if error.code != "ValidationException":
        return error
    return validation(f"Validation failed in TransactStatements[{position}]: {error.message}")
