"""UpdateItem: change some attributes of one item, creating it if it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import single_writes
from toctou.engine.database import Database
from toctou.engine.writes import update


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``UpdateItem``."""
    single_writes.check_return_values(parameters, "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
    return single_writes.perform(database, parameters, update(database, parameters))
