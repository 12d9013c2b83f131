"""Which requests of a scenario are interchangeable."""

from __future__ import annotations

from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory


def interchangeable_requests(laboratory: Laboratory, scenario: Scenario) -> tuple[int, ...]:
    """For each request the first one that is the same in everything but its index; empty if there are no such two.

    Requests that are equal still have clocks and numbers of their own.  They are taken for interchangeable if they do the
    same when they run alone, and for as long as none of them reads its clock or a random number.
    """
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
