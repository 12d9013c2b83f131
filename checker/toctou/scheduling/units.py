"""Decides what a thread of a request is working on: the unit that would run as a whole if nothing were concurrent.

A thread that the handler starts is one unit, and so is each function that it sends to a pool, whichever worker runs it, and each
task of its event loop with all that the task sends to threads.  Units are named by who has begun them and in which order, so
that names repeat.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import thread as pools
from contextlib import contextmanager
from types import FrameType
from typing import Any

from toctou.scheduling.event_loop import callers
from toctou.scheduling.strand import Strand, current

Unit = tuple[int, ...]
"""() is the handler itself, (0,) the first unit that it has begun, (0, 1) the second one that (0,) has begun."""

BETWEEN_TURNS = -1
"""Added to the unit of a thread that has nothing to do until the next turn of its loop: it interrupts nothing there."""

_WORK: Any = pools._WorkItem
_begun: Counter[Unit] = Counter()
_FUNCTIONS = 1_000  # units of a pool are numbered from here, so that none has the name of a thread
_TASKS = 1_000_000  # and tasks of an event loop from here


def unit() -> Unit:
    """What the calling thread, a strand, is working on."""
    strand = current()
    return () if strand is None else _unit(strand)


@contextmanager
def told_apart() -> Iterator[None]:
    """While inside, functions that a strand sends to a pool are units of their own, and it is known where they were sent from."""
    made = _WORK.__init__

    def make(self: Any, *arguments: Any, **keywords: Any) -> None:
        made(self, *arguments, **keywords)
        if (strand := current()) is not None:
            self.unit = _sent(strand)
            self.started = callers(sys._getframe(1))

    _WORK.__init__ = make
    try:
        yield
    finally:
        _WORK.__init__ = made


def begin() -> None:
    """Another request begins."""
    _begun.clear()


def _sent(strand: Strand) -> Unit:
    whole = _unit(strand)
    if whole and whole[-1] >= _TASKS:
        return whole
    _begun[whole] += 1
    return (*whole, _FUNCTIONS + _begun[whole] - 1)


def _unit(strand: Strand) -> Unit:
    work = _work(sys._getframe(1))
    whole: Unit = strand.path if work is None else work
    number = _number_of_task()
    return (*whole, _TASKS + number) if number else whole


def _work(frame: FrameType | None) -> Unit | None:
    while frame is not None:
        if frame.f_code is _WORK.run.__code__:
            return getattr(frame.f_locals["self"], "unit", None)
        frame = frame.f_back
    return None


def _number_of_task() -> int:
    """Of the running task among those of its event loop, the first of which is the handler's own coroutine."""
    loop: Any = asyncio._get_running_loop()
    numbers: Callable[[Any], int] | None = getattr(loop, "number_of", None)
    return 0 if numbers is None else numbers(asyncio.current_task(loop))
