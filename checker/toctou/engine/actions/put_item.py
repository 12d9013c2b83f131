"""PutItem: one item in the place of what was there under its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import single_writes
from toctou.engine.database import Database
from toctou.engine.writes import put


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``PutItem``."""
    single_writes.check_return_values(parameters, "ALL_OLD")
    return single_writes.perform(database, parameters, put(database, parameters))
