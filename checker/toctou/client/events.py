"""Decides whether an event of a client has listeners other than botocore's own.

botocore's own listeners serve what does not happen here: signing, retries, endpoint discovery.  Telling them costs more than
performing the operation, so they are notified only together with others.  boto3's resource layer does its conversions in such
listeners, and users register theirs; they are always notified.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Listeners:
    """Who listens to some events of a client.

    Looks into the cache in which botocore itself finds the listeners of an event.  botocore begins a new one whenever a
    listener is registered or taken away; as long as the cache is the same, no listener has come or gone.  Where that cache is not
    what is known of it, there may be a listener.
    """

    __slots__ = ("_emitter", "_names", "_quiet")

    def __init__(self, events: Any, names: Sequence[str]) -> None:
        self._emitter: Any = getattr(events, "_emitter", None)
        self._names = names
        self._quiet: object = None  # the cache in which no listener to any of the events was found

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
        return not all(getattr(listener, "__module__", "").startswith("botocore.") for listener in listeners)
