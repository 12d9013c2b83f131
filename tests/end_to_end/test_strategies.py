"""Strategies as a user selects them, and a new one, added as CONTRIBUTING says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from toctou.cli import main
from toctou.scheduling.strategies import STRATEGIES
from toctou.scheduling.strategies.strategy import Strategy
from toctou.verdict import Coverage

RACY, FIXED = (f"models/delete_item.py:{name}" for name in ("ReadThenDelete", "ConditionalDelete"))


def checked(target: str, strategy: str, folder: Path, *options: str) -> dict:
    status = main(["check", target, "--strategy", strategy, "--report", str(folder), *options])
    (model,) = json.loads((folder / "run.json").read_text())["models"]
    return {"status": status, **model}


def test_delays_find_a_race_and_state_their_bound(tmp_path):
    assert checked(RACY, "delay", tmp_path)["verdict"] == "VIOLATED"
    fixed = checked(FIXED, "delay:1", tmp_path)
    assert (fixed["status"], fixed["verdict"], fixed["stop_reason"]) == (3, "INCONCLUSIVE", "bounded")
    assert "only schedules with at most 1 delay were run" in fixed["covered"]


def test_what_is_bounded_ends_by_itself_whatever_the_seed(tmp_path):
    results = [checked(FIXED, "delay:2", tmp_path, "--seed", seed) for seed in ("1", "2")]
    assert results[0]["schedules"] == results[1]["schedules"]


@pytest.mark.parametrize("strategy", ["delays", "delay:", "delay:-1", "delay:x", "dpor:3", "delay:٣"])
def test_a_slip_is_named(strategy, capsys):
    assert main(["check", RACY, "--strategy", strategy]) == 2
    error = capsys.readouterr().err
    assert repr(strategy.partition(":")[0])[1:-1] in error
    assert "expected" in error


class FirstFirst(Strategy):
    """One schedule: the requests in order, one after the other."""

    name: ClassVar[str] = "first"
    ends: ClassVar[bool] = True
    covers: ClassVar[Coverage] = Coverage.NOTHING

    def begin(self) -> bool:
        begun, self._begun = getattr(self, "_begun", False), True
        return not begun

    def choose(self, enabled: Sequence[int]) -> int | None:
        return enabled[0]


def test_a_new_one_is_a_class_and_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(STRATEGIES, FirstFirst.name, FirstFirst)
    result = checked(RACY, "first", tmp_path)
    assert (result["verdict"], result["stop_reason"]) == ("INCONCLUSIVE", "sampled")
    assert all(scenario["schedules"] == 1 for scenario in result["scenarios"])
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    assert "first" in capsys.readouterr().out
