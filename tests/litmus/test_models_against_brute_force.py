"""Real handlers: one execution per class, with its siblings, finds what every interleaving finds, and nothing else."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from brute_force import BruteForce

from toctou.client.backends import backend_named
from toctou.declaration.loading import LoadedModel, load
from toctou.declaration.scenario import Scenario, scenarios
from toctou.execution.judges import oracles_for
from toctou.execution.judging import judged, signature
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import reordered, steps_of
from toctou.history.footprint import EMPTY
from toctou.scheduling.dependence import interleavings, real_time_siblings, shape
from toctou.scheduling.restart import Restart
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.strategy import Strategy

MODELS = load([str(Path(__file__).resolve().parents[2] / "models")])


@pytest.mark.parametrize("loaded", MODELS, ids=lambda loaded: loaded.model.__name__)
def test_the_same_findings_and_outcomes(loaded: LoadedModel):
    with closing(backend_named("embedded")) as backend:
        laboratory = Laboratory(loaded.model, backend, Limits())
        with laboratory.opened():
            for scenario in scenarios(loaded.model.requests(), 2):
                try:
                    brute_force, every = by_force(laboratory, scenario)
                except Restart:
                    brute_force, every = by_force(laboratory, scenario)
                for strategy in (Exhaustive(), Dpor()):
                    explored, stands_for = by_class(laboratory, scenario, strategy)
                    assert explored == brute_force, f"{scenario} by {strategy.name}"
                    assert stands_for == every, f"{scenario} by {strategy.name}"


def by_force(laboratory: Laboratory, scenario: Scenario) -> tuple[set[object], int]:
    oracles = oracles_for(laboratory, scenario)
    found: set[object] = set()
    count = 0
    strategy = BruteForce()
    while strategy.begin():
        execution = laboratory.execute(scenario, strategy)
        assert execution is not None
        count += 1
        found |= {signature(one) for one in judged(execution, oracles)}
        found.add((repr(execution.responses), repr(execution.final)))
    return found, count


def by_class(laboratory: Laboratory, scenario: Scenario, strategy: Strategy) -> tuple[set[object], int]:
    try:
        return explored_by(laboratory, scenario, strategy)
    except Restart as over:
        return by_class(laboratory, scenario, over.strategy)


def explored_by(laboratory: Laboratory, scenario: Scenario, strategy: Strategy) -> tuple[set[object], int]:
    oracles = oracles_for(laboratory, scenario)
    found: set[object] = set()
    count = 0
    while strategy.begin():
        execution = laboratory.execute(scenario, strategy)
        if execution is None:
            continue
        steps = steps_of(execution)
        footprints = strategy.taken_for or [one.footprint if one else EMPTY for _, one in steps]
        order = shape([(request, one) for (request, _), one in zip(steps, footprints, strict=True)])
        count += interleavings(order)
        siblings = real_time_siblings(order, len(scenario.requests))
        for one in (execution, *(reordered(execution, sibling) for sibling in siblings)):
            found |= {signature(finding) for finding in judged(one, oracles)}
        found.add((repr(execution.responses), repr(execution.final)))
    return found, count
