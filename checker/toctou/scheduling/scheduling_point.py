"""The one seam between code under test and the scheduler.

Before an operation of a request is performed, :meth:`SchedulingPoint.reach` is called.  The call returns when the scheduler lets
this request take its step; the operation is then performed atomically.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn, Protocol

from toctou.errors import ToctouError


class Turn(NamedTuple):
    """The turn of a request, and how many operations it has performed before."""

    request: int
    number: int


class SchedulingPoint(Protocol):
    """Where a request waits for its turn."""

    def reach(self, action: str) -> Turn:
        """Wait until it is this request's turn to perform the action.

        Raises:
            OutsideControl: called from outside a request, or from a thread that the handler started.
        """

    def still_served(self) -> None:
        """Restart the time limit of the running request, which is served by another thread or process.

        Called several times per second while waiting for that; the caller sets its own limit.
        """

    def suspend_monitoring(self) -> None:
        """From now on sockets, files, durations and waits are the checker's own, not the handler's."""

    def resume_monitoring(self) -> None:
        """From now on they are the handler's again."""

    def fail(self, fault: ToctouError) -> NoReturn:
        """End the running request with a fault that the handler cannot swallow; raise it where no request is running."""
