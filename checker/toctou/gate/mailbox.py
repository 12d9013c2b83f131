"""What is heard of a request that is served elsewhere: a call that it makes, its answer, or that it has broken.

Whoever serves the request (an event loop, a worker thread) puts events in from there; the runner's thread takes them out.
A mailbox serves one request, once.
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

ONLY_READ = actions_of(Kind.READS, Kind.DESCRIBES)
"""Actions that change nothing."""

Reply = Callable[[Operation], None]
"""Hands what became of a call to whoever waits for it; called once, in the runner's thread, and must not block."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldCall:
    """A DynamoDB call that waits to be performed.

    Attributes:
        action, parameters: as in :class:`~toctou.history.operation.Operation`.
        reply: where the answer goes.
        source: the line of the handler that makes the call, where known.
    """

    action: str
    parameters: Mapping[str, Any]
    reply: Reply
    source: SourceLine | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The request has answered; what ``answer`` is, is between who puts it in and who waits for it."""

    answer: Any


@dataclass(frozen=True, slots=True)
class Broken:
    """The request cannot be served; ``fault`` ends the execution."""

    fault: ToctouError


Event = HeldCall | Answered | Broken


@dataclass(slots=True, eq=False)
class Mailbox:
    """Events of one request, in the order in which they happened.  Any thread may put, one may take."""

    # Not a SimpleQueue: its `get` may wait for ever if a signal arrives just as the timeout ends.
    _events: queue.Queue[Event] = field(default_factory=queue.Queue)

    def put(self, event: Event) -> None:
        """Something has happened."""
        self._events.put(event)

    def take(self, seconds: float) -> Event | None:
        """The next event, waited for so long; ``None`` if there is none in that time."""
        try:
            return self._events.get(timeout=seconds) if seconds > 0 else self._events.get_nowait()
        except queue.Empty:
            return None
