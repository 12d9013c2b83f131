"""ListTagsOfResource: the tags of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.database import Database
from toctou.engine.tags import tagged, tags_of


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``ListTagsOfResource``."""
    table = tagged(database, parameters)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags_of(table).items()]}
