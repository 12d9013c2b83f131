"""Answers what a handler asks the name service about this machine itself: its own name, and ``localhost``.

Libraries store the machine's name as the holder of a lock (``socket.getfqdn``).  Like ``gethostname``, it is the same each time,
so it is no input that schedules would not reproduce.  Nothing is asked: the machine's name is its full name, at 127.0.0.1.
Whoever has imported such a function by name asks the name service itself, which is reported as ever.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from toctou.scheduling import boundary
from toctou.scheduling.built_in_functions import OfAttribute

ADDRESS = "127.0.0.1"
_OWN = frozenset({"localhost", ADDRESS, "::1"})


@contextmanager
def answered() -> Iterator[None]:
    """While inside, handlers are answered here what is about this machine."""
    answers: dict[str, Callable[..., Any]] = {
        "gethostbyname": _address,
        "gethostbyname_ex": _entry,
        "gethostbyaddr": _entry,
        "getaddrinfo": _addresses,
    }
    with ExitStack() as restoring:
        for name, answer in answers.items():
            one = OfAttribute(socket, name, partial(answer, getattr(socket, name)))
            one.replace()
            restoring.callback(one.restore)
        yield


def _address(otherwise: Callable[..., Any], name: Any) -> Any:
    return ADDRESS if _is_own(name) else otherwise(name)


def _entry(otherwise: Callable[..., Any], name: Any) -> Any:
    return (socket.gethostname(), [], [ADDRESS]) if _is_own(name) else otherwise(name)


def _addresses(otherwise: Callable[..., Any], host: Any, *arguments: Any, **keywords: Any) -> Any:
    return otherwise(ADDRESS if _is_own(host) else host, *arguments, **keywords)


def _is_own(name: Any) -> bool:
    return boundary.is_watched() and isinstance(name, str) and (name in _OWN or name == socket.gethostname())
