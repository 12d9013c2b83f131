"""Threads of the checker itself that work while a handler runs: their reads of clock and numbers are not the handler's."""

from __future__ import annotations

import threading

_own: set[int] = set()


def claim() -> None:
    """Register the calling thread as the checker's own."""
    _own.add(threading.get_ident())


def release() -> None:
    """Unregister the calling thread, which is about to end: its identity may be reused."""
    _own.discard(threading.get_ident())


def is_own(thread: int | None = None) -> bool:
    """Whether a thread, by its identity, is one of them; the calling one if none is given."""
    return bool(_own) and (thread or threading.get_ident()) in _own
