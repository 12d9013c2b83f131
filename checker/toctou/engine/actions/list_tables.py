"""ListTables: the names of the tables, in order, up to 100 at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.database import Database

_MOST = 100


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``ListTables``."""
    limit = parameters.get("Limit", _MOST)
    after = parameters.get("ExclusiveStartTableName", "")
    names = sorted(name for name in database.tables if name > after)
    result: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        result["LastEvaluatedTableName"] = names[limit - 1]
    return result
