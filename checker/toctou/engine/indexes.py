"""Collections of items ordered by partition and sort key: the table's own order, and that of each secondary index.

An index holds only items that have all of its key attributes, with the right types; it holds keys, and the items stay with
the table.  Several items can share an index key; among them the table's key decides.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from toctou.engine.ordering import SortedKeys
from toctou.engine.schema import IndexSchema, Key, KeySchema, Schema
from toctou.engine.values import Item, Value, sortable

Entry = tuple[Any, ...]
"""What orders an item within its partition: the sort key if any, then the table's key where that is needed."""


class Collection:
    """Keys of items, by partition and in order.

    Attributes:
        items: the keys themselves, by partition (content of the partition key) and entry.
    """

    __slots__ = ("_partition_order", "items", "key", "partitions")

    def __init__(self, key: KeySchema) -> None:
        self.key = key
        self.items: dict[Any, dict[Entry, Key]] = {}
        self.partitions: dict[Any, SortedKeys] = {}
        self._partition_order = SortedKeys()

    def add(self, partition: Any, entry: Entry, key: Key) -> None:
        """Add an item that is not there."""
        order = self.partitions.get(partition)
        if order is None:
            order = self.partitions[partition] = SortedKeys()
            self.items[partition] = {}
            self._partition_order.add(self._sortable(partition))
        order.add(entry)
        self.items[partition][entry] = key

    def remove(self, partition: Any, entry: Entry) -> None:
        """Remove an item that is there."""
        order = self.partitions[partition]
        order.remove(entry)
        del self.items[partition][entry]
        if not len(order):
            del self.partitions[partition], self.items[partition]
            self._partition_order.remove(self._sortable(partition))

    def _sortable(self, partition: Any) -> tuple[Any, Any]:
        # The content itself stands behind what orders it, so that a partition is found again from the order.
        return sortable(self.key.partition.type, partition), partition

    def in_order(self, after: int = 0) -> list[Any]:
        """The partitions' keys, ascending, from this position on."""
        return [partition for _, partition in self._partition_order.settled()[after:]]

    def rank(self, partition: Any) -> int:
        """The position at which a partition stands among the others, or would stand."""
        return bisect_left(self._partition_order.settled(), self._sortable(partition))

    def entries(self, partition: Any) -> list[Entry]:
        """The entries of one partition, ascending; not to be changed."""
        order = self.partitions.get(partition)
        return [] if order is None else order.settled()


class Index(Collection):
    """One secondary index of a table."""

    __slots__ = ("_key_types", "_names", "schema")

    def __init__(self, schema: IndexSchema, table: Schema) -> None:
        super().__init__(schema.key)
        self.schema = schema
        self._names = tuple(attribute.name for attribute in schema.key.attributes)
        self._key_types = tuple(attribute.type for attribute in table.key.attributes)

    def place(self, image: Mapping[str, Value] | None, key: Key) -> tuple[Any, Entry] | None:
        """The partition and entry of an item; ``None`` if the index does not hold it."""
        if image is None:
            return None
        contents: list[Any] = []
        for name, kind in self.key.attributes:
            value = image.get(name)
            if value is None or kind not in value:
                return None
            contents.append(sortable(kind, value[kind]) if contents else value[kind])
        tie = (sortable(kind, content) for kind, content in zip(self._key_types, key, strict=True))
        return contents[0], (*contents[1:], *tie)

    def held(self, image: Item) -> Item:
        """The part of an item that the index holds."""
        projected = self.schema.projected
        return image if projected is None else {name: value for name, value in image.items() if name in projected}

    def update(self, key: Key, before: Mapping[str, Value] | None, after: Mapping[str, Value] | None) -> None:
        """Follow one change of the table."""
        if before is not None and after is not None:
            for name in self._names:
                if before.get(name) != after.get(name):
                    break
            else:
                return
        old, new = self.place(before, key), self.place(after, key)
        if old == new:
            return
        if old is not None:
            self.remove(*old)
        if new is not None:
            self.add(*new, key)
