"""Completes a counterexample for the reader: letters in order of appearance, what its handlers accessed, fewer items, and the
closest serial order; and explains it.

Each of these takes runs that exploring does not need.  Where a run differs, the counterexample stays as it was found.
"""

from __future__ import annotations

from dataclasses import replace

from toctou.analysis.explain import explain, unexplained
from toctou.counterexample.fewer_items import with_fewer_items
from toctou.counterexample.violation import Violation
from toctou.declaration.scenario import Scenario
from toctou.errors import ToctouError, contained
from toctou.execution.judges import oracles_for
from toctou.execution.judging import Sighting, judged
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.finding import Finding
from toctou.history.operation import AccessedFrom, Execution, Operation
from toctou.history.request import SourceLine
from toctou.history.schedule import Schedule


def presented(laboratory: Laboratory, sighting: Sighting, backend: str) -> Violation:
    """The violation with everything that a report needs, in a laboratory on the ``backend`` of that name."""
    faults: list[str] = []
    shown = contained(
        "the search for a counterexample with fewer items",
        lambda: with_fewer_items(laboratory, _in_order(laboratory, sighting)),
        sighting,
        faults,
    )
    execution = contained(
        "the record of what handlers accessed", lambda: tracked(laboratory, shown.execution), shown.execution, faults
    )
    finding = contained(
        "the closest serial order", lambda: _placed(laboratory, shown.finding, execution), shown.finding, faults
    )
    plain = Violation(finding, unexplained(execution, finding), execution, backend, occurrences=shown.occurrences)
    violation = contained("the explanation", lambda: _explained(plain), plain, faults)
    return replace(violation, faults=tuple(faults))


def _explained(violation: Violation) -> Violation:
    violation = replace(violation, explanation=explain(violation.execution, violation.finding))
    # Both are made of the explanation, and every report needs them.
    _ = violation.severity, str(violation.cause)
    return violation


def _in_order(laboratory: Laboratory, sighting: Sighting) -> Sighting:
    """The sighting with its first request named A, the next one B, if that is still the same violation."""
    order = tuple(dict.fromkeys(choice.request for choice in sighting.execution.schedule.choices))
    if order == tuple(sorted(order)):
        return sighting
    place = {request: index for index, request in enumerate(order)}
    scenario = Scenario(tuple(sighting.execution.requests[request] for request in order))
    schedule = Schedule(
        tuple(replace(choice, request=place[choice.request]) for choice in sighting.execution.schedule.choices)
    )
    wanted = sorted(place[request] for request in sighting.finding.requests)
    try:
        execution = replayed(laboratory, scenario, schedule)
        for finding in judged(execution, oracles_for(laboratory, scenario)):
            if finding.oracle == sighting.finding.oracle and sorted(finding.requests) == wanted:
                return replace(sighting, finding=finding, execution=execution)
    except ToctouError:
        pass  # clocks and random numbers depend on the index of a request, so its handler may diverge
    return sighting


def tracked(laboratory: Laboratory, execution: Execution) -> Execution:
    """The execution with what its handlers accessed and wrote, if tracking does not change it.

    If its steps were memoised, what was written is seen only now.
    """
    try:
        with laboratory.tracking():
            again = replayed(laboratory, Scenario.of(execution), execution.schedule)
    except ToctouError:
        return execution  # tracking wraps results, and a handler may depend on their exact type
    if _observed(again) != _observed(execution):
        return execution
    pairs = zip(execution.operations, again.operations, strict=True)
    operations = tuple(replace(one, accessed=now.accessed, stack=_stack(now)) for one, now in pairs)
    return replace(execution, operations=operations, output=again.output)


def _stack(operation: Operation) -> tuple[SourceLine, ...]:
    """The stack of a tracked operation, which is just its line where nothing more is known."""
    if isinstance(operation.accessed, AccessedFrom) and operation.accessed.stack:
        return operation.accessed.stack
    return () if operation.source is None else (operation.source,)


def _observed(execution: Execution) -> object:
    operations = [(one.request, one.action, one.parameters, one.result, one.error) for one in execution.operations]
    return operations, execution.responses, execution.final


def _placed(laboratory: Laboratory, finding: Finding, execution: Execution) -> Finding:
    """The finding with the closest serial order, whatever the property."""
    if finding.closest is not None:
        return finding
    oracles = oracles_for(laboratory, Scenario.of(execution))
    closest = (oracle.closest(execution) for oracle in oracles)
    return replace(finding, closest=next((one for one in closest if one is not None), None))
