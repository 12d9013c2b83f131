"""A table: its items, their order, its indexes and its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toctou.engine.indexes import Collection, Entry, Index
from toctou.engine.schema import Key, Schema
from toctou.engine.values import Item, sortable
from toctou.history.item import Image


class Table:
    """The items of one table.

    Attributes:
        items: the items by key; replaced, never changed.
        order: the keys in order.
        indexes: the secondary indexes by name.
        description: what ``CreateTable`` and ``UpdateTable`` set, in their own shapes.
        largest: no item stored here is larger, in bytes; so most pages need not be measured.
    """

    __slots__ = ("_sort_type", "description", "indexes", "items", "largest", "order", "schema")

    def __init__(self, schema: Schema, description: Mapping[str, Any]) -> None:
        self.schema = schema
        self.description = dict(description)
        self.items: dict[Key, Item] = {}
        self.order = Collection(schema.key)
        self.largest = 0
        self.indexes = {name: Index(index, schema) for name, index in schema.indexes.items()}
        self._sort_type = None if schema.key.sort is None else schema.key.sort.type

    def with_schema(self, schema: Schema, description: Mapping[str, Any]) -> Table:
        """The same items under another set of indexes and settings."""
        table = Table(schema, description)
        table.items, table.order, table.largest = self.items, self.order, self.largest
        table.indexes = {
            name: self.indexes[name] if name in self.indexes else table.indexes[name] for name in schema.indexes
        }
        for name, index in table.indexes.items():
            if name not in self.indexes:
                for key, image in self.items.items():
                    index.update(key, None, image)
        return table

    def entry(self, key: Key) -> Entry:
        """What orders an item within its partition."""
        return () if self._sort_type is None else (sortable(self._sort_type, key[1]),)

    def store(self, key: Key, before: Item | None, after: Item | None) -> None:
        """Put ``after`` in the place of ``before``; ``None`` where there is no item."""
        if after is None:
            del self.items[key]
            self.order.remove(key[0], self.entry(key))
        else:
            self.items[key] = after
            if before is None:
                self.order.add(key[0], self.entry(key), key)
        for index in self.indexes.values():
            index.update(key, before, after)

    def in_order(self) -> Iterator[tuple[Key, Item]]:
        """Keys and items, ordered by key."""
        for partition in self.order.in_order():
            keys = self.order.items[partition]
            for entry in self.order.entries(partition):
                yield keys[entry], self.items[keys[entry]]

    def images(self) -> list[Image]:
        """The items, ordered by key."""
        return [image for _, image in self.in_order()]
