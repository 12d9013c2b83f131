"""What the checker and a process that serves one request at a time say to each other, and over what.

The process runs the handler; the checker decides when each of its calls is performed, performs it, and sends the outcome.  So a
request in a process of its own is a task like any other.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from toctou.errors import ToctouError
from toctou.history.operation import Accessed
from toctou.history.request import Request, Response, SourceLine
from toctou.scheduling.control import Readings
from toctou.scheduling.runner import Limits
from toctou.scheduling.units import Unit
from toctou.scheduling.written import Piece


class Begin(NamedTuple):
    """What a new process serves.

    Attributes:
        model: its place among the models that the process knows.
        limits: of one request.
        known: outcomes of calls to other services in the model's set-up, which is run in the process, too.
    """

    model: int
    limits: Limits
    known: Mapping[Any, Any] = {}


class Serve(NamedTuple):
    """Serve a request.

    Attributes:
        number: the request's index in its scenario.
        readings: what its clock and random numbers are like.
        tracked: whether to track what the handler accesses in results.
    """

    number: int
    request: Request
    readings: Readings
    tracked: bool


class GiveUp(NamedTuple):
    """Abandon the request that is being served."""


class HeldThread(NamedTuple):
    """A thread of the request that waits for its turn.

    Attributes:
        action, parameters, source: as in :class:`~toctou.history.operation.Operation`; no action if the thread is about to take
            a lock, or to go on without the event that it waits for.
        unit: what it is working on; see :mod:`toctou.scheduling.units`.
        is_early: whether it has gone on like that since another thread of the request last worked.
    """

    action: str
    parameters: Mapping[str, Any]
    source: SourceLine | None
    unit: Unit
    is_early: bool = False


class Waiting(NamedTuple):
    """The threads of the request that have not ended wait: some for their turn, at least one; others for these.

    Attributes:
        held: those that wait for their turn, in an order that repeats.
        response: ``None`` while the request has not answered.
        slept, reads_clock: as in :class:`~toctou.history.operation.Operation`.
        remarks: what a reader of the verdict should know of the others.
        written: what the request has written since the last message.
    """

    held: tuple[HeldThread, ...]
    response: Response | None
    slept: float
    reads_clock: bool
    remarks: tuple[str, ...]
    written: tuple[Piece, ...]


class Proceed(NamedTuple):
    """One of the threads that wait takes its turn.

    Attributes:
        at: its place among those held.
        performed: the outcome of its call; ``None`` if it takes a lock.
    """

    at: int
    performed: Any


class Ended(NamedTuple):
    """The request has ended, or was given up.

    Attributes:
        response: ``None`` if it was given up.
        slept, reads_clock: as in :class:`~toctou.history.operation.Operation`, at its end.
        accessed: what the handler accessed, by the number of the operation, if that was tracked.
        files: data files that were read meanwhile, by path their digests.
        left: names of what the request has left in memory; if it is any, the process ends.
        remarks: what a reader of the verdict should know of its threads, as sentences.
        written: what the request has written since the last message.
        undone: to whom it has left something to do that no schedule has.
    """

    response: Response | None
    slept: float
    reads_clock: bool
    accessed: Mapping[int, Accessed]
    files: Mapping[str, str]
    left: tuple[str, ...]
    remarks: tuple[str, ...]
    written: tuple[Piece, ...]
    undone: tuple[str, ...] = ()


class Failed(NamedTuple):
    """The request cannot be served; the process ends."""

    fault: ToctouError


class Channel:
    """One end of a connection; messages are pickled.

    Waiting is the operating system's (``poll``), because clocks may stand still meanwhile.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN)

    def send(self, message: Any) -> None:
        """Send a message.

        Raises:
            Exception: something in it cannot be pickled; nothing is sent.
            OSError: the other side has ended.
        """
        self.connection.send(message)

    def receive(self, seconds: float) -> Any:
        """The next message; ``None`` if none arrives in time.

        Raises:
            EOFError: the other side has ended.
        """
        if not self._poll.poll(seconds * 1000):
            return None
        try:
            return self.connection.recv()
        except ConnectionError:
            raise EOFError from None

    def close(self) -> None:
        """Close this end."""
        self.connection.close()


class RequestProcess:
    """A process that serves requests, from the checker's side.

    Args:
        channel: to it.
        pid: its number.
        group: the process group that it belongs to.
    """

    def __init__(self, channel: Channel, pid: int, group: int) -> None:
        self.channel = channel
        self._pid = pid
        self._group = group

    def end(self) -> None:
        """Kill it; it may have ended already."""
        with suppress(OSError):
            if os.getpgid(self._pid) == self._group:  # or its number may be that of somebody else by now
                os.kill(self._pid, signal.SIGKILL)
        self.channel.close()
