"""DescribeTable: a table's schema, settings and size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database
from toctou.engine.table_descriptions import described


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"Table": described(database.managed_table(parameters))}


ACTION = Action("DescribeTable", Kind.DESCRIBES, _perform, "DescribeTableInput: TableName!!=string>=1")
