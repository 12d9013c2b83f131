"""Performs the calls of requests that others hold for them, and answers for requests, with a remedy if one is tried.

Requests served elsewhere, or in processes of their own, hold their calls until it is their turn; what a remedy holds back is
made when its request has answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from toctou.client.backend import Backend, Performed
from toctou.client.intercept import perform
from toctou.client.patches import Patches
from toctou.execution.observation import operation_of
from toctou.gate.mailbox import HeldCall
from toctou.history.operation import Operation
from toctou.history.request import Response
from toctou.scheduling.choices import Choices
from toctou.scheduling.scheduling_point import SchedulingPoint, Turn

_REFUSED = 409


@dataclass(frozen=True, slots=True)
class PatchedRequests:
    """Calls and responses of requests, with a remedy.

    Attributes:
        patches: the remedy, of no edits for none.
        point, backend, choices: where and how calls are performed.
        record: receives each operation.
    """

    patches: Patches
    point: SchedulingPoint
    backend: Backend
    choices: Choices
    record: Callable[[Operation], None]

    def perform(self, turn: Turn, call: HeldCall) -> Operation:
        """Perform a call whose turn it is; returns the operation as the one who made the call is to see it."""
        patched = self.patches.patched(turn.request, call.action, call.parameters, call.source)
        if patched is None:
            return self._performed(turn, call)[0]
        instead = replace(call, action=patched.action, parameters=patched.parameters)
        return operation_of(turn, call, patched.answered(self._performed(turn, instead)[1]))

    def response(self, request: int, response: Response) -> Response:
        """The response of a request, after the calls that it still holds back; in the task of the request."""
        if not self.patches.edits:
            return response
        held = self.patches.left(request)
        if held is not None and not response.refused:  # what is refused is not to be stored
            left, source = held
            turn = self.point.reach(left.action, left.parameters, source)
            call = HeldCall(left.action, left.parameters, _unused, source)
            if left.answered(self._performed(turn, call)[1]).error is not None:
                return Response(_REFUSED)
        return self.patches.answer(request, response)

    def answering(self, request: int, answered: Callable[[int, Response], None]) -> Callable[[Response], None]:
        """A function that passes on the response of a request."""
        return lambda response: answered(request, self.response(request, response))

    def _performed(self, turn: Turn, call: HeldCall) -> tuple[Operation, Performed]:
        performed = perform(self.point, self.backend, self.choices, call.action, call.parameters, source=call.source)
        operation = operation_of(turn, call, performed)
        self.record(operation)
        return operation, performed


def _unused(_operation: Operation) -> None:
    """The outcome of a call that was held back is in the response."""
