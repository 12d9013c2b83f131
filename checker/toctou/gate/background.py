"""What works beside the runner: an event loop on a thread of its own, for all of the gate's network, and the guardian."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from toctou.gate.guardian import Guardian
from toctou.scheduling import own_threads

T = TypeVar("T")


class Background:
    """The loop; started when it is made, to be closed once.  Make it before the clock is replaced."""

    def __init__(self) -> None:
        self.guardian = Guardian()
        self._clock_ahead = time.time() - time.monotonic()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="toctou-gate", daemon=True)
        self._thread.start()

    def clock(self) -> float:
        """The time outside, in seconds since 1970."""
        return self._clock_ahead + time.monotonic()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 30.0) -> T:
        """What a coroutine returns that is run on the loop; the calling thread waits for it, so long at most."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        """End whatever still runs, and the thread."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        self.guardian.close()

    def _run(self) -> None:
        own_threads.claim()
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            running = asyncio.all_tasks(self.loop)
            for task in running:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*running, return_exceptions=True))
        finally:
            own_threads.release()
