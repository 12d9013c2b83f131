"""Decides whether an event of a client has listeners other than botocore's own.

botocore's own listeners do signing, retries and endpoint discovery, which do not happen here.  Notifying them takes longer than
performing the operation, so they are notified only together with others.  boto3's resource layer does its conversions in
listeners, and users register theirs; these are always notified.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

Notifying = Generator[Any, Any, dict[str, Any]]
"""Yields what emitting an event returns, and is sent what the listeners have answered."""


def done(steps: Notifying) -> dict[str, Any]:
    """What it returns, where listeners answer at once."""
    answers = None
    while True:
        try:
            answers = steps.send(answers)
        except StopIteration as end:
            returned: dict[str, Any] = end.value
            return returned


class Listeners:
    """The listeners to some events of a client, looked up where botocore itself keeps them."""

    # botocore makes a new cache whenever a listener is registered or removed, so the same cache means the same listeners.
    # If a version of botocore has no such cache, every event counts as having listeners.

    __slots__ = ("_emitter", "_heard", "_names", "_seen")

    def __init__(self, events: Any, names: Iterable[str]) -> None:
        self._emitter: Any = getattr(events, "_emitter", events)
        self._names = tuple(names)
        self._heard: frozenset[str] = frozenset(self._names)
        self._seen: object = None

    def heard(self) -> frozenset[str]:
        """The events that must be emitted."""
        cache = getattr(self._emitter, "_lookup_cache", None)
        if cache is not None and cache is not self._seen:
            self._heard = frozenset(name for name in self._names if not all(map(_is_botocores, self.to(name))))
            self._seen = cache
        return self._heard

    def to(self, name: str) -> Iterable[Callable[..., Any]]:
        """Who listens to an event."""
        try:
            listeners: Iterable[Callable[..., Any]] = self._emitter._handlers.prefix_search(name)
        except AttributeError:
            return ()
        return listeners


def _is_botocores(listener: Any) -> bool:
    return str(getattr(listener, "__module__", "")).startswith(("botocore.", "aiobotocore."))
