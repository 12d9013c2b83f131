"""The footprint of one operation, as it is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from checker.engine.schema import Schema
from checker.history.footprint import ALL, EXISTENCE, Attributes, Footprint, KeyRange
from checker.history.item import Change, ItemId

WHOLE_ITEM = frozenset({ALL, EXISTENCE})
"""Every attribute, and whether the item is there."""


class Touched:
    """The footprint of one operation, as it is put together.

    Attributes:
        schemas: the tables' schemas by name.
        changes: what the operation changed, by item; several changes of one item count as one.
        capacity: whether the answer tells sizes.
        largest: no item before or after counts more bytes than this, where that is known.
        ranges: the key ranges that were looked through.
    """

    __slots__ = ("_increments", "_reads", "_writes", "capacity", "changes", "largest", "ranges", "schemas")

    def __init__(
        self, schemas: Mapping[str, Schema], changes: Iterable[Change], *, capacity: bool, largest: int | None
    ) -> None:
        self.schemas = schemas
        self.changes: dict[ItemId, Change] = {}
        for change in changes:
            earlier = self.changes.get(change.item)
            self.changes[change.item] = change if earlier is None else Change(change.item, earlier.before, change.after)
        self.capacity = capacity
        self.largest = largest
        self.ranges: list[KeyRange] = []
        self._reads: dict[ItemId, Attributes] = {}
        self._writes: dict[ItemId, Attributes] = {}
        self._increments: dict[ItemId, Attributes] = {}

    def reads(self, item: ItemId, attributes: Attributes) -> None:
        """Note attributes that were read."""
        _note(self._reads, item, WHOLE_ITEM if self.capacity else attributes)

    def writes(self, item: ItemId, attributes: Attributes) -> None:
        """Note attributes that were written."""
        _note(self._writes, item, attributes)

    def increments(self, item: ItemId, attributes: Attributes) -> None:
        """Note attributes that were added to."""
        _note(self._increments, item, attributes)

    def footprint(self) -> Footprint:
        """What was noted."""
        return Footprint(self._reads, self._writes, self._increments, tuple(self.ranges))


def _note(noted: dict[ItemId, Attributes], item: ItemId, attributes: Attributes) -> None:
    if attributes:
        earlier = noted.get(item)
        noted[item] = attributes if earlier is None else earlier | attributes
