"""Real handlers: one execution per class, with its siblings, finds what every interleaving finds, and nothing else."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from brute_force import by_class, by_force

from toctou.client.backends import backend_named
from toctou.declaration.loading import LoadedModel, load
from toctou.declaration.scenario import scenarios
from toctou.execution.laboratory import Laboratory
from toctou.history.footprint import dependent
from toctou.scheduling.restart import Restart
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive

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
                    explored, stands_for = by_class(laboratory, scenario, strategy, dependent)
                    assert explored == brute_force, f"{scenario} by {strategy.name}"
                    assert stands_for == every, f"{scenario} by {strategy.name}"
