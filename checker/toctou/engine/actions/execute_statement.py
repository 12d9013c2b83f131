"""ExecuteStatement: one PartiQL statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.database import Database
from toctou.engine.partiql.execution import perform_statement
from toctou.engine.partiql.requests import statement_in


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``ExecuteStatement``."""
    return perform_statement(database, statement_in(parameters), parameters)
