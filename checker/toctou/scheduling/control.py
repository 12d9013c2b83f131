"""Clock, random numbers and identifiers of each request, controlled so that a schedule means one history.

Each request represents a process of its own.  What it reads from its clock and its random numbers depends on the request and
on its progress, never on other requests: so they make no two operations dependent, and equivalent schedules stay equivalent.

- The clock of request *n* starts *n* seconds after :data:`EPOCH`, and advances one millisecond per operation of that
  request and by what it sleeps.  ``time.sleep`` returns immediately.
- ``os.urandom`` (and with it ``uuid.uuid4`` and ``secrets``) and the global generator of ``random`` are seeded per request;
  ``uuid.uuid1`` has a made-up address, and names of temporary files are drawn from numbers of their own.

Clocks are replaced below Python, so ``from time import time`` is covered too: the functions that return the
date by ``time_machine``, those that measure durations by :mod:`toctou.scheduling.clock_functions`.
"""

from __future__ import annotations

import gc
import math
import os
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import time_machine

from toctou.scheduling import clock_functions, scratch_files
from toctou.scheduling.own_threads import is_own
from toctou.scheduling.scratch_files import ScratchFiles
from toctou.scheduling.task import Task

EPOCH = 1_767_225_600
"""2026-01-01T00:00:00Z, in seconds since 1970: where the clock of request 0 starts."""

_UPTIME = 100_000.0
"""What ``time.monotonic`` returns in request 0 when its clock starts, in seconds."""

_PARTS = 2**30
"""Of a second; ``time.monotonic`` returns whole numbers of them.  Floats of its size hold these exactly, so that the difference
of two readings is what has passed between them, and the same in requests that do the same."""

_SEED = 367

_UUID = vars(uuid)
"""Where the module keeps the address of the network card, which it asks another program for, and the last time it has told."""

_NODE = 0x0242_AC11_0002


@dataclass(frozen=True, slots=True)
class Readings:
    """What the clock and the random numbers of requests are like.

    Attributes:
        epoch: seconds after :data:`EPOCH` at which the clock of request 0 starts.
        apart: seconds between the starts of two requests' clocks.
        pace: seconds per operation.
        seed: of random numbers.
    """

    epoch: float = 0.0
    apart: float = 1.0
    pace: float = 0.001
    seed: int = 0


