"""Runs one given schedule, and says whether an execution came out as it did before."""

from __future__ import annotations

from toctou.declaration.scenario import Scenario
from toctou.errors import LateCall, NondeterministicHandler, ScheduleDiverged
from toctou.execution.laboratory import Laboratory
from toctou.history.operation import Execution, Operation
from toctou.history.request import label
from toctou.history.schedule import Schedule
from toctou.scheduling.dependence import Order
from toctou.scheduling.restart import Restart
from toctou.scheduling.strategies.replay import Replay


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
        NondeterministicHandler: something else came out.
    """
    try:
        again = replayed(laboratory, scenario, execution.schedule)
    except ScheduleDiverged as diverged:
        raise different(f"the schedule {execution.schedule} ran to its end", diverged.observed) from None
    _check_same(execution, again)
    return again


def steps_of(execution: Execution) -> list[tuple[int, Operation | None]]:
    """The request of each choice of the schedule, and the operation it performed; ``None`` for a request that performs none."""
    waiting = iter(execution.operations)
    active = {one.request for one in execution.operations}
    return [
        (choice.request, next(waiting) if choice.request in active else None) for choice in execution.schedule.choices
    ]


def reordered(execution: Execution, order: Order) -> Execution:
    """The equivalent execution whose steps were taken in another order; nothing is run."""
    steps, choices = steps_of(execution), execution.schedule.choices
    operations: list[Operation] = []
    endings: dict[int, int] = {}
    for at in order:
        request, operation = steps[at]
        if operation is not None:
            operations.append(operation)
        endings[request] = len(operations)
    return Execution(
        requests=execution.requests,
        initial=execution.initial,
        operations=tuple(operations),
        responses=execution.responses,
        final=execution.final,
        schedule=Schedule(tuple([choices[at] for at in order])),
        endings=tuple([endings[request] for request in range(len(execution.requests))]),
        left_out=execution.left_out,
    )


def _check_same(first: Execution, again: Execution) -> None:
    for before, now in zip(first.operations, again.operations, strict=False):
        if (before.request, before.action, before.parameters, before.result, before.error) != (
            now.request,
            now.action,
            now.parameters,
            now.result,
            now.error,
        ):
            raise different(
                f"{label(before.request)} {before.action} {dict(before.parameters)} → {before.error or before.result}",
                f"{label(now.request)} {now.action} {dict(now.parameters)} → {now.error or now.result}",
            )
    if len(first.operations) != len(again.operations):
        raise different(f"{len(first.operations)} operations", f"{len(again.operations)} operations")
    if first.responses != again.responses:
        raise different(f"responses {first.responses}", f"responses {again.responses}")
    if first.final != again.final:
        raise different(f"stored items {first.final}", f"stored items {again.final}")


def different(before: str, now: str) -> NondeterministicHandler:
    """The error for one schedule that gave two histories."""
    return NondeterministicHandler(
        f"the same schedule gave two histories:\nfirst:  {before}\nsecond: {now}",
        expected="handlers that do the same whenever they are answered the same",
        cause="state kept between requests (a global, a cache), or an unordered set that decides",
        remedy="keep the state in DynamoDB, or reset it in the model's `setup`",
    )
