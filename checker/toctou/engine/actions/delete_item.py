"""DeleteItem: remove one item by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import single_writes
from toctou.engine.database import Database
from toctou.engine.writes import delete


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``DeleteItem``."""
    single_writes.check_return_values(parameters, "ALL_OLD")
    return single_writes.perform(database, parameters, delete(database, parameters))
