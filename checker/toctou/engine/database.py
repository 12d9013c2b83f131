"""The state of one embedded DynamoDB: its tables, its completed transactions, and the log of every change to them.

The actions read and change it through this; what callers see is ``Engine``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.constraints import check_table_name
from toctou.engine.schema import Key
from toctou.engine.service_error import ServiceError, table_not_found, validation
from toctou.engine.tables import Table
from toctou.engine.values import Item
from toctou.engine.versions import EntryVersion, ItemVersion, Log


class Database:
    """The tables of one account in one region.

    Attributes:
        tables: the tables by name.
        completed: transactions by their ``ClientRequestToken``.  The service forgets them ten minutes after they
            completed; here no time passes.
        log: every change, in commit order.
    """

    __slots__ = ("completed", "log", "tables")

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.completed: dict[str, object] = {}
        self.log = Log()

    def table(self, parameters: Mapping[str, Any]) -> Table:
        """The table that a request names, by name or ARN; raises ``ServiceError`` if there is none."""
        name = parameters.get("TableName")
        table = self.tables.get(name) if name.__class__ is str else None
        if table is not None:
            return table
        return self._table_by_other_name(name)

    def _table_by_other_name(self, name: object) -> Table:
        if not isinstance(name, str):
            raise validation("Value null at 'tableName' failed to satisfy constraint: Member must not be null")
        check_table_name(name)
        table = self.tables.get(name.rpartition("/")[2])
        if table is None:
            raise table_not_found()
        return table

    def managed_table(self, parameters: Mapping[str, Any]) -> Table:
        """The table that a request about the table itself names; its error names the table."""
        try:
            return self.table(parameters)
        except ServiceError as error:
            if error.code == "ResourceNotFoundException":
                raise table_not_found(parameters["TableName"]) from None
            raise

    def change_settings(self, table: Table, **settings: Any) -> None:
        """Change what is said of a table; ``None`` removes a setting."""
        changed = {**table.description, **settings}
        kept = {name: value for name, value in changed.items() if value is not None}
        self.commit_table(table.schema.table, table.with_schema(table.schema, kept))

    def commit(self, table: Table, key: Key, before: Item | None, after: Item | None) -> None:
        """Store an item in the place of another, as a change of its own."""
        table.store(key, before, after)
        self.log.append(ItemVersion(table, key, before, after))

    def commit_table(self, name: str, table: Table | None) -> None:
        """Put a table in the place of the one of this name; ``None`` to remove it."""
        version = EntryVersion(self.tables, name, self.tables.get(name), table)
        version.redo()
        self.log.append(version)

    def complete(self, token: str, completed: object) -> None:
        """Remember a completed transaction by its token, with its items, to distinguish a repeat from another request."""
        version = EntryVersion(self.completed, token, None, completed)
        version.redo()
        self.log.append(version)
