"""Decides which threads of a request wait to poll for what another thread does, and holds them back as requests are.

The rule is that of :mod:`toctou.scheduling.polling`, with threads in the place of requests: a thread that reads, sleeps and reads
the same is held back until something is written that it reads, or no other thread of its request can take a turn.  Whether it has
slept is known of its request only, so another one's sleep counts as its own.

What a thread polls may be memory, under a lock.  It is held back where it is about to take a lock for the third time with a sleep
after each, and has called nothing meanwhile, nor has another thread of its request gone on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toctou.history.operation import Operation
from toctou.scheduling.polling import Polls, ThreadsCall
from toctou.scheduling.units import Unit


class PollingThreads:
    """The threads of all requests of one execution.

    Attributes:
        held: whether a thread was held back when :meth:`allowed` was last called.
    """

    def __init__(self) -> None:
        self.held = False
        self._polls = Polls()
        self._numbers: dict[tuple[int, Unit], int] = {}
        self._took: dict[
            int, list[tuple[Unit, float]]
        ] = {}  # the locks that threads of a request took since its last call

    def performed(self, operation: Operation) -> None:
        """A thread has made a call."""
        self._took.pop(operation.request, None)
        number = self._number(operation.request, operation.unit)
        self._polls.performed(replace(operation, request=number))

    def took_lock(self, request: int, call: ThreadsCall) -> int:
        """A thread has taken a lock; returns how many those of its request have taken since its last call."""
        taken = self._took.setdefault(request, [])
        taken.append((call.unit, call.slept))
        return len(taken)

    def allowed(self, request: int, waiting: Sequence[ThreadsCall]) -> Sequence[int]:
        """Positions of those of a request's waiting threads that are not held back; never empty."""
        numbers = [self._number(request, one.unit) for one in waiting]
        calls: list[ThreadsCall | None] = [None] * len(self._numbers)
        for number, one in zip(numbers, waiting, strict=True):
            calls[number] = one if one.action else None
        others = [number for number, one in zip(numbers, waiting, strict=True) if not self._polls_memory(request, one)]
        allowed = set(self._polls.allowed(others or numbers, calls))
        self.held = self._polls.held or 0 < len(others) < len(numbers)
        return [at for at, number in enumerate(numbers) if number in allowed]

    def _polls_memory(self, request: int, waiting: ThreadsCall) -> bool:
        if waiting.action:
            return False
        last = self._took.get(request, [])[-2:]
        slept = [at for unit, at in last if unit == waiting.unit]
        return len(slept) == 2 and slept[0] < slept[1] < waiting.slept

    def _number(self, request: int, unit: Unit) -> int:
        return self._numbers.setdefault((request, unit), len(self._numbers))
