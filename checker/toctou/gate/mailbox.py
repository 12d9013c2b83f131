"""Events of a request that is served in another thread or process: a call, its response, or a fault.

The side that serves the request (an event loop, a worker thread) puts events in; the runner's thread takes them out.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from toctou.engine import Kind, actions_of
from toctou.errors import ToctouError
from toctou.history.operation import Operation
from toctou.history.request import SourceLine
from toctou.scheduling import clock_functions

READ_ONLY_ACTIONS = actions_of(Kind.READS, Kind.DESCRIBES)

Reply = Callable[[Operation], None]
"""Delivers the operation to the caller; called once, in the runner's thread, so it must not block."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldCall:
    """A DynamoDB call that waits to be performed.

    Attributes:
        action, parameters: as in :class:`~toctou.history.operation.Operation`.
        reply: receives the operation.
        source: the line of the handler that makes the call, where known.
        unit: what the thread that makes it is working on (:mod:`toctou.scheduling.units`).
    """

    action: str
    parameters: Mapping[str, Any]
    reply: Reply
    source: SourceLine | None = None
    unit: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Responded:
    """The request has responded; the type of ``response`` is up to the side that serves it."""

    response: Any


@dataclass(frozen=True, slots=True)
class Broken:
    """The request cannot be served; ``fault`` ends the execution."""

    fault: ToctouError


Event = HeldCall | Responded | Broken


@dataclass(slots=True, eq=False)
class Mailbox:
    """Events of one request, in the order they occurred.  Any thread may put, one may take."""

    # Not a SimpleQueue: its `get` may block for ever if a signal arrives just as the timeout ends.
    _events: queue.Queue[Event] = field(default_factory=queue.Queue)

    def put(self, event: Event) -> None:
        """Add an event."""
        self._events.put(event)

    def take(self, seconds: float) -> Event | None:
        """The next event; ``None`` if none arrives within ``seconds``."""
        try:
            if seconds <= 0:
                return self._events.get_nowait()
            with clock_functions.unfollowed():  # a request's clock stands still while its thread waits here
                return self._events.get(timeout=seconds)
        except queue.Empty:
            return None
