"""Every committed change, in order: each can be undone and done again.

The number of a change is its place in the log, from 1.  Items are never changed after they were committed, so a version
costs two references.
"""

from __future__ import annotations

from typing import Any, Protocol

from toctou.engine.schema import Key
from toctou.engine.tables import Table
from toctou.engine.values import Item


class Version(Protocol):
    """One committed change."""

    def undo(self) -> None:
        """Bring back what was there before."""

    def redo(self) -> None:
        """Make the change again."""


class ItemVersion:
    """A new version of an item."""

    __slots__ = ("after", "before", "key", "table")

    def __init__(self, table: Table, key: Key, before: Item | None, after: Item | None) -> None:
        self.table = table
        self.key = key
        self.before = before
        self.after = after

    def undo(self) -> None:
        """Bring back the version before."""
        self.table.store(self.key, self.after, self.before)

    def redo(self) -> None:
        """Store this version again."""
        self.table.store(self.key, self.before, self.after)


class EntryVersion:
    """A new entry of one of the engine's registers: tables by name, completed transactions by token."""

    __slots__ = ("after", "before", "name", "register")

    def __init__(self, register: dict[str, Any], name: str, before: object, after: object) -> None:
        self.register = register
        self.name = name
        self.before = before
        self.after = after

    def undo(self) -> None:
        """Bring back the entry before."""
        self._set(self.before)

    def redo(self) -> None:
        """Make this entry again."""
        self._set(self.after)

    def _set(self, entry: object) -> None:
        if entry is None:
            self.register.pop(self.name, None)
        else:
            self.register[self.name] = entry


class Log(list[Version]):
    """The committed changes in order; ``len`` is the number of the last one."""

    __slots__ = ()

    def rewind(self, sequence: int) -> list[Version]:
        """Undo and take off the changes after a point; they are returned in order, for :meth:`replay`."""
        undone = self[sequence:]
        for version in reversed(undone):
            version.undo()
        del self[sequence:]
        return undone

    def replay(self, versions: list[Version]) -> None:
        """Make changes again that were taken off."""
        for version in versions:
            version.redo()
        self.extend(versions)
