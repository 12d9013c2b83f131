"""Calls that tasks of an event loop await: each waits beside the others of its request until the schedule chooses it.

A call that is awaited blocks neither its thread nor the other tasks of its loop.  So it waits like a thread of its own, of
which nothing but the call is left: :class:`~toctou.scheduling.strands.Strands` holds it among the request's threads.  Once it is
chosen it is performed at once, whatever its loop is doing, and its task goes on as soon as the loop gets there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class AwaitedCall:
    """A call that the running task awaits.

    Args:
        unit: what the task is working on; see :mod:`toctou.scheduling.units`.
        held: what is called.
        perform: takes the request's turn, performs the call, and returns its outcome.
    """

    def __init__(self, unit: tuple[int, ...], held: object, perform: Callable[[], Any]) -> None:
        self.unit = unit
        self.held = held
        self._perform = perform
        self._outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def outcome(self, withdraw: Callable[[AwaitedCall], None]) -> Any:
        """Wait until it has been performed; ``withdraw`` is called if it will not be, because the task is cancelled."""
        try:
            return await self._outcome
        finally:
            withdraw(self)

    def take(self) -> None:
        """Perform it; from the thread on which the schedule chooses."""
        outcome = self._perform()
        with suppress(RuntimeError):  # its loop has been closed
            self._outcome.get_loop().call_soon_threadsafe(self._settle, outcome)

    def _settle(self, outcome: Any) -> None:
        if not self._outcome.done():  # its task may have been cancelled, which undoes nothing
            self._outcome.set_result(outcome)
