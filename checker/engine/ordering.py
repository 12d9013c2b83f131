"""Sorted collections of keys that load in linear time.

Additions wait until somebody looks: a few are inserted in place, many are merged by one sort, which takes linear time on
what is already in order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

_FEW = 16


class SortedKeys:
    """Distinct, comparable keys in ascending order."""

    __slots__ = ("_keys", "_waiting")

    def __init__(self) -> None:
        self._keys: list[Any] = []
        self._waiting: list[Any] = []

    def __len__(self) -> int:
        return len(self._keys) + len(self._waiting)

    def add(self, key: Any) -> None:
        """Add a key that is not there."""
        self._waiting.append(key)

    def remove(self, key: Any) -> None:
        """Remove a key that is there."""
        if self._waiting and self._waiting[-1] == key:
            self._waiting.pop()
            return
        keys = self.settled()
        del keys[bisect_left(keys, key)]

    def settled(self) -> list[Any]:
        """All keys in order; the caller does not change them."""
        waiting = self._waiting
        if waiting:
            if len(waiting) <= _FEW:
                for key in waiting:
                    insort(self._keys, key)
            else:
                self._keys.extend(waiting)
                self._keys.sort()
            waiting.clear()
        return self._keys
