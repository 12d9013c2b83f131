"""BatchExecuteStatement: up to 25 PartiQL statements about one item each, all reads or all writes, each on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine import capacity
from toctou.engine.actions.action import Action, Kind
from toctou.engine.batches import check_distinct, groups
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import get_rule
from toctou.engine.partiql.execution import perform_statement, schemas_of
from toctou.engine.partiql.footprints import statement_rule
from toctou.engine.partiql.requests import PASSED_ON, statement_in, without_expression
from toctou.engine.partiql.statements import Statement
from toctou.engine.partiql.translation import single_read, translated
from toctou.engine.reads import get, projection_of
from toctou.engine.schema import Key
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.tables import Table
from toctou.engine.touched import Parameters, Result, Touched
from toctou.engine.values import item_size
from toctou.engine.writes import check_expressions

_NAME = "BatchExecuteStatement"
_CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "DuplicateItemException": "DuplicateItem",
    "ResourceNotFoundException": "ResourceNotFound",
    "ValidationException": "ValidationError",
}
_ERRORS = {code: error for error, code in _CODES.items()}

Member = Statement | ServiceError
"""One statement of a batch, or why it is none."""


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    requests = parameters["Statements"]
    members = [_member(request) for request in requests]
    if len({member.kind == "SELECT" for member in members if isinstance(member, Statement)}) > 1:
        raise validation("Read and write requests together in the same batch is not supported.")
    check_distinct(target for member in members if (target := _target(database, member)) is not None)
    consumed: list[dict[str, Any]] = []
    level = parameters.get("ReturnConsumedCapacity")
    responses = [
        _response(
            database, member, request if level is None else {**request, "ReturnConsumedCapacity": level}, consumed
        )
        for member, request in zip(members, requests, strict=True)
    ]
    return {"Responses": responses, **({"ConsumedCapacity": consumed} if consumed else {})}


def _member(request: Mapping[str, Any]) -> Member:
    try:
        return statement_in(request)
    except ServiceError as error:
        return error


def _target(database: Database, member: Member) -> tuple[Table, Key] | None:
    """The item that a statement is about; ``None`` if it is wrong, which is reported in its place."""
    if isinstance(member, ServiceError) or member.kind == "EXISTS":
        return None
    table = database.tables.get(member.table)
    try:
        schemas = schemas_of(database)
        if member.kind == "SELECT":
            call = single_read(member, schemas, "")
            projection_of(call)
        else:
            call = translated(member, schemas)
            check_expressions(call)
        if table is None:
            return None
        return table, table.schema.key_of_item(call["Item"]) if "Item" in call else table.schema.key_of(call["Key"])
    except ServiceError:
        return None


def _response(
    database: Database, member: Member, request: Mapping[str, Any], consumed: list[dict[str, Any]]
) -> dict[str, Any]:
    named: dict[str, Any] = {}
    try:
        if isinstance(member, ServiceError):
            raise member
        if _target(database, member) is not None:
            named = {"TableName": member.table}
        done = (
            _read(database, member, request)
            if member.kind == "SELECT"
            else perform_statement(database, member, request)
        )
    except ServiceError as error:
        reported = without_expression(error)
        described: dict[str, Any] = {"Code": _CODES.get(reported.code, reported.code), "Message": reported.message}
        if "Item" in reported.fields:
            described["Item"] = reported.fields["Item"]
        return {**named, "Error": described}
    if "ConsumedCapacity" in done:
        consumed.append(done["ConsumedCapacity"])
    items = done.get("Items") or ()
    return {**named, **({"Item": items[0]} if items else {})}


def _read(database: Database, statement: Statement, request: Mapping[str, Any]) -> dict[str, Any]:
    """What ``perform_statement`` gives, of a statement that must name its item."""
    parameters = single_read(statement, schemas_of(database), _NAME)
    parameters.update({name: request[name] for name in PASSED_ON if name in request})
    read = get(database, parameters)
    done: dict[str, Any] = {"Items": list(read.result().values())}
    level = capacity.level_of(parameters)
    if level is not None:
        units = capacity.read_units(item_size(read.stored or {}), consistent=bool(parameters.get("ConsistentRead")))
        done["ConsumedCapacity"] = capacity.report(level, read.table, units)
    return done


def _footprint(touched: Touched, parameters: Parameters, result: Result, error: str | None) -> None:
    if error is not None or result is None:
        return
    for request, response in zip(parameters["Statements"], result["Responses"], strict=True):
        failed = response.get("Error")
        try:
            statement = statement_in(request)
            if statement.kind == "SELECT":
                read = single_read(statement, touched.schemas, _NAME)
                get_rule(touched, read, None, None if failed is None else "Error")
            else:
                outcome = None if failed is None else _ERRORS.get(failed["Code"], failed["Code"])
                statement_rule(touched, statement, request, None, outcome)
        except (ServiceError, KeyError):
            if failed is None:
                raise


def _divided(parameters: Parameters, most: int) -> Sequence[Parameters]:
    return [{**parameters, "Statements": group} for group in groups(parameters["Statements"], most)]


_REQUEST = """
BatchExecuteStatementInput: Statements!=[BatchStatementRequest]>=1 ReturnConsumedCapacity=string
BatchStatementRequest: Statement!=string>=1 Parameters=[AttributeValue]>=1 ConsistentRead=boolean
  ReturnValuesOnConditionCheckFailure=string
"""
_CONSTRAINTS = rules_of("Statements ReturnConsumedCapacity", Statements=Rule(shortest=1, longest=25))

ACTION = Action(
    _NAME, Kind.WRITES, _perform, _REQUEST, footprint=_footprint, constraints=_CONSTRAINTS, divided=_divided
)
