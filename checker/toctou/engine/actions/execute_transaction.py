"""ExecuteTransaction: up to 100 PartiQL statements about one item each, all reads or all writes, all or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions import transact_get_items, transact_write_items
from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database
from toctou.engine.item_footprints import transact_get_rule, transact_write_rule
from toctou.engine.partiql.execution import schemas_of
from toctou.engine.partiql.requests import statement_in, without_expression
from toctou.engine.partiql.transaction import in_place, transaction_call
from toctou.engine.service_error import ServiceError
from toctou.engine.touched import Parameters, Result, Touched


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    statements = []
    for position, request in enumerate(parameters.get("TransactStatements") or ()):
        try:
            statements.append(statement_in(request))
        except ServiceError as error:
            raise in_place(position, error) from None
    translated = transaction_call(parameters, statements, schemas_of(database))
    if statements[0].kind == "SELECT":
        return transact_get_items.perform(database, translated)
    try:
        done = transact_write_items.perform(database, translated)
    except ServiceError as error:
        reasons = error.fields.get("CancellationReasons")
        if reasons is None:
            raise without_expression(error) from None
        kinds = [statement.kind for statement in statements]
        raise _with_duplicates(error, kinds, reasons) from None
    return {"Responses": [], **done}


def _with_duplicates(error: ServiceError, kinds: list[str], reasons: list[dict[str, Any]]) -> ServiceError:
    """The same error, saying of an insert whose condition failed what that means."""
    changed = [
        {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}
        if kind == "INSERT" and reason["Code"] == "ConditionalCheckFailed"
        else reason
        for kind, reason in zip(kinds, reasons, strict=True)
    ]
    codes = ", ".join(reason["Code"] for reason in changed)
    message = f"{error.message.partition('[')[0]}[{codes}]"
    return ServiceError(error.code, message, {"CancellationReasons": changed})


def _footprint(touched: Touched, parameters: Parameters, result: Result, error: str | None) -> None:
    statements = [statement_in(request) for request in parameters["TransactStatements"]]
    translated = transaction_call(parameters, statements, touched.schemas)
    rule = transact_get_rule if statements[0].kind == "SELECT" else transact_write_rule
    rule(touched, translated, result, error)


_REQUEST = """
ExecuteTransactionInput: TransactStatements!=[ParameterizedStatement]>=1 ClientRequestToken=string>=1
  ReturnConsumedCapacity=string
ParameterizedStatement: Statement!=string>=1 Parameters=[AttributeValue]>=1 ReturnValuesOnConditionCheckFailure=string
"""
_CONSTRAINTS = rules_of(
    "ClientRequestToken TransactStatements ReturnConsumedCapacity", TransactStatements=Rule(shortest=1, longest=100)
)

ACTION = Action("ExecuteTransaction", Kind.WRITES, _perform, _REQUEST, footprint=_footprint, constraints=_CONSTRAINTS)
