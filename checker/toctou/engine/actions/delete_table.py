"""DeleteTable: a table and everything in it, removed immediately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database
from toctou.engine.service_error import validation
from toctou.engine.table_descriptions import described


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    table = database.managed_table(parameters)
    if table.description.get("DeletionProtectionEnabled"):
        raise validation(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    description = {**described(table), "TableStatus": "DELETING"}
    for key, image in list(table.items.items()):
        database.commit(table, key, image, None)
    database.commit_table(table.schema.table, None)
    return {"TableDescription": description}


ACTION = Action("DeleteTable", Kind.MANAGES, _perform, "DeleteTableInput: TableName!!=string>=1")
