"""The footprint of one operation, as it is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from toctou.engine.schema import Schema
from toctou.history.footprint import ALL, EXISTENCE, Attributes, Footprint, KeyRange
from toctou.history.item import Change, ItemId

WHOLE_ITEM = frozenset({ALL, EXISTENCE})
"""Every attribute, and whether the item is there."""


class Touched:
    """The footprint of one operation, as it is put together.

    Attributes:
        schemas: the tables' schemas by name.
        changes: what the operation changed, by item; several changes of one item count as one.
        only: the one item that the operation is about, where that is known.
        capacity: whether the result contains sizes.
        largest: no item before or after counts more bytes than this, where that is known.
        ranges: the key ranges that were queried.
    """

    __slots__ = ("_increments", "_reads", "_writes", "capacity", "changes", "largest", "only", "ranges", "schemas")

    def __init__(
        self,
        schemas: Mapping[str, Schema],
        changes: Sequence[Change],
        *,
        capacity: bool,
        largest: int | None,
        single: bool = False,
    ) -> None:
        """``single``: the operation is about one item, which is the one that it changed, if it changed any."""
        self.schemas = schemas
        self.only: ItemId | None = None
        if len(changes) == 1:
            (change,) = changes
            item = change.item
            self.changes = {item: change}
            if single:
                self.only = item
        else:
            self.changes = _as_one(changes)
        self.capacity = capacity
        self.largest = largest
        self.ranges: list[KeyRange] = []
        self._reads: dict[ItemId, Attributes] = {}
        self._writes: dict[ItemId, Attributes] = {}
        self._increments: dict[ItemId, Attributes] = {}

    def item(self, schema: Schema, key: Mapping[str, Any]) -> ItemId:
        """The item of this key, or image; raises ``KeyError`` if it is none of the table's."""
        return schema.item_id(key) if self.only is None else self.only

    def reads(self, item: ItemId, attributes: Attributes) -> None:
        """Note attributes that were read."""
        if self.capacity:
            attributes = WHOLE_ITEM
        if attributes:
            self._reads[item] = self._reads[item] | attributes if item in self._reads else attributes

    def writes(self, item: ItemId, attributes: Attributes) -> None:
        """Note attributes that were written."""
        if attributes:
            self._writes[item] = self._writes[item] | attributes if item in self._writes else attributes

    def increments(self, item: ItemId, attributes: Attributes) -> None:
        """Note attributes that were added to."""
        self._increments[item] = self._increments[item] | attributes if item in self._increments else attributes

    def footprint(self) -> Footprint:
        """What was noted."""
        return Footprint(self._reads, self._writes, self._increments, tuple(self.ranges))


Parameters = Mapping[str, Any]
Result = Mapping[str, Any] | None

FootprintRule = Callable[[Touched, Parameters, Result, str | None], None]
"""Notes what a call touched, given its parameters, its result or ``None``, and its error's code or ``None``."""


def _as_one(changes: Iterable[Change]) -> dict[ItemId, Change]:
    merged: dict[ItemId, Change] = {}
    for change in changes:
        earlier = merged.get(change.item)
        merged[change.item] = change if earlier is None else Change(change.item, earlier.before, change.after)
    return merged
