"""Leaves out of a counterexample the initial items that make no difference, so that the reader sees fewer.

Items make no difference if, without them, the same schedule has the same operations, changes and responses, and the same
oracle reports the same finding, while no oracle objects to the remaining items before the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toctou.analysis.explain import identities
from toctou.declaration.scenario import Scenario
from toctou.errors import ToctouError
from toctou.execution.judges import oracles_for
from toctou.execution.judging import Sighting, judged
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.finding import Finding
from toctou.history.item import Image, ItemId
from toctou.history.operation import Execution, Operation, StoredImages
from toctou.history.schedule import Schedule

MOST = 40
"""Runs that are spent on one counterexample."""

_Stored = tuple[str, Image]


def with_fewer_items(laboratory: Laboratory, sighting: Sighting) -> Sighting:
    """The sighting without the initial items that make no difference to it, in a laboratory on its backend."""
    if laboratory.model.service is not None:  # a replica may remember what was stored
        return sighting
    # Without an item that a handler names by its key, the service would be in a state that never occurs.
    named = {item for operation in sighting.execution.operations for item in _named(operation)}
    idle = [
        (item.table, image)
        for item, image in laboratory.by_name(sighting.execution.initial).items()
        if item not in named
    ]
    waiting, left_out, tries = [idle] if idle else [], list[_Stored](), MOST
    while waiting and tries:
        tries -= 1
        chunk = waiting.pop()
        shown = _shown(laboratory, sighting, _by_table([*left_out, *chunk]))
        if shown is not None:
            sighting, left_out = shown, [*left_out, *chunk]
        elif len(chunk) > 1:
            half = len(chunk) // 2
            waiting += [chunk[half:], chunk[:half]]
    return sighting


def _named(operation: Operation) -> frozenset[ItemId]:
    """The items that an operation names by their keys, rather than finding them by a query."""
    footprint = operation.footprint
    found = {item for item in footprint.reads if any(one.covers(item) for one in footprint.ranges)}
    return frozenset(footprint.writes) | frozenset(footprint.increments) | (frozenset(footprint.reads) - found)


def _by_table(items: Sequence[_Stored]) -> StoredImages:
    return {table: [image for other, image in items if other == table] for table, _ in items}


def _shown(laboratory: Laboratory, sighting: Sighting, left_out: StoredImages) -> Sighting | None:
    """The sighting without these items; ``None`` if they make a difference."""
    no_requests = Scenario((), left_out)
    scenario = Scenario(sighting.execution.requests, left_out)
    try:
        if _findings(laboratory, no_requests, replayed(laboratory, no_requests, Schedule(()))):
            return None
        execution = replayed(laboratory, scenario, sighting.execution.schedule)
        if _story(execution) != _story(sighting.execution):
            return None
        for finding in _findings(laboratory, scenario, execution):
            if _claim(execution, finding) == _claim(sighting.execution, sighting.finding):
                return replace(sighting, finding=finding, execution=execution)
    except ToctouError:
        pass  # the model's predicates, or its handlers, need these items
    return None


def _findings(laboratory: Laboratory, scenario: Scenario, execution: Execution) -> list[Finding]:
    return list(judged(execution, oracles_for(laboratory, scenario)))


def _story(execution: Execution) -> object:
    operations = [(one.request, one.action, one.parameters, one.error, one.changes) for one in execution.operations]
    return operations, execution.responses, execution.schedule


def _claim(execution: Execution, finding: Finding) -> object:
    return finding.oracle, finding.requests, finding.operations, finding.statement, identities(execution, [finding])
