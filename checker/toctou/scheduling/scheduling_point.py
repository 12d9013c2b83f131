"""The one seam between code under test and the scheduler.

Before an operation of a request is performed, :meth:`SchedulingPoint.reach` is called.  The call returns when the scheduler lets
this request take its step; the operation is then performed atomically.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn, Protocol

from toctou.errors import ToctouError
from toctou.history.request import SourceLine


class Turn(NamedTuple):
    """The turn of a request, how many operations it has performed before, and what else it has done until then.

    Attributes:
        request, number, slept, reads_clock: as in :class:`~toctou.history.operation.Operation`.
    """

    request: int
    number: int
    slept: float = 0.0
    reads_clock: bool = False


class SchedulingPoint(Protocol):
    """Where a request waits for its turn."""

    def reach(self, action: str, parameters: Mapping[str, Any] | None = None, source: SourceLine | None = None) -> Turn:
        """Wait until it is this request's turn to perform the action; without parameters if it waits for one of several.

        Args:
            action, parameters, source: as in :class:`~toctou.history.operation.Operation`.

        Raises:
            OutsideControl: called from outside a request, or from a thread that the handler started.
        """

    async def reach_awaited(
        self, action: str, parameters: Mapping[str, Any], source: SourceLine | None, perform: Callable[[Turn], Any]
    ) -> Any:
        """The outcome of a call that is awaited: ``perform`` is called when it is its turn; until then other tasks go on.

        Args:
            action, parameters, source: as in :class:`~toctou.history.operation.Operation`.
            perform: returns the outcome; it does not run in the context of the task.

        Raises:
            OutsideControl: see :meth:`reach`.
        """

    def still_served(self) -> None:
        """Restart the time limit of the running request, which is served by another thread or process.

        Called several times per second while waiting for that; the caller sets its own limit.
        """

    def suspend_monitoring(self, *, unhurried: bool = False) -> None:
        """From now on sockets, files, durations and waits are the checker's own, not the handler's.

        Args:
            unhurried: the time limit of the running request does not count meanwhile, and then begins again.
        """

    def resume_monitoring(self) -> None:
        """From now on they are the handler's again."""

    def fail(self, fault: ToctouError) -> NoReturn:
        """End the running request with a fault that the handler cannot swallow; raise it where no request is running."""
