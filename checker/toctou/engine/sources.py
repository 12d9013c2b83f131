"""Which tables and indexes a read looks at: each of them may be answered from as of a point of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toctou.engine.partiql.requests import statement_in


@dataclass(frozen=True, slots=True)
class Source:
    """A table, or one of its indexes.

    Attributes:
        table: the table's name.
        index: the index's name; ``None`` for the table itself.
    """

    table: str
    index: str | None = None


def sources_of(action: str, parameters: Mapping[str, Any]) -> frozenset[Source]:
    """What a read looks at; nothing for any other action.

    Raises:
        ServiceError: a statement in it is malformed.
    """
    match action:
        case "GetItem":
            return frozenset({Source(parameters["TableName"])})
        case "Query" | "Scan":
            return frozenset({Source(parameters["TableName"], parameters.get("IndexName"))})
        case "BatchGetItem":
            return frozenset(Source(name) for name in parameters["RequestItems"])
        case "TransactGetItems":
            return frozenset(Source(part["Get"]["TableName"]) for part in parameters["TransactItems"])
        case "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction":
            listed = parameters.get("Statements") or parameters.get("TransactStatements") or [parameters]
            statements = [statement_in(request) for request in listed]
            return frozenset(Source(one.table, one.index) for one in statements if one.kind == "SELECT")
    return frozenset()
