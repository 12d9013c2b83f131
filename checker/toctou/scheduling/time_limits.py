"""Decides what becomes of the time limit of a wait: it passes at once, on the clock of the request that waits in vain.

A request that has no threads of its own waits for a lock, a queue, a condition or an event that nobody will release, fill or
notify meanwhile: other requests are suspended.  It would wait as long on the machine's clock, once per schedule.  Where the
program has other threads, somebody might: they get a moment on the machine's clock.  The whole limit passes on the request's
clock; otherwise a loop that waits until a moment would never end.

A lock that another request holds is memory that they share, and is found as such; see :mod:`toctou.execution.shared_memory`.
The time limits of a request that has threads are those of its scheduler; see :mod:`toctou.scheduling.blocking`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

from toctou.scheduling.built_in_functions import OfMethod, Replacement
from toctou.scheduling.own_threads import is_own

LetPass = Callable[[float], bool]
"""Lets seconds pass on the clock of the request that runs on the calling thread; ``False`` if none does."""

MOMENT = 0.1
"""Seconds of real time, in which a thread that has something to do for a request will have done it."""

_LOCK: type = type(threading.Lock())
_RLOCK: type = type(threading.RLock())
_QUEUE: Any = SimpleQueue


def replacements(let_pass: LetPass) -> Iterator[Replacement]:
    """Of the methods that everything in the standard library is made of that waits for threads."""
    for kind, name in ((_LOCK, "acquire"), (_LOCK, "acquire_lock"), (_RLOCK, "acquire")):
        yield OfMethod(kind, name, _acquiring(vars(kind)[name], let_pass))
    yield OfMethod(_QUEUE, "get", _getting(vars(_QUEUE)["get"], let_pass))


def _acquiring(original: Callable[..., bool], let_pass: LetPass) -> Callable[..., bool]:
    def acquire(lock: Any, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - as it is called
        if not blocking or not 0 < timeout <= threading.TIMEOUT_MAX:
            return original(lock, blocking, timeout)
        if original(lock, True, min(timeout, _patience())):  # noqa: FBT003 - a C function
            return True
        return not let_pass(timeout) and original(lock, blocking, timeout)

    return acquire


def _getting(original: Callable[..., Any], let_pass: LetPass) -> Callable[..., Any]:
    def get(queue: Any, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - as it is called
        if not block or timeout is None or timeout <= 0:
            return original(queue, block, timeout)
        try:
            return original(queue, True, min(timeout, _patience()))  # noqa: FBT003 - a C function
        except Empty:
            if let_pass(timeout):
                raise
        return original(queue, block, timeout)

    return get


def _patience() -> float:
    """Seconds that other threads get."""
    return 0.0 if _is_alone() else MOMENT


def _is_alone() -> bool:
    return all(thread is threading.current_thread() or is_own(thread.ident) for thread in threading.enumerate())
