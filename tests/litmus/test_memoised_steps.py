"""Taking steps that are known finds what running every step finds, to the last counterexample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from toctou.checking.check import check
from toctou.declaration.loading import load
from toctou.scheduling.strategies import selected
from toctou.search.budget import Budget
from toctou.search.options import Options
from toctou.search.result import ScenarioResult

MODELS = load([str(Path(__file__).resolve().parents[2] / "models")])
PAIRS = [("dpor", 2), ("exhaustive", 2), ("random", 2), ("dpor", 3)]
WALKS = Budget(max_schedules=50)
"""Of a search that does not end by itself, and the same ones in both explorations; every class is met in those that do."""


@pytest.mark.parametrize(("strategy", "requests"), PAIRS)
def test_all_models(strategy: str, requests: int):
    budget = Budget() if selected(strategy).kind.ends else WALKS
    options = Options(strategy=strategy, requests=requests, confirm=False, budget=budget)
    known, run = (check(MODELS, replace(options, every_step=every_step)).models for every_step in (False, True))
    assert [(one.model, one.verdict, one.stop_reason) for one in known] == [
        (one.model, one.verdict, one.stop_reason) for one in run
    ]
    for one, other in zip(known, run, strict=True):
        assert list(map(timeless, one.scenarios)) == list(map(timeless, other.scenarios)), one.model
        assert "memoised steps not run again" in one.covered
        assert "memoised steps" not in other.covered


def timeless(scenario: ScenarioResult) -> ScenarioResult:
    return replace(scenario, seconds=0.0)
