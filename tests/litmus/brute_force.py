"""Every interleaving, one after the other: the strategy that needs no theory, to hold the others against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import ClassVar

from toctou.client.backends import backend_named
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario, scenarios
from toctou.execution.judges import oracles_for
from toctou.execution.judging import judged, signature
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import reordered, steps_of
from toctou.history.footprint import EMPTY, dependent
from toctou.history.operation import Execution
from toctou.history.picks.pick_kind import PickKind
from toctou.history.wording import changed_attributes
from toctou.scheduling.dependence import Dependent, interleavings, real_time_siblings, shape
from toctou.scheduling.restart import Restart
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.strategy import Strategy
from toctou.verdict import Coverage


class BruteForce(Strategy):
    """Counts through the choices like an odometer."""

    name: ClassVar[str] = "brute force"
    ends = True
    covers = Coverage.EVERYTHING

    def __init__(self) -> None:
        super().__init__()
        self._digits: list[list[int]] = []  # for each choice the alternatives still to be taken, the current one first
        self._depth = 0
        self._begun = False

    def begin(self) -> bool:
        self._depth = 0
        if not self._begun:
            self._begun = True
            return True
        while self._digits:
            self._digits[-1].pop(0)
            if self._digits[-1]:
                return True
            self._digits.pop()
        return False

    def choose(self, enabled: Sequence[int]) -> int | None:
        return self._choice(enabled)

    def pick(self, kind: PickKind, count: int) -> int:
        return self._choice(range(count))

    def _choice(self, alternatives: Sequence[int]) -> int:
        if self._depth == len(self._digits):
            self._digits.append(list(alternatives))
        self._depth += 1
        return self._digits[self._depth - 1][0]


Found = tuple[set[object], int]
"""Findings, outcomes and who changed what, of all schedules; and how many schedules there are."""


def by_force(laboratory: Laboratory, scenario: Scenario, most: int | None = None) -> Found:
    """Of every schedule, run on its own; raises ``OverflowError`` if there are more than ``most``."""
    oracles = oracles_for(laboratory, scenario)
    found: set[object] = set()
    count = 0
    strategy = BruteForce()
    while strategy.begin():
        execution = laboratory.execute(scenario, strategy)
        assert execution is not None
        count += 1
        if most is not None and count > most:
            raise OverflowError
        found |= {signature(one) for one in judged(execution, oracles)}
        found |= outcome(execution)
    return found, count


def outcome(execution: Execution) -> set[object]:
    changed = {
        (operation.request, change.item, changed_attributes(change))
        for operation in execution.operations
        for change in operation.changes
    }
    final = json.dumps(execution.final, sort_keys=True)  # the order of attributes says nothing
    return {(repr(execution.responses), final), frozenset(changed)}


def by_class(laboratory: Laboratory, scenario: Scenario, strategy: Strategy, depends: Dependent) -> Found:
    """Of the schedules that a strategy runs, and those that they stand for by this dependence."""
    try:
        return _explored(laboratory, scenario, strategy, depends)
    except Restart as over:
        return by_class(laboratory, scenario, over.strategy, depends)


def _explored(laboratory: Laboratory, scenario: Scenario, strategy: Strategy, depends: Dependent) -> Found:
    oracles = oracles_for(laboratory, scenario)
    found: set[object] = set()
    count = 0
    while strategy.begin():
        execution = laboratory.execute(scenario, strategy)
        if execution is None:
            continue
        steps = steps_of(execution)
        footprints = strategy.taken_for or [one.footprint if one else EMPTY for _, one in steps]
        order = shape([(request, one) for (request, _), one in zip(steps, footprints, strict=True)], depends)
        count += interleavings(order)
        siblings = real_time_siblings(order, len(scenario.requests))
        for one in (execution, *(reordered(execution, sibling) for sibling in siblings)):
            found |= {signature(finding) for finding in judged(one, oracles)}
        found |= outcome(execution)
    return found, count


def compare_with_brute_force(model: type[Model], *strategies: type[Strategy]) -> None:
    """Assert that each pair of requests has the findings, and the number of interleavings, of all of them."""
    with closing(backend_named("embedded")) as backend:
        laboratory = Laboratory(model, backend, Limits())
        with laboratory.opened():
            for scenario in scenarios(model.requests(), 2):
                try:
                    brute_force, every = by_force(laboratory, scenario)
                except Restart:
                    brute_force, every = by_force(laboratory, scenario)
                for strategy in (one() for one in strategies):
                    explored, stands_for = by_class(laboratory, scenario, strategy, dependent)
                    assert explored == brute_force, f"{scenario} by {strategy.name}"
                    assert stands_for == every, f"{scenario} by {strategy.name}"
