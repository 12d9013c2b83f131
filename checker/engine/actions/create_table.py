"""CreateTable: a table, active at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checker.engine.database import Database
from checker.engine.service_error import ServiceError
from checker.engine.table_descriptions import checked_schema, described
from checker.engine.tables import Table


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``CreateTable``."""
    schema = checked_schema(parameters)
    if schema.table in database.tables:
        raise ServiceError("ResourceInUseException", f"Table already exists: {schema.table}")
    table = Table(schema, parameters)
    database.commit_table(schema.table, table)
    return {"TableDescription": described(table)}
