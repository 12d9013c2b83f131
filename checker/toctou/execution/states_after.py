"""What a backend answers, or stores, after operations that other executions have performed: no request runs for that.

Memoised steps (:mod:`toctou.execution.memoised_steps`) ask where requests are known to make a call at a state in which it was
never performed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toctou.client.backend import Backend
from toctou.execution.observation import operation_of
from toctou.execution.transition_system import Call
from toctou.history.operation import Operation, StoredImages
from toctou.scheduling.scheduling_point import Turn


class StatesAfter:
    """The states of a backend after operations; ``complete`` adds to an operation's footprint what oracles observe."""

    def __init__(self, backend: Backend, complete: Callable[[Operation], None]) -> None:
        self._backend = backend
        self._complete = complete

    def perform(self, before: Sequence[Operation], request: int, call: Call) -> Operation | None:
        """The call of a request as performed after these operations; ``None`` if it cannot be performed."""
        try:
            self._restore(before)
            performed = self._backend.perform(call.action, call.parameters)
        except Exception:  # it occurs again, and is reported, when the call is run
            return None
        turn = Turn(request, call.number, call.slept, call.reads_clock)
        operation = operation_of(turn, call, performed)
        self._complete(operation)
        return operation

    def stored(self, before: Sequence[Operation]) -> StoredImages:
        """What is stored after these operations."""
        self._restore(before)
        return self._backend.stored()

    def _restore(self, before: Sequence[Operation]) -> None:
        self._backend.restore()
        for one in before:  # reads change nothing
            if one.changes or one.footprint.writes_something or "ClientRequestToken" in one.parameters:
                self._backend.perform(one.action, one.parameters)
