"""Decides where a thread of a request blocks: in locks, queues, selectors and the ends of threads, whoever has made these.

The methods are replaced in their types, so that objects are covered that were there before: the lock of a module, its pool, its
queue.  A replaced method first tries what it is asked for without blocking.  If that fails the strand waits until it will
succeed, and others run meanwhile.  Everything else in the standard library that blocks is made of these (``Condition``,
``Event``, ``Semaphore``, ``Queue``, futures, pools, event loops).  Threads that are no strand get the original, always.

The order in which threads take a lock is the schedule's choice where code of the handler takes it.  Locks within libraries are
taken first come, first served.
"""

from __future__ import annotations

import _thread
import selectors
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from queue import SimpleQueue
from types import FrameType
from typing import Any

from toctou.scheduling import clock_functions, thread_starts
from toctou.scheduling.built_in_functions import OfAttribute, OfMethod, Replacement
from toctou.scheduling.origin import is_handlers_file
from toctou.scheduling.strand import Ready, Strand, always, current

_LOCK: type = type(_thread.allocate_lock())
_RLOCK: type = _thread.RLock
_QUEUE: Any = SimpleQueue
_ORIGINAL = {kind: dict(vars(kind)) for kind in (_LOCK, _RLOCK, _QUEUE)}

acquire: Callable[..., bool] = _ORIGINAL[_LOCK]["acquire"]
"""Acquires a lock as if nothing was replaced: ``acquire(lock, blocking, timeout)``."""

_acquire_reentrant: Callable[..., bool] = _ORIGINAL[_RLOCK]["acquire"]
_acquire_semaphore = threading.Semaphore.acquire
_ENTERS = frozenset({threading.Condition.__enter__.__code__})  # takes the lock for whoever uses the condition

_OF_EVENT, _OF_CONDITION = threading.Event.wait.__code__, threading.Condition.wait.__code__

_MOMENT = 2.0**-30
"""Seconds: the least that the clock of a request shows."""


_takers: dict[int, Strand] = {}
"""The strand that has taken a lock last, by the lock's identity."""


def holder(lock: Any) -> Strand | None:
    """The strand that holds a lock that is not free; ``None`` if that is another thread, or it is no lock."""
    return _takers.get(id(lock)) if type(lock) in (_LOCK, _RLOCK) else None


@contextmanager
def replaced() -> Iterator[None]:
    """While inside, threads start and block as strands if a strand runs; everything is restored."""
    with ExitStack() as restoring:
        for one in (*_replacements(), *_of_selectors(), *thread_starts.replacements()):
            one.replace()
            restoring.callback(one.restore)
        restoring.callback(_takers.clear)
        yield


@cache
def _replacements() -> tuple[Replacement, ...]:
    return (
        *(OfMethod(_LOCK, name, _of_lock(name)) for name in ("acquire", "acquire_lock", "__enter__")),
        *(OfMethod(_RLOCK, name, _of_reentrant_lock(name)) for name in ("acquire", "__enter__")),
        OfMethod(_RLOCK, "_acquire_restore", _acquire_restore),
        OfMethod(_QUEUE, "get", get),
        *(OfAttribute(threading.Semaphore, name, _semaphore) for name in ("acquire", "__enter__")),
        *(_OfCondition(name) for name in ("acquire", "_acquire_restore")),
    )


def _of_selectors() -> Iterator[Replacement]:
    # Not made once: others replace these as well, and what was there before is what is called.
    for kind in vars(selectors).values():
        if isinstance(kind, type) and issubclass(kind, selectors.BaseSelector) and "select" in vars(kind):
            yield OfAttribute(kind, "select", _selecting(vars(kind)["select"]))


