"""Sorted collections of keys that load in linear time, and change in a time that does not depend on how many they are.

Additions and removals wait until the order is needed: a few are made in place, many by one pass and one sort, which takes linear
time on what is already in order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

_FEW = 16


class SortedKeys:
    """Distinct, comparable keys in ascending order."""

    __slots__ = ("_added", "_keys", "_removed")

    def __init__(self) -> None:
        self._keys: list[Any] = []
        self._added: dict[Any, None] = {}  # none of them is among the keys
        self._removed: dict[Any, None] = {}  # all of them are

    def __len__(self) -> int:
        return len(self._keys) + len(self._added) - len(self._removed)

    def add(self, key: Any) -> None:
        """Add a key that is not there."""
        if key in self._removed:
            del self._removed[key]
        else:
            self._added[key] = None

    def remove(self, key: Any) -> None:
        """Remove a key that is there."""
        if key in self._added:
            del self._added[key]
        else:
            self._removed[key] = None

    def settled(self) -> list[Any]:
        """All keys in order; the caller does not change them."""
        if self._removed:
            self._settle_removed()
        if self._added:
            self._settle_added()
        return self._keys

    def _settle_removed(self) -> None:
        if len(self._removed) <= _FEW:
            for key in self._removed:
                del self._keys[bisect_left(self._keys, key)]
        else:
            self._keys = [key for key in self._keys if key not in self._removed]
        self._removed.clear()

    def _settle_added(self) -> None:
        if len(self._added) <= _FEW:
            for key in self._added:
                insort(self._keys, key)
        else:
            self._keys.extend(self._added)
            self._keys.sort()
        self._added.clear()
