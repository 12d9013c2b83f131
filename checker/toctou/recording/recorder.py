"""The log of a test session: which calls were made to AWS, in which order, and which request of which test made them.

While tests run, as little as possible is done: parameters and results are copied and kept.  Everything that is concluded from
them is computed after the last test (:mod:`toctou.recording.reconstruction`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from toctou.client.recorded_calls import Forgotten, Logged
from toctou.declaration.response import response_to
from toctou.recording.requested import Arguments, Entry, Requested, copied_arguments
from toctou.recording.surroundings import Surrounding

_CURRENT: ContextVar[int | None] = ContextVar("toctou_request", default=None)


class Recorder:
    """Records one test session.

    Attributes:
        log: what happened, in order.
        requests: those of the tests, by number.
        test: pytest's node id of the test that runs; empty between tests.
        lost: texts on requests that could not be recorded.
        known: names of the tables of which everything since their creation is in the log.
    """

    def __init__(self) -> None:
        self.log: list[Logged] = []
        self.requests: list[Requested] = []
        self.test = ""
        self.known: set[str] = set()
        self.lost: list[str] = []
        self.surrounding = Surrounding()
        self._open: list[int] = []

    @property
    def current(self) -> int | None:
        """The request that runs in this context; if nothing says which, the only one that runs."""
        number = _CURRENT.get()
        if number is not None and number in self._open:
            return number
        return self._open[0] if len(self._open) == 1 else None

    @contextmanager
    def requested(self, entry: Entry, arguments: Arguments) -> Iterator[Requested | None]:
        """A request of a test, while inside; ``None`` within another request, whose part it is.

        Set ``returned`` of it to what it returned; what is raised inside is noted, and goes on.
        """
        within = _CURRENT.get()
        if not self.test or (within is not None and within in self._open) or (self._open and entry.kind == "function"):
            yield None  # the last: an application may have called it in a thread of its own
            return
        try:
            one = Requested(
                len(self.requests),
                self.test,
                entry,
                copied_arguments(arguments),
                self.surrounding.now(),
                len(self.log),
                time=time.time(),
            )
        except Exception as odd:  # whatever a test has put around its request, it must not fail for our sake
            self.lost.append(
                f"{self.test}: a request to {entry.name} could not be recorded: {type(odd).__name__}: {odd}"
            )
            yield None
            return
        self.requests.append(one)
        for other in self._open:
            one.unclear = self.requests[other].unclear = "the test runs several requests at once"
        self._open.append(one.number)
        token = _CURRENT.set(one.number)
        try:
            yield one
        except BaseException as raised:
            # Its traceback would keep everything of the test alive.
            try:
                one.raised = response_to(raised, _no_coroutine)
            except Exception as odd:  # the test's own exception is what it has to see
                one.unclear = f"what it raised cannot be compared: {odd}"
            raise
        finally:
            _CURRENT.reset(token)
            self._open.remove(one.number)
            one.ended = len(self.log)

    @contextmanager
    def resumed(self, one: Requested) -> Iterator[None]:
        """While inside, a request runs on whose answer is a stream, of which a part is read."""
        self._open.append(one.number)
        token = _CURRENT.set(one.number)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            self._open.remove(one.number)
            one.ended = len(self.log)

    def forget(self) -> None:
        """Everything that was stored is gone."""
        if self.log and not isinstance(self.log[-1], Forgotten):
            self.log.append(Forgotten())
        self.known.clear()


def _no_coroutine(coroutine: Any) -> Any:
    """What an exception answers that only a coroutine could tell is not known."""
    coroutine.close()
    raise RuntimeError("a coroutine outside of its loop")
