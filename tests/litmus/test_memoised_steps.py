"""Taking steps that are known finds what running every step finds, to the last counterexample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from toctou.checking.check import check
from toctou.declaration.loading import load
from toctou.search.options import Options
from toctou.search.result import ScenarioResult

MODELS = load([str(Path(__file__).resolve().parents[2] / "models")])
PAIRS = [("dpor", 2), ("exhaustive", 2), ("random", 2), ("dpor", 3)]


@pytest.mark.parametrize(("strategy", "requests"), PAIRS)
def test_all_models(strategy: str, requests: int):
    options = Options(strategy=strategy, requests=requests, confirm=False)
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
