"""CreateTable: a table, active at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.database import Database
from toctou.engine.service_error import ServiceError
from toctou.engine.table_descriptions import checked_schema, described
from toctou.engine.tables import Table


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``CreateTable``."""
    schema = checked_schema(parameters)
    if schema.table in database.tables:
        raise ServiceError("ResourceInUseException", f"Table already exists: {schema.table}")
    table = Table(schema, parameters)
    database.commit_table(schema.table, table)
    return {"TableDescription": described(table)}
