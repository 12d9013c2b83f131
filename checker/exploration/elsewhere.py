"""Where the requests of a model are served, if not by handlers that run in this process, in greenlets."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from checker.gate.relay import Relay
from checker.gate.replica import Read
from checker.history.request import Request, Response
from checker.scheduling.scheduling_point import SchedulingPoint


class Elsewhere(Protocol):
    """Serves requests in other threads or processes; see :class:`checker.gate.under_test.ServiceUnderTest`."""

    settle_seconds: float
    """How far apart calls may be that a handler makes at once."""

    def opened(self, read: Read) -> AbstractContextManager[Any]:
        """Get ready; inside, requests can be served.  ``read`` performs a call at once, outside of any schedule."""

    def prepare(self, requests: int) -> None:
        """Let whatever an earlier execution left come to its end, and get ready for so many requests."""

    def serve(self, index: int, request: Request, call: Any, relay: Relay, point: SchedulingPoint) -> Response:
        """The answer to a request, as the body of its task; ``call`` is what the model's handler has returned for it."""

    def told(self, index: int) -> str:
        """What can be said of whoever serves a request, such as the last lines that it has printed."""

    def isolate(self) -> bool:
        """From now on serve each execution by code that has just been started; ``False`` if that is so already."""
