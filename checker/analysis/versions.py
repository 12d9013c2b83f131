"""Decides which attributes the items of an execution have, and which version of an item a read returned.

A footprint says that *every attribute* was read; an explanation has to name them, so they are taken from the images
that occur in the execution.  An eventually consistent ``GetItem`` may return an older version than the newest one;
which one it was shows only in what it returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from checker.history.footprint import ALL, EXISTENCE, Attributes
from checker.history.item import Image, ItemId
from checker.history.operation import Execution, Operation


class Versions:
    """Every version of every item that an execution touches."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._written: dict[ItemId, list[tuple[int, Image | None]]] = {}
        self._names: dict[ItemId, set[str]] = {}
        for position, operation in enumerate(execution.operations):
            for change in operation.changes:
                known = self._written.setdefault(change.item, [(-1, change.before)])
                known.append((position, change.after))
            self._note(operation)

    def _note(self, operation: Operation) -> None:
        footprint = operation.footprint
        for accessed in (footprint.reads, footprint.writes, footprint.increments):
            for item, attributes in accessed.items():
                self._names.setdefault(item, set()).update(attributes - {ALL, EXISTENCE})
        for change in operation.changes:
            self._names.setdefault(change.item, set()).update(change.before or {}, change.after or {})

    def attributes(self, item: ItemId) -> Attributes:
        """The attributes that the item has at any time in the execution, without its key; ``{ALL}`` if none is known."""
        return frozenset(self._names.get(item, set()) - self._key(item)) or frozenset({ALL})

    def named(self, item: ItemId, attributes: Attributes) -> Attributes:
        """The attributes of a footprint by name; a key attribute says no more than whether the item is there."""
        names = attributes - {ALL} | self.attributes(item) if ALL in attributes else attributes
        key = self._key(item)
        return (names - key) | {EXISTENCE} if names & key else names

    def _key(self, item: ItemId) -> set[str]:
        return key_names(item, (image for _, image in self._written.get(item, ()) if image is not None))

    def at(self, item: ItemId, position: int) -> Image | None:
        """The item just before an operation; ``None`` if it does not exist, or never changes."""
        found: Image | None = None
        for written, image in self._written.get(item, ()):
            if written < position:
                found = image
        return found

    def seen(self, position: int, item: ItemId) -> int:
        """The position from which on writes to the item are not in what an operation read."""
        operation = self._execution.operations[position]
        versions = [version for version in self._written.get(item, ()) if version[0] < position]
        if operation.parameters.get("ConsistentRead") or operation.action != "GetItem" or operation.result is None:
            return position
        returned = operation.result.get("Item")
        for index in reversed(range(len(versions))):
            if _shows(versions[index][1], returned):
                return versions[index + 1][0] if index + 1 < len(versions) else position
        return position


def key_names(item: ItemId, images: Iterable[Image]) -> set[str]:
    """The names of an item's key attributes, recognised by their values in all its images."""
    every = list(images)
    if not every:
        return set()
    parts = [{kind: value} for kind, value in item.key]
    return {name for name in every[0] if all(image.get(name) in parts for image in every)}


def _shows(version: Image | None, returned: Mapping[str, Any] | None) -> bool:
    """Whether a read of this version could have returned that, given that a projection leaves attributes out."""
    if version is None or returned is None:
        return version is None and returned is None
    return all(_within(value, version.get(name)) for name, value in returned.items())


def _within(part: Any, whole: Any) -> bool:
    if isinstance(part, Mapping) and isinstance(whole, Mapping):
        return all(name in whole and _within(value, whole[name]) for name, value in part.items())
    return bool(part == whole)
