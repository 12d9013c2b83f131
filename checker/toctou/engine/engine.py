"""The embedded DynamoDB: one service, its tables, and every change since it was made.

It decides what each call of the API answers and stores.  It is synchronous and single-threaded: a call is atomic because
nothing else runs.  Which call comes next is decided elsewhere.

Every committed change is kept in order, so that a point in time is a number, going back to it is truncation, and a read
can be answered as of an earlier point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toctou.engine.actions import ACTIONS
from toctou.engine.constraints import check_constraints
from toctou.engine.database import Database
from toctou.engine.values import item_size
from toctou.engine.versions import ItemVersion
from toctou.errors import InternalError, UnsupportedAction
from toctou.history.item import Change, Image, ItemId


class Engine:
    """An empty DynamoDB of one account in one region."""

    __slots__ = ("_database",)

    def __init__(self) -> None:
        self._database = Database()

    def perform(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Perform one API call.

        Args:
            action: the API's name for it, such as ``GetItem``.
            parameters: in the client's shapes: typed attribute values, binaries as ``bytes``.

        Returns:
            The result in the client's shapes.  It shares values with what is stored, so the caller must not change it.

        Raises:
            ServiceError: what the service would answer.
            UnsupportedAction: the action is not one that the engine performs.
        """
        record = ACTIONS.get(action)
        if record is None:
            raise UnsupportedAction(
                f"the handler called {action}, which the embedded DynamoDB does not perform",
                expected=f"one of {', '.join(sorted(ACTIONS))}",
                cause="the action is not built yet, or its name is misspelt",
                remedy="check the model on another backend (--backend moto, or endpoint=URL of DynamoDB Local)",
            )
        if not record.watched.isdisjoint(parameters):
            check_constraints(record.constraints, parameters)
        return record.perform(self._database, parameters)

    def perform_as_of(self, sequence: int, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a read as it would have been answered at an earlier point; see :meth:`perform`.

        The cost is that of the changes since then.
        """
        undone = self._database.log.rewind(sequence)
        try:
            result = self.perform(action, parameters)
            self._check_unchanged(sequence)
            return result
        finally:
            self._database.log.rewind(sequence)
            self._database.log.replay(undone)

    def _check_unchanged(self, sequence: int) -> None:
        if self.sequence != sequence:
            raise InternalError("a read of the past has changed something")

    @property
    def sequence(self) -> int:
        """The number of the last committed change; 0 before the first."""
        return len(self._database.log)

    @property
    def largest(self) -> int:
        """No item that is or was stored counts more bytes than this."""
        largest = 0
        for table in self._database.tables.values():
            largest = max(largest, table.largest)
        return largest

    def larger_than(self, size: int) -> Iterator[tuple[ItemId, Image]]:
        """The items stored now that count more bytes than this."""
        for table in self._database.tables.values():
            if table.largest > size:
                for key, image in table.items.items():
                    if item_size(image) > size:
                        yield table.schema.named(key), image

    def changes_since(self, sequence: int) -> tuple[Change, ...]:
        """The items changed after a point, in commit order; what left an item as it was is left out."""
        log = self._database.log
        if len(log) == sequence:
            return ()
        changes: list[Change] = []
        for version in log[sequence:]:
            if isinstance(version, ItemVersion) and version.before != version.after:
                changes.append(Change(version.table.schema.named(version.key), version.before, version.after))  # noqa: PERF401 - a comprehension is a call
        return tuple(changes)

    def touched_since(self, sequence: int) -> tuple[tuple[int, ItemId], ...]:
        """The number of each change after a point that made a difference, and the item that it changed, in commit order."""
        return tuple(
            (number, version.table.schema.named(version.key))
            for number, version in enumerate(self._database.log[sequence:], sequence + 1)
            if isinstance(version, ItemVersion) and version.before != version.after
        )

    def perform_without(self, hidden: Sequence[int], action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a read as if some changes had not reached it yet; see :meth:`perform`.

        Args:
            hidden: numbers of changes, ascending; for each item they must be its last ones.
        """
        versions = [self._database.log[number - 1] for number in hidden]
        now = self.sequence
        for version in reversed(versions):
            version.undo()
        try:
            result = self.perform(action, parameters)
            self._check_unchanged(now)
            return result
        finally:
            self._database.log.rewind(now)
            for version in versions:
                version.redo()

    def restore(self, sequence: int) -> None:
        """Go back to a point and forget what came after; the cost is that of what is undone."""
        self._database.log.rewind(sequence)

    def forget(self) -> None:
        """Forget the changes so far, when no caller will go back to them; earlier points mean nothing from now on."""
        self._database.log.clear()

    @property
    def tokens(self) -> tuple[str, ...]:
        """The ``ClientRequestToken`` of every completed transaction that is remembered, in their order."""
        return tuple(self._database.completed)

    def forget_transaction(self, token: str) -> None:
        """Forget that a transaction has completed, so that its token may be used again; no time passes in here."""
        self._database.completed.pop(token, None)

    def has_table(self, name: str) -> bool:
        """Whether there is a table of this name."""
        return name in self._database.tables

    def snapshot(self) -> dict[str, tuple[Image, ...]]:
        """Every table's items as they are now, in no order, to be read later; costs a reference for each."""
        return {name: tuple(table.items.values()) for name, table in self._database.tables.items()}

    def stored(self) -> dict[str, list[Image]]:
        """Every table's items, ordered by key."""
        return {name: table.images() for name, table in sorted(self._database.tables.items())}
