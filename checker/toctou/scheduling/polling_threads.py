"""Decides which threads of a request wait to poll for what another thread does, and holds them back as requests are.

The rule is that of :mod:`toctou.scheduling.polling`, with threads in the place of requests: a thread that reads, sleeps and reads
the same is held back until something is written that it reads, or no other thread of its request can take a turn.  Whether it has
slept is known of its request only, so another one's sleep counts as its own.
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

    def performed(self, operation: Operation) -> None:
        """A thread has made a call."""
        number = self._number(operation.request, operation.unit)
        self._polls.performed(replace(operation, request=number))

    def allowed(self, request: int, waiting: Sequence[ThreadsCall]) -> Sequence[int]:
        """Positions of those of a request's waiting threads that are not held back; never empty."""
        numbers = [self._number(request, one.unit) for one in waiting]
        calls: list[ThreadsCall | None] = [None] * len(self._numbers)
        for number, one in zip(numbers, waiting, strict=True):
            calls[number] = one if one.action else None
        allowed = set(self._polls.allowed(numbers, calls))
        self.held = self._polls.held
        return [at for at, number in enumerate(numbers) if number in allowed]

    def _number(self, request: int, unit: Unit) -> int:
        return self._numbers.setdefault((request, unit), len(self._numbers))
