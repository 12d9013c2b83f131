"""What is kept of a step: the operation as performed, and what is compared when the step is taken again."""

from __future__ import annotations

from dataclasses import dataclass

from toctou.client.backend import Performed
from toctou.execution.transition_system import Call
from toctou.gate.mailbox import HeldCall
from toctou.history.footprint import EMPTY
from toctou.history.operation import Operation
from toctou.history.request import Response
from toctou.scheduling.scheduling_point import Turn
from toctou.scheduling.strategies.strategy import Step


@dataclass(slots=True)  # as quick to make as an operation
class Observation:
    """What is compared when a step is performed again."""

    operation: Operation | None
    response: Response | None

    def __str__(self) -> str:
        one = self.operation
        lines = [] if one is None else [f"{one.action} {dict(one.parameters)} → {one.error or one.result}"]
        if self.response is not None:
            lines.append(f"answers {self.response}")
        return "; ".join(lines)


def step_of(operation: Operation | None, response: Response | None) -> Step:
    """A step as strategies see it, with the response if the request had answered by its end."""
    observed = Observation(operation, response)
    if operation is None:
        return Step(EMPTY, observed, seen=response)
    seen = (operation.action, operation.parameters, operation.result, operation.error, response)
    return Step(operation.footprint, observed, seen)


def operation_of(turn: Turn, call: HeldCall | Call, performed: Performed) -> Operation:
    """The operation of a call that was performed."""
    return Operation(
        turn.request,
        turn.number,
        call.action,
        call.parameters,
        performed.result,
        performed.error,
        performed.footprint,
        performed.changes,
        call.source,
        performed.missed,
        slept=turn.slept,
        reads_clock=turn.reads_clock,
        unit=call.unit if isinstance(call, HeldCall) else (),
    )
