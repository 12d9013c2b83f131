"""BatchExecuteStatement: up to 25 PartiQL statements about one item each, all reads or all writes, each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checker.engine.database import Database
from checker.engine.partiql.execution import perform_statement, schemas_of
from checker.engine.partiql.parser import empty_statement
from checker.engine.partiql.requests import statement_in
from checker.engine.partiql.statements import Statement
from checker.engine.partiql.translation import single_read
from checker.engine.reads import get
from checker.engine.service_error import ServiceError, validation

MAXIMUM_STATEMENTS = 25

_CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "DuplicateItemException": "DuplicateItem",
    "ResourceNotFoundException": "ResourceNotFound",
    "ValidationException": "ValidationError",
}


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``BatchExecuteStatement``."""
    requests = parameters.get("Statements") or []
    if not requests:
        raise empty_statement()
    if len(requests) > MAXIMUM_STATEMENTS:
        raise validation(f"Member must have length less than or equal to {MAXIMUM_STATEMENTS}")
    statements = [statement_in(request) for request in requests]
    if len({statement.kind == "SELECT" for statement in statements}) > 1:
        raise validation("Read and write requests together in the same batch is not supported.")
    return {
        "Responses": [
            _response(database, statement, request) for statement, request in zip(statements, requests, strict=True)
        ]
    }


def _response(database: Database, statement: Statement, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        if statement.kind == "SELECT":
            read = single_read(statement, schemas_of(database))
            return {"TableName": statement.table, **get(database, read).result()}
        perform_statement(database, statement, request)
    except ServiceError as error:
        described: dict[str, Any] = {"Code": _CODES.get(error.code, error.code), "Message": error.message}
        if "Item" in error.fields:
            described["Item"] = error.fields["Item"]
        return {"TableName": statement.table, "Error": described}
    return {"TableName": statement.table}
