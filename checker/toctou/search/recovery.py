"""Decides whether a fault ends the exploration of a scenario, or restarts it."""

from __future__ import annotations

from toctou.declaration.scenario import Scenario
from toctou.errors import (
    LateCall,
    NondeterministicHandler,
    NotSetUp,
    OperationLimit,
    OutsideControl,
    ServiceCrashed,
    SharedMemory,
    SilentHandler,
    ThreadStarted,
    ToolMissing,
    UncontrolledHandler,
    UndeclaredService,
    UnsupportedAction,
)
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed_alike
from toctou.execution.shared_memory import unrepeatable
from toctou.scheduling import data_files
from toctou.scheduling.restart import Reason, Restart
from toctou.verdict import StopReason

RUNS_WHEN_TAINTED = 3
"""How often a tainted schedule is run again: one that behaves differently every other time must not pass."""

FAULTS: dict[type[UncontrolledHandler], StopReason] = {
    NondeterministicHandler: StopReason.NONDETERMINISTIC,
    SharedMemory: StopReason.SHARED_MEMORY,
    OperationLimit: StopReason.OPERATION_LIMIT,
    SilentHandler: StopReason.SILENT_HANDLER,
    OutsideControl: StopReason.OUTSIDE_CONTROL,
    ThreadStarted: StopReason.OUTSIDE_CONTROL,
    UndeclaredService: StopReason.OUTSIDE_CONTROL,
    UnsupportedAction: StopReason.UNSUPPORTED_ACTION,
    LateCall: StopReason.NONDETERMINISTIC,
    ServiceCrashed: StopReason.SERVICE_CRASHED,
    ToolMissing: StopReason.TOOL_MISSING,
    NotSetUp: StopReason.NOT_SET_UP,
}


def reported(laboratory: Laboratory, fault: UncontrolledHandler) -> UncontrolledHandler:
    """The fault that ends the exploration of a scenario.

    Raises:
        Restart: more patience for concurrent calls, no memoisation, or a newly started service may avoid it.
    """
    if isinstance(fault, LateCall):
        raise Restart(Reason.LATE_CALL) from fault
    if isinstance(fault, OperationLimit) and not laboratory.polls_awake:
        raise Restart(Reason.POLLS_AWAKE) from fault
    # A request that never goes on may wait for what another one holds in memory.  Threads need a process of their own.
    if isinstance(fault, NondeterministicHandler | SilentHandler | ThreadStarted) and laboratory.separate(
        _because(fault)
    ):
        raise Restart(Reason.SEPARATED) from fault
    if isinstance(fault, NondeterministicHandler) and laboratory.isolated:
        if laboratory.isolate():
            raise Restart(Reason.PROCESSES_REMEMBER) from fault
        return fault
    if isinstance(fault, NondeterministicHandler):
        try:
            if _run_every_step(laboratory):
                raise Restart(Reason.MEMORY_SHARED) from fault
            if laboratory.isolate():
                raise Restart(Reason.SERVICE_REMEMBERS) from fault
        except UncontrolledHandler as certain:
            fault = certain
    if isinstance(fault, NondeterministicHandler) and laboratory.left:
        return unrepeatable(laboratory.left, fault)
    if isinstance(fault, NondeterministicHandler) and laboratory.sharing:
        # Such as a search that footprints have misled: what is shared has shown before, and is why.
        what = laboratory.sharing.partition("\n")[0]
        return SharedMemory(
            f"{what}; {fault.observed}", expected=fault.expected, cause=fault.cause, remedy=fault.remedy
        )
    return fault


def _because(fault: UncontrolledHandler) -> str:
    """What the fault shows of memory; ``""`` where that is found out otherwise."""
    if isinstance(fault, SilentHandler):
        what, *lines = fault.observed.splitlines()
        # Innermost last: what it waits at.
        return f"in one process a request could not go on: {what}" + (f", at {lines[-1].strip()}" if lines else "")
    return fault.observed if isinstance(fault, ThreadStarted) else ""


def check_memory(laboratory: Laboratory) -> None:
    """Check that handlers did not share memory.

    Raises:
        Restart: they did.
        UncontrolledHandler: they did, and a first run does not repeat.
    """
    laboratory.repeat_first_runs()
    if laboratory.tainted and laboratory.separate():
        raise Restart(Reason.SEPARATED)
    if laboratory.tainted:
        _run_every_step(laboratory)
        raise Restart(Reason.MEMORY_SHARED)


def _run_every_step(laboratory: Laboratory) -> bool:
    """Give up memoised steps; ``False`` if they were given up already, or if there are no first runs to repeat.

    Raises:
        UncontrolledHandler: a first run does not repeat.
    """
    # Memory that `setup` resets before each schedule lets every schedule repeat.  Where that cannot be seen, handlers are not
    # given the benefit of the doubt.
    known = laboratory.run_every_step()
    if known is None:
        return False
    for execution in known.first_runs:
        for _ in range(RUNS_WHEN_TAINTED):
            replayed_alike(laboratory, Scenario.of(execution), execution)
    return bool(known.first_runs)


def check_files() -> None:
    """Check that the data files which handlers have read are still the same.

    Raises:
        OutsideControl: one has changed, so that schedules may differ by that.
    """
    if changed := data_files.changed():
        raise file_changed(changed[0])


def file_changed(path: str) -> OutsideControl:
    """The fault of a file on which handlers depend, and which did not stay as it was."""
    return OutsideControl(
        f"the file {data_files.shown(path)!r} has changed since it was first read",
        expected="files that stay the same while the handlers that read them are explored",
        cause="another program writes it, or it was edited meanwhile",
        remedy="check again when nothing writes it, or replace that part in the model",
    )
