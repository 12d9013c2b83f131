"""Which requests of a scenario are interchangeable."""

from __future__ import annotations

from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.execution.transition_system import same_request


def interchangeable_requests(laboratory: Laboratory, scenario: Scenario) -> tuple[int, ...]:
    """For each request the first one that is the same in everything but its index; empty if no two are the same."""
    # Same requests still have clocks and random numbers of their own, so they must also behave the same when they run alone,
    # and none may read clock or randomness in any schedule (see `Explorer`).
    groups = tuple(
        next(at for at, one in enumerate(scenario.requests) if same_request(one, it)) for it in scenario.requests
    )
    if len(set(groups)) == len(groups):
        return ()
    laboratory.take_clock_reads()
    found = tuple(
        first if first == at or _alone(laboratory, scenario, first) == _alone(laboratory, scenario, at) else at
        for at, first in enumerate(groups)
    )
    return () if laboratory.take_clock_reads() else found


def _alone(laboratory: Laboratory, scenario: Scenario, request: int) -> object:
    responses, stored = laboratory.serial(scenario, (request,))
    operations, _, _ = laboratory.progress()
    return responses, stored, [(one.action, one.parameters, one.result, one.error) for one in operations]
