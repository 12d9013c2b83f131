"""Threads of the checker itself that work while a handler runs: what they read of clock and numbers is not the handler's."""

from __future__ import annotations

import threading

_own: set[int] = set()


def claim() -> None:
    """The calling thread is the checker's own from now on."""
    _own.add(threading.get_ident())


def release() -> None:
    """The calling thread is about to end; its identity may be given to another."""
    _own.discard(threading.get_ident())


def is_own() -> bool:
    """Whether the calling thread is one of them."""
    return bool(_own) and threading.get_ident() in _own
