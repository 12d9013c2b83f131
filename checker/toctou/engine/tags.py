"""Tags of a table: a mapping in its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.database import Database
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.tables import Table


def tagged(database: Database, parameters: Mapping[str, Any]) -> Table:
    """The table whose ARN a request names; raises ``ServiceError`` if there is none."""
    arn: str = parameters["ResourceArn"]
    if not arn.startswith("arn:") or ":table/" not in arn:
        raise validation(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    table = database.tables.get(arn.partition(":table/")[2])
    if table is None:
        raise ServiceError("ResourceNotFoundException", f"Requested resource not found: ResourcArn: {arn} not found")
    return table


def tags_of(table: Table) -> dict[str, str]:
    """The tags of a table by their keys."""
    return {tag["Key"]: tag["Value"] for tag in table.description.get("Tags") or ()}


def set_tags(database: Database, table: Table, tags: Mapping[str, str]) -> None:
    """Put these tags in the place of a table's tags."""
    database.change_settings(table, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
