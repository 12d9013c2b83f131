"""Exhaustive exploration against brute force: the same outcomes, and one execution for each class of interleavings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from program_strategies import always, programs, static_programs, weak_programs
from synthetic_programs import Program, Run, every_interleaving, executions, real_time, serial_outcome, trace

from toctou.scheduling.dependence import interleavings, real_time_siblings, shape
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive


@settings(max_examples=100, deadline=None)
@given(program=st.one_of(programs, weak_programs))
def test_exhaustive_runs_one_execution_of_each_class_and_no_other(program: Program):
    brute_force = {trace(run) for run in every_interleaving(program)}
    traces = [trace(run) for run in executions(program, Exhaustive()) if run is not None]
    assert len(set(traces)) == len(traces), "a class was run twice"
    assert set(traces) == brute_force


@settings(max_examples=200, deadline=None)
@given(program=st.one_of(programs, weak_programs))
def test_dpor_misses_no_class_and_begins_nothing_in_vain(program: Program):
    """Its own classes are finer where conditions fail, so that it may run one of ours more than once."""
    explored = list(executions(program, Dpor()))
    assert None not in explored
    assert {trace(run) for run in explored if run is not None} == {trace(run) for run in every_interleaving(program)}


@settings(max_examples=200, deadline=None)
@given(program=st.one_of(static_programs, weak_programs.map(always)))
def test_dpor_runs_each_class_once_where_steps_do_the_same_in_every_state(program: Program):
    traces = [trace(run) for run in executions(program, Dpor()) if run is not None]
    assert len(set(traces)) == len(traces)


@settings(max_examples=100, deadline=None)
@given(program=programs)
def test_every_exploration_says_of_a_program_what_brute_force_says(program: Program):
    """Several properties of the same programs, because running every interleaving is what takes long."""
    brute_force = list(every_interleaving(program))
    for strategy in (Exhaustive(), Dpor()):
        explored = [run for run in executions(program, strategy) if run is not None]
        assert {run.outcome for run in explored} == {run.outcome for run in brute_force}
        siblings = [
            [
                tuple(run.choices[at] for at in order)
                for order in (range(len(run.choices)), *real_time_siblings(shape(run.steps), len(program)))
            ]
            for run in explored
        ]
        assert_siblings_show_the_strongest_real_time_orders_of_their_class(explored, siblings, brute_force)
        assert_strict_serializability_is_violated_in_a_sibling_if_it_is_at_all(program, explored, siblings, brute_force)
        if isinstance(strategy, Exhaustive):
            assert_each_class_stands_for_as_many_interleavings_as_it_has(explored, brute_force)


Siblings = Sequence[Sequence[tuple[int, ...]]]
"""For each execution that was explored, its own choices and those of its siblings."""


def assert_each_class_stands_for_as_many_interleavings_as_it_has(explored: list[Run], brute_force: list[Run]) -> None:
    counts = Counter(map(trace, brute_force))
    for run in explored:
        assert interleavings(shape(run.steps)) == counts[trace(run)]


def assert_siblings_show_the_strongest_real_time_orders_of_their_class(
    explored: list[Run], siblings: Siblings, brute_force: list[Run]
) -> None:
    """What agrees with a real-time order agrees with every weaker one, so the strongest of a class must be among its siblings."""
    orders: dict[object, set[frozenset[tuple[int, int]]]] = {}
    for run in brute_force:
        orders.setdefault(trace(run), set()).add(real_time(run.choices))
    for run, all_choices in zip(explored, siblings, strict=True):
        shown = set(map(real_time, all_choices))
        of_class = orders[trace(run)]
        assert shown <= of_class, "a sibling is not of the class"
        assert all(any(order <= strong for strong in shown) for order in of_class)


def assert_strict_serializability_is_violated_in_a_sibling_if_it_is_at_all(
    program: Program, explored: list[Run], siblings: Siblings, brute_force: list[Run]
) -> None:
    """Decided for every interleaving on the one hand, and for classes with their siblings on the other."""
    allowed = _serial_orders_by_outcome(program)

    def violated(run: Run, all_choices: Sequence[tuple[int, ...]]) -> bool:
        return not all(_explained(choices, allowed.get(run.outcome, [])) for choices in all_choices)

    by_force = {trace(run) for run in brute_force if violated(run, [run.choices])}
    by_class = {trace(run) for run, choices in zip(explored, siblings, strict=True) if violated(run, choices)}
    assert by_class == by_force


def _serial_orders_by_outcome(program: Program) -> dict[object, list[tuple[int, ...]]]:
    found: dict[object, list[tuple[int, ...]]] = {}
    for order in permutations(range(len(program))):
        found.setdefault(serial_outcome(program, order), []).append(order)
    return found


def _explained(choices: tuple[int, ...], orders: list[tuple[int, ...]]) -> bool:
    before = real_time(choices)
    return any(all(order.index(one) < order.index(other) for one, other in before) for order in orders)
