"""Decides whether a fault ends the exploration of a scenario, or whether it is worth beginning again."""

from __future__ import annotations

from toctou.declaration.scenario import Scenario
from toctou.errors import (
    LateCall,
    NondeterministicHandler,
    OperationLimit,
    OutsideControl,
    ServiceCrashed,
    SilentHandler,
    ToolMissing,
    UncontrolledHandler,
    UnsupportedAction,
)
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed_alike
from toctou.scheduling.restart import Reason, Restart
from toctou.verdict import StopReason

RUNS_WHEN_TAINTED = 3
"""How often a schedule is run again once there is doubt: one that behaves differently every other time must not pass."""

FAULTS: dict[type[UncontrolledHandler], StopReason] = {
    NondeterministicHandler: StopReason.NONDETERMINISTIC,
    OperationLimit: StopReason.OPERATION_LIMIT,
    SilentHandler: StopReason.SILENT_HANDLER,
    OutsideControl: StopReason.OUTSIDE_CONTROL,
    UnsupportedAction: StopReason.UNSUPPORTED_ACTION,
    LateCall: StopReason.NONDETERMINISTIC,
    ServiceCrashed: StopReason.SERVICE_CRASHED,
    ToolMissing: StopReason.TOOL_MISSING,
}


def reported(laboratory: Laboratory, fault: UncontrolledHandler) -> UncontrolledHandler:
    """The fault that ends the exploration of a scenario.

    Raises:
        Restart: it is worth trying with more patience for concurrent calls, with every step run, or with a service that has
            just been started.
    """
    if isinstance(fault, LateCall):
        raise Restart(Reason.LATE_CALL) from fault
    if isinstance(fault, NondeterministicHandler):
        try:
            if _run_every_step(laboratory):
                raise Restart(Reason.MEMORY_SHARED) from fault
            if laboratory.isolate():
                raise Restart(Reason.SERVICE_REMEMBERS) from fault
        except UncontrolledHandler as certain:
            return certain
    return fault


def check_memory(laboratory: Laboratory) -> None:
    """Restart if handlers were seen to remember something.

    Raises:
        Restart: they were.
        UncontrolledHandler: they were, and what was run first does not come out again.
    """
    if laboratory.tainted:
        _run_every_step(laboratory)
        raise Restart(Reason.MEMORY_SHARED)


def _run_every_step(laboratory: Laboratory) -> bool:
    """From now on; ``False`` if that is so already, or if nothing was run that could come out again.

    Raises:
        UncontrolledHandler: what was run first does not come out again.
    """
    # Handlers may share memory that is reset before each schedule, and then a schedule comes out as before.  Where that cannot
    # be seen, they are not given the benefit of the doubt.
    first = laboratory.disable_memoisation()
    for execution in first:
        for _ in range(RUNS_WHEN_TAINTED):
            replayed_alike(laboratory, Scenario.of(execution), execution)
    return bool(first)
