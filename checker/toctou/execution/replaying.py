"""Runs one given schedule, and checks whether an execution repeats."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from toctou.declaration.scenario import Scenario
from toctou.errors import LateCall, NondeterministicHandler, ScheduleDiverged
from toctou.execution.laboratory import Laboratory
from toctou.history.operation import Execution, Operation
from toctou.history.request import label
from toctou.history.schedule import Schedule
from toctou.scheduling.dependence import Order
from toctou.scheduling.restart import Restart
from toctou.scheduling.strategies.replay import Replay
from toctou.scheduling.strategies.strategy import nondeterministic


def replayed(laboratory: Laboratory, scenario: Scenario, schedule: Schedule) -> Execution:
    """Run one schedule.

    Raises:
        ScheduleDiverged: the code no longer fits the schedule.
    """
    while True:
        strategy = Replay(schedule)
        strategy.begin()
        try:
            execution = laboratory.execute(scenario, strategy, afresh=True)
        except (Restart, LateCall):
            continue  # either happens a few times at most
        strategy.finish()
        assert execution is not None  # noqa: S101 - a replay gives nothing up
        return execution


def replayed_alike(laboratory: Laboratory, scenario: Scenario, execution: Execution) -> Execution:
    """Run the schedule of an execution again.

    Raises:
        NondeterministicHandler: the execution differs.
    """
    try:
        again = replayed(laboratory, scenario, execution.schedule)
    except ScheduleDiverged as diverged:
        raise different(f"the schedule {execution.schedule} ran to its end", diverged.observed) from None
    _check_same(execution, again)
    return again


def steps_of(execution: Execution) -> list[tuple[int, Operation | None]]:
    """The request of each choice of the schedule, and the operation it performed; ``None`` for a step without any."""
    waiting = iter(execution.operations)
    active = {one.request for one in execution.operations}
    requests = [choice.request for choice in execution.schedule.choices]
    return [
        (request, next(waiting) if request in active and at not in execution.idle else None)
        for at, request in enumerate(requests)
    ]


def reordered(execution: Execution, order: Order) -> Execution:
    """The equivalent execution whose steps were taken in another order; nothing is run."""
    steps, choices = steps_of(execution), execution.schedule.choices
    operations: list[Operation] = []
    endings: dict[int, int] = {}
    # A request has answered once it has performed so many operations, whatever its threads do after that.
    left = [
        sum(one.request == request for one in execution.operations[:end])
        for request, end in enumerate(execution.endings)
    ]
    for at in order:
        request, operation = steps[at]
        if operation is not None:
            if not left[request]:
                endings.setdefault(request, len(operations))
            operations.append(operation)
            left[request] -= 1
        if not left[request]:
            endings.setdefault(request, len(operations))
    return replace(
        execution,
        operations=tuple(operations),
        schedule=Schedule(tuple([choices[at] for at in order])),
        endings=tuple([endings[request] for request in range(len(execution.requests))]),
        idle=frozenset(place for place, at in enumerate(order) if at in execution.idle),
    )


def _check_same(first: Execution, again: Execution) -> None:
    compared = attrgetter("request", "action", "parameters", "result", "error")
    for before, now in zip(first.operations, again.operations, strict=False):
        if compared(before) != compared(now):
            raise different(_shown(before), _shown(now))
    if len(first.operations) != len(again.operations):
        raise different(f"{len(first.operations)} operations", f"{len(again.operations)} operations")
    if first.responses != again.responses:
        raise different(f"responses {first.responses}", f"responses {again.responses}")
    if first.final != again.final:
        raise different(f"stored items {first.final}", f"stored items {again.final}")


def _shown(one: Operation) -> str:
    return f"{label(one.request)} {one.action} {dict(one.parameters)} → {one.error or one.result}"


def different(before: str, now: str) -> NondeterministicHandler:
    """The error for one schedule that gave two histories."""
    return nondeterministic(f"the same schedule gave two histories:\nfirst:  {before}\nsecond: {now}")
