"""ListTables: the names of the tables, in order, up to 100 at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database

_MOST = 100


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    limit = parameters.get("Limit", _MOST)
    after = parameters.get("ExclusiveStartTableName", "")
    names = sorted(name for name in database.tables if name > after)
    result: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        result["LastEvaluatedTableName"] = names[limit - 1]
    return result


_REQUEST = "ListTablesInput: ExclusiveStartTableName=string>=3 Limit=integer>=1"
_CONSTRAINTS = rules_of(
    "ExclusiveStartTableName Limit",
    ExclusiveStartTableName=Rule(is_name=True, shortest=3, longest=255),
    Limit=Rule(at_least=1, at_most=100),
)

ACTION = Action("ListTables", Kind.DESCRIBES, _perform, _REQUEST, constraints=_CONSTRAINTS)
