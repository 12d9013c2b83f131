"""Several processes find what one process finds, whatever happens to some of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import models_to_distribute
import pytest

from toctou.checking.check import check
from toctou.declaration.loading import LoadedModel, load, named
from toctou.distribution import child, in_process, workers
from toctou.distribution.in_process import InProcess
from toctou.distribution.progress import Silent, Status
from toctou.distribution.workers import Distributed
from toctou.errors import BadInput
from toctou.search import bench
from toctou.search.budget import Budget
from toctou.search.options import Options
from toctou.search.result import RunResult, ScenarioResult
from toctou.verdict import StopReason, Verdict

MODELS = Path(__file__).parents[3] / "models"
LARGE = named(models_to_distribute.BetweenTwoItems)
SLOW = named(models_to_distribute.SlowlyJudged)


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool
        child.end_children()


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work items are cut after every few schedules."""
    monkeypatch.setattr(workers, "SECONDS", 0.3)
    monkeypatch.setattr(workers, "FIRST_SECONDS", 0.1)


def timeless(result: RunResult) -> RunResult:
    models = tuple(
        replace(model, seconds=0.0, scenarios=tuple(replace(one, seconds=0.0) for one in model.scenarios))
        for model in result.models
    )
    return replace(result, models=models, seconds=0.0)


def same(models: list[LoadedModel], options: Options, executor: Executor) -> RunResult:
    """What one process finds, after two have found the same."""
    alone = check(models, options, exploring=InProcess())
    together = check(models, options, exploring=Distributed(executor, 2))
    assert timeless(together) == timeless(alone)
    return alone


class Told(Silent):
    """Remembers the order of what it is told, and does something on the way."""

    def __init__(self, act: Any = None) -> None:
        self.order: list[str] = []
        self.act = act

    def status(self, status: Status) -> None:
        if self.act:
            self.act()

    def end_scenario(self, model: str, result: ScenarioResult) -> None:
        self.order.append(f"{model} {result.requests}")
        if self.act:
            self.act()


@pytest.mark.parametrize("symmetry", [True, False])
def test_all_models(executor: Executor, symmetry: bool):
    same(load([str(MODELS)]), Options(symmetry=symmetry, confirm=symmetry), executor)


@pytest.mark.parametrize("strategy", ["exhaustive", "dpor"])
def test_three_requests_in_pieces(executor: Executor, restless: None, strategy: str):
    models = load([f"{MODELS}/counter.py", f"{MODELS}/delete_item.py:ReadThenDelete"])
    same(models, Options(requests=3, strategy=strategy, confirm=False), executor)


@pytest.mark.parametrize("strategy", ["random", "pct", "pos"])
def test_random_schedules_are_drawn_block_by_block(executor: Executor, monkeypatch: pytest.MonkeyPatch, strategy: str):
    monkeypatch.setattr(bench, "BLOCK", 20)
    options = Options(requests=2, strategy=strategy, confirm=False, budget=Budget(max_schedules=50))
    result = same([LARGE], options, executor)
    assert {one.schedules for one in result.models[0].scenarios} == {50}
    assert {one.stop_reason for one in result.models[0].scenarios} == {StopReason.MAX_SCHEDULES}


@pytest.mark.parametrize(("strategy", "up_to_symmetry"), [("exhaustive", 98), ("dpor", 152)])
@pytest.mark.parametrize("symmetry", [True, False])
def test_one_large_scenario_in_pieces(
    executor: Executor, restless: None, symmetry: bool, strategy: str, up_to_symmetry: int
):
    options = Options(requests=3, strategy=strategy, symmetry=symmetry, confirm=False)
    asked: list[Any] = []
    counted = Counted(executor, asked)
    result = same([LARGE], options, counted)
    assert result.models[0].scenarios[-1].schedules == (588 if not symmetry else up_to_symmetry)
    assert len(asked) > 4, "it was not cut"


@pytest.mark.parametrize("strategy", ["exhaustive", "dpor"])
def test_how_long_the_rest_takes_is_told_within_the_first_scenario_of_its_size(
    monkeypatch: pytest.MonkeyPatch, strategy: str
):
    monkeypatch.setattr(in_process, "SECONDS", 0.05)
    heard: list[Status] = []
    told = Silent()
    monkeypatch.setattr(told, "status", heard.append)
    check([SLOW], Options(requests=3, strategy=strategy, symmetry=False, confirm=False), told)
    within = [one for one in heard if one.scenarios == 2 and one.explored >= 0.01]
    assert within
    assert all(one.seconds_left is not None and one.seconds_left >= 0 for one in within)
    shares = [one.explored for one in within]
    assert shares == sorted(shares) or strategy == "dpor", "only what is known of all branches does not change"
    assert shares[-1] > shares[0]


@pytest.mark.parametrize("model", [models_to_distribute.WithNumbers, models_to_distribute.WithClock])
def test_a_search_that_has_to_begin_again(executor: Executor, restless: None, model: Any):
    same([named(model)], Options(requests=3, strategy="exhaustive", confirm=False), executor)


