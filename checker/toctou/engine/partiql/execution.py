"""Performing one PartiQL statement."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from toctou.engine import single_writes, writes
from toctou.engine.actions.query import QueryExpressions
from toctou.engine.actions.scan import scan_selection
from toctou.engine.database import Database
from toctou.engine.expressions.compiled import descend
from toctou.engine.partiql.requests import PASSED_ON, without_expression
from toctou.engine.partiql.statements import Statement
from toctou.engine.partiql.translation import translated
from toctou.engine.schema import Schema
from toctou.engine.search import WHOLE, Source, matched_keys, query_places, scan_places
from toctou.engine.selection import answer, check_query_filter, check_source
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.values import Item

_PREPARE = {"INSERT": writes.put, "UPDATE": writes.update, "DELETE": writes.delete}


def schemas_of(database: Database) -> dict[str, Schema]:
    """The schemas of all tables, by name."""
    return {name: table.schema for name, table in database.tables.items()}


def perform_statement(database: Database, statement: Statement, request: Mapping[str, Any]) -> dict[str, Any]:
    """Perform a statement; the result as ``ExecuteStatement`` gives it."""
    if statement.kind == "EXISTS":
        raise validation("EXISTS can only be used in ExecuteTransaction write requests.")
    parameters = translated(statement, schemas_of(database))
    parameters.update({name: request[name] for name in PASSED_ON if name in request})
    try:
        if statement.kind == "SELECT":
            return _selected(database, statement, parameters, request)
        done = single_writes.perform(database, parameters, _PREPARE[statement.kind](database, parameters))
    except ServiceError as error:
        if statement.kind == "INSERT" and error.code == "ConditionalCheckFailedException":
            raise ServiceError("DuplicateItemException", "Duplicate primary key exists in table") from None
        raise without_expression(error) from None
    attributes = done.pop("Attributes", None)
    return {"Items": [] if attributes is None else [attributes], **done}


def _selected(
    database: Database, statement: Statement, parameters: dict[str, Any], request: Mapping[str, Any]
) -> dict[str, Any]:
    table = database.table(parameters)
    source = Source(table, parameters.get("IndexName"))
    start = source.start(_decoded(request["NextToken"])) if request.get("NextToken") else None
    if "KeyConditionExpression" in parameters:
        expressions = QueryExpressions(parameters)
        selection = expressions.selection
        partition, sort = matched_keys(source, expressions.parts())
        forward = parameters.get("ScanIndexForward", True)
        places = query_places(source, partition, sort, start, forward=forward)
    else:
        selection = scan_selection(parameters)
        places = scan_places(source, start, WHOLE)
    if source.index is not None and source.index.schema.is_global and parameters.get("ConsistentRead"):
        raise validation("Strongly consistent read is not supported on Global Secondary Indexes")
    check_source(parameters, source, selection)
    check_query_filter(source, selection)
    for compiled in selection.compiled:
        table.schema.check_scalars(compiled.opened)
    paths = (
        {} if selection.projection is None else dict(zip(_texts(statement), selection.projection.paths, strict=True))
    )
    found = answer(parameters, source, selection, places, whole=True)
    items: list[Item] = found["Items"]
    result: dict[str, Any] = {"Items": [_columns(statement, paths, item) for item in items] if paths else items}
    if "LastEvaluatedKey" in found:
        result["LastEvaluatedKey"] = found["LastEvaluatedKey"]
        result["NextToken"] = _encoded(found["LastEvaluatedKey"])
    if "ConsumedCapacity" in found:
        result["ConsumedCapacity"] = found["ConsumedCapacity"]
    return result


def _texts(statement: Statement) -> list[str]:
    return list(dict.fromkeys(path for _, path in statement.columns))


def _columns(statement: Statement, paths: Mapping[str, tuple[str | int, ...]], item: Item) -> Item:
    found: Item = {}
    for name, path in statement.columns:
        value = descend({"M": item}, paths[path])
        if value is not None:
            found[name] = value
    return found


def _encoded(key: Item) -> str:
    plain = {
        name: {kind: content.hex() if kind == "B" else content}
        for name, value in key.items()
        for kind, content in value.items()
    }
    return base64.b64encode(json.dumps(plain, sort_keys=True).encode()).decode()


def _decoded(token: str) -> Item:
    try:
        plain = json.loads(base64.b64decode(token))
        return {
            name: {kind: bytes.fromhex(content) if kind == "B" else content}
            for name, value in plain.items()
            for kind, content in value.items()
        }
    except (ValueError, AttributeError):
        raise validation("Given NextToken is invalid") from None
