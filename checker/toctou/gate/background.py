"""Runs beside the runner: one event loop on its own thread, for all of the gate's network traffic, and the guardian."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from toctou import real_time
from toctou.gate.guardian import Guardian
from toctou.scheduling import own_threads

T = TypeVar("T")


class Background:
    """The event loop; constructing it starts it, and it must be closed once."""

    def __init__(self) -> None:
        self.guardian = Guardian()
        # A runner replaces `time.time` for every thread, so the offset must be taken before one is installed.
        self._clock_ahead = time.time() - real_time.seconds()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="toctou-gate", daemon=True)
        self._thread.start()

    def clock(self) -> float:
        """The real time, in seconds since 1970."""
        return self._clock_ahead + real_time.seconds()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 30.0) -> T:
        """Run a coroutine on the loop and return its result; the calling thread waits at most ``seconds``."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        """Cancel what is still running, and end the thread."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        self.guardian.close()

    def _run(self) -> None:
        own_threads.claim()  # the checks on a handler's threads, clocks and sockets must ignore this thread
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            running = asyncio.all_tasks(self.loop)
            for task in running:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*running, return_exceptions=True))
        finally:
            own_threads.release()