def _of_lock(name: str) -> Callable[..., bool]:
    def taken(lock: Any, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - as it is called
        strand = current()
        if strand is None or _is_refused(blocking, timeout):
            return acquire(lock, blocking, timeout)
        return _take(strand, lock, partial(acquire, lock, False), lambda: not lock.locked(), timeout if blocking else 0)  # noqa: FBT003

    taken.__name__ = name
    return taken


def _of_reentrant_lock(name: str) -> Callable[..., bool]:
    def taken(lock: Any, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - as it is called
        strand = current()
        if strand is None or _is_refused(blocking, timeout) or lock._is_owned():
            return _acquire_reentrant(lock, blocking, timeout)
        attempt = partial(_acquire_reentrant, lock, False)  # noqa: FBT003 - a C function
        return _take(strand, lock, attempt, partial(_is_free, lock), timeout if blocking else 0)

    taken.__name__ = name
    return taken


def _is_refused(blocking: bool, timeout: float) -> bool:  # noqa: FBT001 - what a caller has given
    """Whether the original raises an error."""
    return timeout != -1 and (not blocking or not 0 <= timeout <= _thread.TIMEOUT_MAX)


def _take(strand: Strand, lock: Any, attempt: Ready, free: Ready, timeout: float) -> bool:
    taken = _waited(strand, lock, attempt, free, timeout)
    if taken:
        _takers[id(lock)] = strand
    return taken


def _waited(strand: Strand, lock: Any, attempt: Ready, free: Ready, timeout: float) -> bool:
    scheduler = strand.scheduler
    if scheduler.several and _is_handlers(sys._getframe(3)):
        wait = scheduler.seek
    elif attempt():
        return True
    elif timeout == 0:
        return False
    else:
        wait = scheduler.wait
    if timeout == 0:
        return _tried(strand, lock, attempt, free)
    deadline = scheduler.deadline(timeout)
    if strand.path and deadline is not None and (waiting := _waiting_for_an_event(sys._getframe(3))) is not None:
        strand.beats, strand.turn_is_over = True, strand.ends_turn(waiting)
    while True:
        strand.wants = lock
        if not wait(strand, free, deadline):
            return False
        if attempt():
            return True


def _tried(strand: Strand, lock: Any, attempt: Ready, free: Ready) -> bool:
    """Try to take a lock, when the schedule says so.

    Who has failed and has called nothing since tries again only once the lock is free, or nobody else can go on: a loop that
    tries until it has the lock would otherwise have schedules without end.
    """
    scheduler = strand.scheduler
    if lock in strand.failed:
        scheduler.seek(strand, free, scheduler.deadline(0))
    else:
        scheduler.seek(strand, always, None)
    if attempt():
        strand.failed.clear()
        return True
    strand.failed.append(lock)
    return False


def _is_handlers(frame: FrameType) -> bool:
    if frame.f_code in _ENTERS and frame.f_back is not None:
        frame = frame.f_back
    return is_handlers_file(frame.f_code.co_filename)


def _waiting_for_an_event(frame: FrameType) -> FrameType | None:
    """Who waits for an event, if this is where a condition takes a lock of its own for that."""
    event = frame.f_back
    return event.f_back if event and event.f_code is _OF_EVENT and frame.f_code is _OF_CONDITION else None


def _is_free(lock: Any) -> bool:
    # The thread that asks may be its owner, which could take it once more.
    if lock._is_owned() or not _acquire_reentrant(lock, False):  # noqa: FBT003 - a C function
        return False
    lock.release()
    return True


def _acquire_restore(lock: Any, state: Any) -> None:
    strand = current()
    if strand is not None:
        while not _is_free(lock):
            strand.scheduler.wait(strand, partial(_is_free, lock), None)
        _takers[id(lock)] = strand
    _ORIGINAL[_RLOCK]["_acquire_restore"](lock, state)


def get(queue: Any, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - as it is called
    """``SimpleQueue.get``."""
    strand = current()
    original = _ORIGINAL[_QUEUE]["get"]
    if strand is None or not block or not queue.empty() or (timeout is not None and timeout <= 0):
        return original(queue, block, timeout)
    scheduler = strand.scheduler
    deadline = scheduler.deadline(timeout)
    strand.wants = queue
    while queue.empty() and scheduler.wait(strand, lambda: not queue.empty(), deadline):
        pass
    return original(queue, False)  # noqa: FBT003 - a C function


def _semaphore(semaphore: Any, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002
    strand = current()
    if strand is not None and strand.scheduler.several and _is_handlers(sys._getframe(1)):
        if not blocking and timeout is None:
            return _tried(strand, semaphore, partial(_acquire_semaphore, semaphore, False), partial(_counts, semaphore))  # noqa: FBT003
        if blocking and not strand.scheduler.seek(
            strand, partial(_counts, semaphore), strand.scheduler.deadline(timeout)
        ):
            return False
    return _acquire_semaphore(semaphore, blocking, timeout)


def _counts(semaphore: Any) -> bool:
    return bool(semaphore._value > 0)


def _selecting(original: Callable[..., Any]) -> Callable[..., Any]:
    def select(selector: Any, timeout: float | None = None) -> Any:
        strand = current()
        if strand is None:
            return original(selector, timeout)
        if timeout is not None and timeout <= 0:
            found = original(selector, timeout)
            if not found and sys._getframe(1).f_globals.get("__name__") == "multiprocessing.connection":
                _let_a_moment_pass()  # it asks again until its time limit, which may be 0, lies behind it
            return found
        if not (found := original(selector, 0)):
            scheduler = strand.scheduler
            scheduler.wait(strand, partial(_finds, original, selector), scheduler.deadline(timeout))
            found = original(selector, 0)
        return found

    return select


def _finds(select: Callable[..., Any], selector: Any) -> bool:
    try:
        return bool(select(selector, 0))
    except (OSError, ValueError):
        return True  # another strand has closed it: the error is for the strand that waits in it


def _let_a_moment_pass() -> None:
    if (clock := clock_functions.of_this_thread()) is not None:
        clock.sleep(_MOMENT)


class _OfCondition:
    """The replacement of a method that conditions have taken from their lock when they were made.

    It is a data descriptor, which goes before what an object keeps, and takes the method from the lock when it is asked for.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._before = vars(threading.Condition).get(name)

    def replace(self) -> None:
        setattr(threading.Condition, self._name, self)

    def restore(self) -> None:
        if self._before is None:
            delattr(threading.Condition, self._name)
        else:
            setattr(threading.Condition, self._name, self._before)

    def __get__(self, condition: Any, owner: type) -> Any:
        if condition is None:
            return self._before or self
        kept = vars(condition).get(self._name)
        if kept is None:
            if self._before is None:
                raise AttributeError(self._name)
            return self._before.__get__(condition, owner)
        lock = getattr(kept, "__self__", None)
        return getattr(lock, self._name) if type(lock) in (_LOCK, _RLOCK) else kept

    def __set__(self, condition: Any, method: Any) -> None:
        lock = getattr(method, "__self__", None)
        if type(lock) in (_LOCK, _RLOCK):  # it may outlive the replacement
            method = _ORIGINAL[type(lock)][self._name].__get__(lock)
        vars(condition)[self._name] = method
