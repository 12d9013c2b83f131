"""Decides which attributes the items of an execution have, and which version of an item a read returned.

A footprint says that *every attribute* was read; an explanation has to name them, so they are taken from the images
that occur in the execution.  An eventually consistent read may return an older version
than the newest; its operation says which.
"""

from __future__ import annotations

from collections.abc import Iterable

from toctou.history.footprint import ALL, EXISTENCE, Attributes, KeyRange
from toctou.history.item import Image, ItemId
from toctou.history.operation import Execution, Operation

_NO_NAMES = frozenset({ALL, EXISTENCE})


class Versions:
    """Every version of every item that an execution touches."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self._written: dict[ItemId, list[tuple[int, Image | None]]] = {}
        self._names: dict[ItemId, set[str]] = {}
        self._keys: dict[ItemId, set[str]] = {}
        self._attributes: dict[ItemId, Attributes] = {}
        for position, operation in enumerate(execution.operations):
            for change in operation.changes:
                known = self._written.setdefault(change.item, [(-1, change.before)])
                known.append((position, change.after))
            self._note(operation)

    def _note(self, operation: Operation) -> None:
        footprint = operation.footprint
        for accessed in (footprint.reads, footprint.writes, footprint.increments):
            for item, attributes in accessed.items():
                names = self._names.get(item)
                if names is None:
                    names = self._names[item] = set()
                names |= attributes
        for change in operation.changes:
            self._names.setdefault(change.item, set()).update(change.before or (), change.after or ())

    def attributes(self, item: ItemId) -> Attributes:
        """The attributes that the item has at any time in the execution, without its key; ``{ALL}`` if none is known."""
        known = self._attributes.get(item)
        if known is None:
            names = frozenset(self._names.get(item, ())) - _NO_NAMES - self._key(item)
            known = self._attributes[item] = names or frozenset({ALL})
        return known

    def named(self, item: ItemId, attributes: Attributes) -> Attributes:
        """The attributes of a footprint by name; a key attribute says no more than whether the item is there."""
        if not attributes:
            return attributes
        names = attributes - {ALL} | self.attributes(item) if ALL in attributes else attributes
        key = self._key(item)
        return names if names.isdisjoint(key) else (names - key) | {EXISTENCE}

    def _key(self, item: ItemId) -> set[str]:
        known = self._keys.get(item)
        if known is None:
            images = [image for _, image in self._written.get(item, ()) if image is not None]
            known = self._keys[item] = key_names(item, images)
        return known

    def at(self, item: ItemId, position: int) -> Image | None:
        """The item just before an operation; ``None`` if it does not exist, or never changes."""
        found: Image | None = None
        for written, image in self._written.get(item, ()):
            if written < position:
                found = image
        return found

    def covers(self, key_range: KeyRange, item: ItemId) -> bool:
        """Whether an item that changes lies in a range at any time; for a range of a table, whether its key does."""
        if key_range.index is None or not key_range.covers(item):
            return key_range.covers(item)
        return any(key_range.holds(item, image) for _, image in self._written.get(item, ()))

    def seen(self, position: int, item: ItemId) -> int:
        """The position from which on writes to the item are not in what an operation read."""
        missed = (self.execution.operations[position].missed or {}).get(item, 0)
        if not missed:
            return position
        return [at for at, _ in self._written.get(item, ()) if 0 <= at < position][-missed]


def key_names(item: ItemId, images: Iterable[Image]) -> set[str]:
    """The names of an item's key attributes, recognised by their values in all its images."""
    every = list(images)
    if not every:
        return set()
    parts = [{kind: value} for kind, value in item.key]
    return {name for name in every[0] if all(image.get(name) in parts for image in every)}
