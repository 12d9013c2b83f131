"""The footprint of one operation, as it is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from toctou.engine.schema import Schema, normal_content
from toctou.engine.values import item_size
from toctou.history.footprint import ALL, EXISTENCE, Attributes, Entry, Footprint, IndexKey, KeyRange
from toctou.history.item import Change, Image, ItemId

WHOLE_ITEM = frozenset({ALL, EXISTENCE})
"""Every attribute, and whether the item is there."""

LARGE = 64 * 1024
"""Items and values of fewer bytes cannot bring an item to its limit together with another one like them."""


LargeItems = Callable[[], Iterable[tuple[ItemId, Image]]]
"""Gives the items stored now that count more bytes than :data:`LARGE`."""


class Touched:
    """The footprint of one operation, as it is put together.

    Attributes:
        schemas: the tables' schemas by name.
        changes: what the operation changed, by item; several changes of one item count as one.
        only: the one item that the operation is about, where that is known.
        capacity: whether the result contains sizes.
        ranges: the key ranges that were queried.
    """

    __slots__ = (
        *("_increments", "_judged", "_large", "_largest", "_reads", "_writes"),
        *("capacity", "changes", "only", "ranges", "schemas"),
    )

    def __init__(
        self,
        schemas: Mapping[str, Schema],
        changes: Sequence[Change],
        *,
        capacity: bool,
        largest: int | None,
        large: LargeItems | None,
        single: bool = False,
    ) -> None:
        """See :func:`toctou.engine.footprints.footprint` for ``largest`` and ``large``.

        ``single``: the operation is about one item, which is the one that it changed, if it changed any.
        """
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
        self._largest = largest
        self._large = large
        self.ranges: list[KeyRange] = []
        self._reads: dict[ItemId, Attributes] = {}
        self._writes: dict[ItemId, Attributes] = {}
        self._increments: dict[ItemId, Attributes] = {}
        self._judged: dict[ItemId, Attributes] = {}

    def reads_large(self, within: Callable[[ItemId, Image], bool]) -> bool:
        """Whether one of the items that were read may count more bytes than :data:`LARGE`; ``within`` tells which were."""
        return self._large is None or any(within(item, image) for item, image in self._large())

    def is_large(self, change: Change | None) -> bool:
        """Whether the changed item counts more bytes than :data:`LARGE`, before or after."""
        if change is None or (self._largest is not None and self._largest <= LARGE):
            return False
        images = (change.before, change.after)
        return any(image is not None and item_size(image) > LARGE for image in images)

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

    def judges(self, item: ItemId, attributes: Attributes) -> None:
        """Note attributes whose value decides what the operation changes, although not what is stored in the end."""
        self._judged[item] = self._judged.get(item, frozenset()) | attributes

    def stays(self, item: ItemId, image: Image) -> None:
        """Note the image of an item that was written as it was."""
        self.changes.setdefault(item, Change(item, image, image))

    def footprint(self) -> Footprint:
        """What was noted."""
        entries: dict[ItemId, frozenset[Entry]] = {}
        for item, change in self.changes.items():
            keys = self.schemas[item.table].named_keys
            if keys and (own := _entries(keys, change)):
                entries[item] = own
        return Footprint(self._reads, self._writes, self._increments, tuple(self.ranges), self._judged, entries=entries)


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


def _entries(keys: Iterable[IndexKey], change: Change) -> frozenset[Entry]:
    """Where indexes hold a changed item, and have held it."""
    found = set()
    for key in keys:
        old, new = key.place(change.before), key.place(change.after)
        for place in (old, new):
            if place is not None:
                kind, content = place[0]
                found.add(Entry(key.name, (kind, normal_content(kind, content)), old != new))
    return frozenset(found)
