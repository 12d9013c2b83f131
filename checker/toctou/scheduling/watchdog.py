"""Interrupts code under test that reaches no scheduling point in time.

On the main thread an interval timer's signal interrupts even a lock that never becomes free.  On another thread Python offers
only an exception raised between two bytecodes, which does not interrupt a blocking call into C.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from toctou import real_time
from toctou.scheduling import own_threads

_PERIOD = 0.25


class Interrupted(BaseException):
    """Raised inside code under test to end it; not an ``Exception``, so that handlers do not swallow it."""


@contextmanager
def watchdog(overdue: Callable[[FrameType | None], bool]) -> Iterator[None]:
    """Call ``overdue`` every 0.25 s, with the current frame if known; if true, raise :class:`Interrupted` in this thread."""
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        with _by_signal(overdue):
            yield
    else:
        with _by_thread(overdue):
            yield


@contextmanager
def _by_signal(overdue: Callable[[FrameType | None], bool]) -> Iterator[None]:
    def alarm(_signal: int, frame: FrameType | None) -> None:
        if overdue(frame):
            raise Interrupted

    handler = signal.signal(signal.SIGALRM, alarm)
    begun = real_time.seconds()
    delay, interval = signal.setitimer(signal.ITIMER_REAL, _PERIOD, _PERIOD)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if delay:  # the program's own timer was running: continue it with the rest of its time
            signal.setitimer(signal.ITIMER_REAL, max(delay - (real_time.seconds() - begun), 0.001), interval)


@contextmanager
def _by_thread(overdue: Callable[[FrameType | None], bool]) -> Iterator[None]:
    watched = threading.get_ident()
    ended = threading.Event()

    def watch() -> None:
        own_threads.claim()
        try:
            while not ended.wait(_PERIOD):
                if overdue(None):
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(watched), ctypes.py_object(Interrupted))
        finally:
            own_threads.release()

    thread = threading.Thread(target=watch, name="toctou-watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