def test_a_budget_of_schedules_ends_where_it_ends_in_one_process(executor: Executor, restless: None):
    result = same(
        [LARGE], Options(requests=3, strategy="exhaustive", budget=Budget(max_schedules=50), confirm=False), executor
    )
    assert result.models[0].scenarios[-1].stop_reason is StopReason.MAX_SCHEDULES


def test_results_are_told_in_the_order_of_one_process(executor: Executor):
    alone, together = Told(), Told()
    models = load([f"{MODELS}/counter.py", f"{MODELS}/delete_item.py"])
    check(models, Options(confirm=False), alone)
    check(models, Options(confirm=False), together, Distributed(executor, 2))
    assert together.order == alone.order


def test_a_process_that_is_killed_half_way_costs_nothing(executor: Executor, restless: None):
    killed: list[int] = []

    def kill() -> None:
        living = [one.pid for one in child.CHILDREN if one.pid not in killed]
        if len(killed) < 3 and living:
            killed.append(living[0])
            os.kill(living[0], signal.SIGKILL)

    models = load([f"{MODELS}/counter.py", f"{MODELS}/delete_item.py"])
    options = Options(requests=2, strategy="exhaustive", confirm=False)
    alone = check(models, options)
    together = check(models, options, Told(kill), Distributed(executor, 2))
    assert len(killed) == 3
    assert timeless(together) == timeless(alone)


def test_a_handler_that_ends_its_process_is_never_verified(executor: Executor):
    result = check([named(models_to_distribute.Exiting)], Options(confirm=False), exploring=Distributed(executor, 2))
    (model,) = result.models
    assert model.verdict is Verdict.INCONCLUSIVE
    by_handlers = {tuple(one.handler for one in found.requests): found for found in model.scenarios}
    assert by_handlers["leave",].stop_reason is StopReason.WORKER_LOST
    assert "status 3" in by_handlers["leave",].detail
    assert by_handlers["write",].verdict is Verdict.VERIFIED


def test_handlers_out_of_control_are_told_as_by_one_process(executor: Executor):
    result = same([named(models_to_distribute.Connecting)], Options(confirm=False), executor)
    assert result.models[0].stop_reason is StopReason.OUTSIDE_CONTROL
    assert "127.0.0.1" in result.models[0].detail
    options = Options(confirm=False, isolation="memory")
    (counting,) = check([named(models_to_distribute.Counting)], options, exploring=Distributed(executor, 2)).models
    assert counting.stop_reason is StopReason.SHARED_MEMORY
    assert "models_to_distribute.calls`" in counting.detail


class Failing(Executor):
    """Loses everything."""

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(RuntimeError("the machine is gone"))
        return future


def test_an_executor_that_loses_everything_verifies_nothing():
    (model,) = check([LARGE], Options(confirm=False), exploring=Distributed(Failing(), 2)).models
    assert model.verdict is Verdict.INCONCLUSIVE
    assert {one.stop_reason for one in model.scenarios} == {StopReason.WORKER_LOST}
    assert "the machine is gone" in model.detail


def test_time_that_is_up_verifies_nothing(executor: Executor):
    options = Options(requests=4, strategy="exhaustive", confirm=False, budget=Budget(max_seconds=1.0))
    (model,) = check([LARGE], options, exploring=Distributed(executor, 2)).models
    assert model.verdict is not Verdict.VERIFIED
    stopped = [one for one in model.scenarios if one.stop_reason is StopReason.MAX_SECONDS]
    assert stopped
    assert Verdict.VERIFIED not in {one.verdict for one in stopped}


@cache
def scenarios_of_three_requests() -> dict[str, int]:
    models = load([f"{MODELS}/counter.py", f"{MODELS}/delete_item.py"])
    return {model.model: len(model.scenarios) for model in check(models, Options(requests=3, confirm=False)).models}


@pytest.mark.parametrize("exploring", ["here", "spread"])
def test_an_interrupt_shows_what_was_covered(executor: Executor, exploring: str):
    """Whatever was complete by then, no model of which a part is missing passes for verified."""

    def interrupt() -> None:
        if len(told.order) == 3:
            raise KeyboardInterrupt

    told = Told(interrupt)
    models = load([f"{MODELS}/counter.py", f"{MODELS}/delete_item.py"])
    by = InProcess() if exploring == "here" else Distributed(executor, 2)
    result = check(models, Options(requests=3, confirm=False), told, by)
    assert result.models
    assert StopReason.INTERRUPTED in {one.stop_reason for model in result.models for one in model.scenarios}
    whole = scenarios_of_three_requests()
    for model in result.models:
        if model.verdict is Verdict.VERIFIED:
            assert len(model.scenarios) == whole[model.model]


def test_several_jobs_on_one_endpoint_are_refused(executor: Executor):
    options = Options(backend="endpoint=http://127.0.0.1:8000")
    with pytest.raises(BadInput, match="several jobs"):
        check([LARGE], options, exploring=Distributed(executor, 2))


class Counted(Executor):
    """Hands on, and remembers what."""

    def __init__(self, executor: Executor, asked: list[Any]) -> None:
        self._executor = executor
        self._asked = asked

    def submit(self, function: Any, *arguments: Any, **named: Any) -> Future[Any]:  # type: ignore[override]
        self._asked.append(arguments)
        return self._executor.submit(function, *arguments, **named)
