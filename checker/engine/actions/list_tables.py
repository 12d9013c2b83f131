"""ListTables: the names of the tables, in order, up to 100 at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checker.engine.database import Database
from checker.engine.service_error import constraint

_MOST = 100


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``ListTables``."""
    limit = parameters.get("Limit", _MOST)
    if limit < 1:
        raise constraint(limit, "limit", "Member must have value greater than or equal to 1")
    if limit > _MOST:
        raise constraint(limit, "limit", f"Member must have value less than or equal to {_MOST}")
    after = parameters.get("ExclusiveStartTableName", "")
    names = sorted(name for name in database.tables if name > after)
    result: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        result["LastEvaluatedTableName"] = names[limit - 1]
    return result
