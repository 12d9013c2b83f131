"""Which requests of a scenario are interchangeable."""

from __future__ import annotations

from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory


def interchangeable_requests(laboratory: Laboratory, scenario: Scenario) -> tuple[int, ...]:
    """For each request the first one that is equal to it in everything but its index; empty if no two are equal."""
    # Equal requests still have clocks and random numbers of their own, so they must also behave the same when they run alone,
    # and none may read clock or randomness in any schedule (see `Explorer`).
    groups = tuple(scenario.requests.index(request) for request in scenario.requests)
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
