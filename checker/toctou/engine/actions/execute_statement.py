"""ExecuteStatement: one PartiQL statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import rules_of
from toctou.engine.database import Database
from toctou.engine.partiql.execution import perform_statement
from toctou.engine.partiql.footprints import statement_rule
from toctou.engine.partiql.requests import statement_in
from toctou.engine.touched import Parameters, Result, Touched


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return perform_statement(database, statement_in(parameters), parameters)


def _footprint(touched: Touched, parameters: Parameters, result: Result, error: str | None) -> None:
    statement_rule(touched, statement_in(parameters), parameters, result, error)


_REQUEST = """
ExecuteStatementInput: Statement!=string>=1 Parameters=[AttributeValue]>=1 ConsistentRead=boolean NextToken=string>=1
  ReturnConsumedCapacity=string Limit=integer>=1 ReturnValuesOnConditionCheckFailure=string
"""
_CONSTRAINTS = rules_of("ReturnConsumedCapacity ReturnValuesOnConditionCheckFailure Limit")

ACTION = Action("ExecuteStatement", Kind.WRITES, _perform, _REQUEST, footprint=_footprint, constraints=_CONSTRAINTS)