class Control:
    """The controlled clock and numbers of the task that is running, inside :meth:`installed`.

    Attributes:
        reads_clock: whether any task has read its clock or a random number since this was last set to false.
        readings: what clock and numbers are like.
        per_request: whether each request has a generator of its own; see :meth:`random_was_shared`.
    """

    def __init__(self) -> None:
        self.reads_clock = False
        self.readings = Readings()
        self._task: Task | None = None
        self._followed: Task | None = None
        self._late = False  # whether the clock has yet to be set to the task's time
        self._travel = time_machine.travel(EPOCH, tick=False)
        self._clock: Any = None
        self._pristine: Any = None
        self._untouched = random.Random(_SEED)  # noqa: S311
        self.per_request = False
        self._collecting = False  # what is run by the garbage collector is no request's

    @contextmanager
    def installed(self) -> Iterator[Control]:
        """Replace clock and numbers while inside; the global generator is restored as well."""
        before = random.getstate()
        urandom, secure = os.urandom, random._urandom  # type: ignore[attr-defined]
        self._untouched.seed(_SEED)
        self._pristine = self._untouched.getstate()
        node, _UUID["_node"] = _UUID["_node"], _NODE
        self._clock = self._travel.start()
        self._time_ns = self._clock.time_ns
        self._clock.time_ns = self._now  # every function that returns the time calls this; a test covers all of them
        os.urandom = self._numbers
        random._urandom = self._numbers  # type: ignore[attr-defined]
        self._urandom = urandom
        # Around the callbacks of others: Hypothesis asks in one how long collections take.
        gc.callbacks.insert(0, self._collection_begins)
        gc.callbacks.append(self._collection_ends)
        try:
            random.setstate(self._pristine)
            with clock_functions.followed(self), scratch_files.named_for(self._scratch):
                yield self
        finally:
            gc.callbacks.remove(self._collection_begins)
            gc.callbacks.remove(self._collection_ends)
            self._travel.stop()
            _UUID["_node"] = node
            os.urandom = urandom
            random._urandom = secure  # type: ignore[attr-defined]
            random.setstate(before)

    def enter(self, task: Task) -> None:
        """Switch to a task that is about to run."""
        self._task = self._followed = task
        self._late = True
        _UUID["_last_timestamp"] = None  # what `uuid1` has told another request is in that one's process
        if self.per_request:
            if task.random_state is None:
                task.random_state = random.Random(_SEED + 1 + task.index + 10_000 * self.readings.seed).getstate()  # noqa: S311
            random.setstate(task.random_state)

    def advance(self) -> None:
        """Let the clock follow the running task, which performs an operation or has slept."""
        self._late = True

    def leave(self, task: Task) -> None:
        """Switch from the task, which has reached a scheduling point or its end."""
        if self.per_request:
            before, task.random_state = task.random_state, random.getstate()
            if task.random_state != before:
                self._mark(task)
        self._task = self._followed = None

    def suspend(self) -> None:
        """From now on durations are the machine's, and time that is slept passes there."""
        self._followed = None

    def resume(self) -> None:
        """From now on they are the running task's again."""
        self._followed = self._task

    @contextmanager
    def giving_up(self, task: Task) -> Iterator[None]:
        """While inside, durations are those of a task that is given up: its clean-up waits on its own clock."""
        self._followed = task
        try:
            yield
        finally:
            self._followed = None

    @contextmanager
    def outside_tasks(self, like: Task) -> Iterator[None]:
        """While inside, dates and numbers are those of a task that has just begun, whatever was drawn before or will be after.

        Durations, and time that is slept, are the machine's: what runs now may wait for another process.
        """
        noticed, drawn = self.reads_clock, random.getstate()
        random.setstate(self._pristine)
        self._task, self._late = like, True
        try:
            yield
        finally:
            self._task, self.reads_clock = None, noticed
            random.setstate(drawn)

    def random_was_shared(self) -> bool:
        """Whether the execution that just ended drew from the global generator without a state per request.

        Saving a generator's state costs more than most operations, so it is done only once a handler has drawn from it.
        The first execution that does must be run again; from then on every request has its own generator.
        """
        # Two generators in the same state go on alike; comparing their states takes two hundred times as long.
        if self.per_request or random.getrandbits(64) == self._untouched.getrandbits(64):
            return False
        self.per_request = True
        random.setstate(self._pristine)
        return True

    def draw_afresh(self) -> None:
        """Put the global generator where it would be if only tasks had drawn from it."""
        random.setstate(self._untouched.getstate())

    def _now(self) -> int:
        task = self._task
        if task is not None and not is_own():
            self._mark(task)
        if self._late and task is not None:
            # Setting the clock takes longer than most steps, and few handlers read it.
            self._late = False
            of, performed = self.readings, task.operations
            self._clock.move_to(EPOCH + of.epoch + task.index * of.apart + performed * of.pace + task.slept)
        return int(self._time_ns())

    def _numbers(self, size: int, /) -> bytes:
        if self._task is None or self._collecting or is_own():
            return self._urandom(size)
        self._mark(self._task)
        if self._task.numbers is None:
            self._task.numbers = random.Random(_SEED + 1000 + self._task.index + 10_000 * self.readings.seed)  # noqa: S311
        return self._task.numbers.randbytes(size)

    def _scratch(self) -> ScratchFiles | None:
        task = self._task
        if task is None or self._followed is None or self._collecting or is_own():
            return None
        self._mark(task)
        if task.scratch.numbers is None:
            task.scratch.numbers = random.Random(_SEED + 2000 + task.index + 10_000 * self.readings.seed)  # noqa: S311
        return task.scratch

    def _mark(self, task: Task) -> None:
        if not self._collecting:
            self.reads_clock = task.reads_clock = True

    def _collection_begins(self, phase: str, _about: Any) -> None:
        self._collecting = self._collecting or phase == "start"

    def _collection_ends(self, phase: str, _about: Any) -> None:
        self._collecting = self._collecting and phase == "start"

    def elapsed(self, *, noticed: bool = True) -> float | None:
        """See :class:`toctou.scheduling.clock_functions.Clock`."""
        task, of = self._followed, self.readings
        if task is None:
            return None
        if noticed and self._task is not None:
            self._mark(task)
        return _whole(_UPTIME + of.epoch + task.index * of.apart + task.operations * of.pace, round) + task.slept

    def worked(self) -> float | None:
        """See :class:`toctou.scheduling.clock_functions.Clock`: whoever sleeps does not work."""
        task = self._followed
        if task is None:
            return None
        if self._task is not None:
            self._mark(task)
        return _whole(task.operations * self.readings.pace, round)

    def sleep(self, seconds: float) -> bool:
        """See :class:`toctou.scheduling.clock_functions.Clock`."""
        if self._followed is None:
            return False
        self._followed.slept += _whole(seconds, math.ceil)  # never too early, as the machine
        self.advance()
        return True


@contextmanager
def beginning_at(seconds: int) -> Iterator[None]:
    """While inside, clocks start at this time instead of :data:`EPOCH`: what was signed then must not be of the future."""
    global EPOCH  # noqa: PLW0603
    before, EPOCH = EPOCH, seconds
    try:
        yield
    finally:
        EPOCH = before


@contextmanager
def standing_still() -> Iterator[None]:
    """While inside, it is always :data:`EPOCH`: for services that requests share, which have no clock of any request."""
    with time_machine.travel(EPOCH, tick=False):
        yield


def _whole(seconds: float, rounded: Callable[[float], int]) -> float:
    return rounded(seconds * _PARTS) / _PARTS
