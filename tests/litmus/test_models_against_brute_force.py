"""Real handlers: one execution per class, with its siblings, finds what every interleaving finds, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from brute_force import compare_with_brute_force

from toctou.declaration.loading import LoadedModel, load
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive

MODELS = load([str(Path(__file__).resolve().parents[2] / "models")])


@pytest.mark.parametrize("loaded", MODELS, ids=lambda loaded: loaded.model.__name__)
def test_the_same_findings_and_outcomes(loaded: LoadedModel):
    compare_with_brute_force(loaded.model, Exhaustive, Dpor)
