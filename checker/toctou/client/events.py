"""Decides whether an event of a client has listeners other than botocore's own.

botocore's own listeners do signing, retries and endpoint discovery, which do not happen here.  Notifying them takes longer than
performing the operation, so they are notified only together with others.  boto3's resource layer does its conversions in
listeners, and users register theirs; these are always notified.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Listeners:
    """The listeners to some events of a client, by the cache in which botocore itself looks them up."""

    # botocore makes a new cache whenever a listener is registered or removed, so the same cache means the same listeners.
    # If a version of botocore has no such cache, every event counts as having listeners.

    __slots__ = ("_emitter", "_names", "_quiet")

    def __init__(self, events: Any, names: Sequence[str]) -> None:
        self._emitter: Any = getattr(events, "_emitter", None)
        self._names = names
        self._quiet: object = None  # a cache without listeners to any of the events

    def any_but_botocore(self) -> bool:
        """Whether one of the events must be emitted."""
        cache = getattr(self._emitter, "_lookup_cache", None)
        if cache is None:
            return True
        if cache is self._quiet:
            return False
        if any(self.to(name) for name in self._names):
            return True
        self._quiet = cache
        return False

    def to(self, name: str) -> bool:
        """Whether this event must be emitted."""
        try:
            listeners = self._emitter._lookup_cache.get(name)
        except AttributeError:
            return True
        if listeners is None:  # this event was not emitted yet
            return True
        return not all(
            getattr(listener, "__module__", "").startswith(("botocore.", "aiobotocore.")) for listener in listeners
        )
