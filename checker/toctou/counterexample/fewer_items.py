"""Leaves out of a counterexample the initial items that have nothing to do with it.

A violation is found with all items that the model declares, so that it is one whatever is left out afterwards; this is about what
a person has to read.  Only whole items are left out, and only those that no operation names by its key: an item without
some of its attributes, or one that is missing where a handler looks for it, would be a state in which the service never is.
So what goes are items that nobody looks at, and items that a query or a scan comes across without their making a difference.

None makes a difference if, without it, the same schedule consists of the same operations with the same changes and the same
answers to clients, and the same oracle objects in the same words, while nobody objects to the items that are left before
anything has run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toctou.analysis.explain import anomaly
from toctou.declaration.scenario import Scenario
from toctou.errors import ToctouError
from toctou.execution.judging import Sighting, oracles_for
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.finding import Finding
from toctou.history.item import Image, ItemId
from toctou.history.operation import Execution, Operation, StoredImages
from toctou.history.schedule import Schedule

MOST = 40
"""Runs that are spent on one counterexample."""

Stored = tuple[str, Image]


def with_fewer_items(laboratory: Laboratory, sighting: Sighting) -> Sighting:
    """The sighting without the initial items that make no difference to it.

    Args:
        laboratory: open, on the backend on which it was found.
        sighting: whose schedule gives the same again.
    """
    named = {item for operation in sighting.execution.operations for item in _named(operation)}
    idle = [
        (item.table, image)
        for item, image in laboratory.by_name(sighting.execution.initial).items()
        if item not in named
    ]
    if laboratory.model.service is not None:  # a replica may remember what was stored
        return sighting
    waiting, left_out, tries = [idle] if idle else [], list[Stored](), MOST
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
    """The items that an operation names by their keys, rather than to come across them."""
    footprint = operation.footprint
    found = {item for item in footprint.reads if any(one.covers(item) for one in footprint.ranges)}
    return frozenset(footprint.writes) | frozenset(footprint.increments) | (frozenset(footprint.reads) - found)


def _by_table(items: Sequence[Stored]) -> StoredImages:
    return {table: [image for other, image in items if other == table] for table, _ in items}


def _shown(laboratory: Laboratory, sighting: Sighting, left_out: StoredImages) -> Sighting | None:
    """The sighting without these items; ``None`` if they make a difference."""
    nobody = Scenario((), left_out)
    scenario = Scenario(sighting.execution.requests, left_out)
    try:
        if _findings(laboratory, nobody, replayed(laboratory, nobody, Schedule(()))):
            return None
        execution = replayed(laboratory, scenario, sighting.execution.schedule)
        if _story(execution) != _story(sighting.execution):
            return None
        for finding in _findings(laboratory, scenario, execution):
            if _claim(execution, finding) == _claim(sighting.execution, sighting.finding):
                return replace(sighting, finding=finding, execution=execution)
    except ToctouError:
        """The model's predicates, or its handlers, cannot do without them."""
    return None


def _findings(laboratory: Laboratory, scenario: Scenario, execution: Execution) -> list[Finding]:
    oracles = oracles_for(laboratory, scenario)
    return [finding for oracle in oracles for finding in oracle.judge(execution)]


def _story(execution: Execution) -> object:
    operations = [(one.request, one.action, one.parameters, one.error, one.changes) for one in execution.operations]
    return operations, execution.responses, execution.schedule


def _claim(execution: Execution, finding: Finding) -> object:
    return finding.oracle, finding.requests, finding.operations, finding.statement, anomaly(execution, finding)
