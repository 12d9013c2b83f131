"""The footprint of one operation, as it is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from checker.engine.schema import Schema
from checker.history.footprint import ALL, EXISTENCE, Footprint, KeyRange
from checker.history.item import Change, ItemId

WHOLE_ITEM = frozenset({ALL, EXISTENCE})
"""Every attribute, and whether the item is there."""


class Touched:
    """The footprint of one operation, as it is put together.

    Attributes:
        schemas: the tables' schemas by name.
        changes: what the operation changed, by item; several changes of one item count as one.
        capacity: whether the answer tells sizes.
    """

    __slots__ = ("_increments", "_reads", "_writes", "capacity", "changes", "ranges", "schemas")

    def __init__(self, schemas: Mapping[str, Schema], changes: Iterable[Change], *, capacity: bool) -> None:
        self.schemas = schemas
        self.changes: dict[ItemId, Change] = {}
        for change in changes:
            earlier = self.changes.get(change.item)
            self.changes[change.item] = change if earlier is None else Change(change.item, earlier.before, change.after)
        self.capacity = capacity
        self.ranges: list[KeyRange] = []
        self._reads: dict[ItemId, set[str]] = {}
        self._writes: dict[ItemId, set[str]] = {}
        self._increments: dict[ItemId, set[str]] = {}

    def reads(self, item: ItemId, attributes: Iterable[str]) -> None:
        """Note attributes that were read."""
        self._reads.setdefault(item, set()).update(WHOLE_ITEM if self.capacity else attributes)

    def writes(self, item: ItemId, attributes: Iterable[str]) -> None:
        """Note attributes that were written."""
        self._writes.setdefault(item, set()).update(attributes)

    def increments(self, item: ItemId, attribute: str) -> None:
        """Note an attribute that was added to."""
        self._increments.setdefault(item, set()).add(attribute)

    def footprint(self) -> Footprint:
        """What was noted."""
        return Footprint(_frozen(self._reads), _frozen(self._writes), _frozen(self._increments), tuple(self.ranges))


_NOTHING: Mapping[ItemId, frozenset[str]] = {}


def _frozen(sets: dict[ItemId, set[str]]) -> Mapping[ItemId, frozenset[str]]:
    if not sets:
        return _NOTHING
    return {item: frozenset(attributes) for item, attributes in sets.items() if attributes}
