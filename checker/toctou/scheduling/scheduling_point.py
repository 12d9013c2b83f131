"""The one seam between code under test and the scheduler.

Whoever is about to perform an operation on behalf of a request first calls :meth:`SchedulingPoint.reach`.  The call
returns when the scheduler lets this request take its step; the operation is then performed at once, atomically.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn, Protocol

from toctou.errors import ToctouError


class Turn(NamedTuple):
    """Whose turn it is: a request, and how many operations it has performed before."""

    request: int
    number: int


class SchedulingPoint(Protocol):
    """Where a request waits for its turn."""

    def reach(self, action: str) -> Turn:
        """Wait until it is this request's turn.

        Args:
            action: what is about to be done, for messages.

        Raises:
            OutsideControl: called from outside a request, or from a thread that the handler started.
        """

    def still_served(self) -> None:
        """The running request is being served elsewhere (another thread or process): the time allowed to it starts anew.

        Whoever waits for that calls this several times per second, and sets the limit itself.
        """

    def suspend_monitoring(self) -> None:
        """From now on sockets and files are the checker's own doing, not the handler's."""

    def resume_monitoring(self) -> None:
        """From now on they are the handler's again."""

    def fail(self, fault: ToctouError) -> NoReturn:
        """End the running request with a fault that the handler cannot swallow; raise it where no request is running."""
