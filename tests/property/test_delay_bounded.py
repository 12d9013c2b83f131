"""Delay-bounded search runs each schedule within its bound once, and all there are if the bound is large enough."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from program_strategies import programs, weak_programs
from synthetic_programs import Program, Run, Touch, every_interleaving, executions

from toctou.scheduling.strategies.delay_bounded import DelayBounded

UNLIMITED = 100


def runs(program: Program, bound: int) -> list[Run | None]:
    return executions(program, DelayBounded(bound=bound))


def writers(steps: int) -> Program:
    """Two requests that write so many times each."""
    return ((Touch(writes=(("x", "data"),)),) * steps,) * 2


def orders(steps: int, bound: int) -> list[str]:
    return ["".join("AB"[request] for request in run.choices) for run in runs(writers(steps), bound) if run is not None]


def test_the_schedules_of_each_bound_in_order():
    assert orders(2, 0) == ["AABB"]
    assert orders(2, 1) == ["AABB", "ABBA", "BBAA"]
    assert orders(2, 2) == ["AABB", "ABBA", "ABAB", "BBAA", "BAAB"]
    assert orders(2, 3) == ["AABB", "ABBA", "ABAB", "BBAA", "BAAB", "BABA"]


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_how_many_there_are(steps: int):
    """One delay falls on one of the first request's steps; a second one on a step of the other, but not on its first."""
    assert len(orders(steps, 0)) == 1
    assert len(orders(steps, 1)) == 1 + steps
    assert len(orders(steps, 2)) == 1 + steps + steps * (steps - 1)


@settings(max_examples=60, deadline=None)
@given(program=programs)
def test_a_larger_bound_runs_more_and_none_twice(program: Program):
    smaller: set[tuple[int, ...]] = set()
    for bound in range(4):
        found = [run.choices for run in runs(program, bound) if run is not None]
        assert len(set(found)) == len(found)
        assert smaller <= set(found)
        smaller = set(found)


@settings(max_examples=40, deadline=None)
@given(program=programs | weak_programs)
def test_without_a_limit_every_interleaving_is_run_with_every_result_of_its_reads(program: Program):
    found = [(run.choices, run.ages) for run in runs(program, UNLIMITED) if run is not None]
    assert sorted(found) == sorted((run.choices, run.ages) for run in every_interleaving(program))
