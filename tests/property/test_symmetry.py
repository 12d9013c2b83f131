"""Exploration up to symmetry: one execution of each class and its mirror images, and none of them forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from program_strategies import always, programs_with_twins, weak_programs_with_twins
from synthetic_programs import Program, execution, executions, orbit, trace

from toctou.scheduling.dependence import mirror_images, shape
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive


def interchangeable(program: Program) -> tuple[int, ...]:
    return tuple(program.index(steps) for steps in program)


@settings(max_examples=300, deadline=None)
@given(program=programs_with_twins)
def test_every_class_is_a_mirror_image_of_one_that_is_run_and_of_no_other(program: Program):
    every = {trace(run) for run in executions(program, Exhaustive(), anonymous=True) if run is not None}
    run_traces = [
        trace(run)
        for run in executions(program, Exhaustive(interchangeable=interchangeable(program)), anonymous=True)
        if run is not None
    ]
    orbits = [orbit(one, program) for one in run_traces]
    assert len(set(orbits)) == len(orbits), "two mirror images were run"
    assert frozenset().union(*orbits) == every


@settings(max_examples=100, deadline=None)
@given(program=programs_with_twins)
def test_mirror_images_are_counted(program: Program):
    for run in executions(program, Exhaustive(), anonymous=True):
        if run is not None:
            assert mirror_images(shape(run.steps), interchangeable(program)) == len(orbit(trace(run), program))


@settings(max_examples=100, deadline=None)
@given(program=weak_programs_with_twins)
def test_weak_reads_leave_no_class_without_a_mirror_image_that_is_run(program: Program):
    """Sleep sets run some mirror images of weak reads nevertheless."""
    every = {trace(run) for run in executions(program, Exhaustive(), anonymous=True) if run is not None}
    runs = executions(program, Exhaustive(interchangeable=interchangeable(program)), anonymous=True)
    assert frozenset().union(*(orbit(trace(run), program) for run in runs if run is not None)) == every


@settings(max_examples=300, deadline=None)
@given(program=st.one_of(programs_with_twins, weak_programs_with_twins))
def test_dpor_runs_a_mirror_image_of_every_class_and_begins_nothing_in_vain(program: Program):
    every = {trace(run) for run in executions(program, Exhaustive(), anonymous=True) if run is not None}
    runs = list(executions(program, Dpor(interchangeable=interchangeable(program)), anonymous=True))
    assert None not in runs
    assert frozenset().union(*(orbit(trace(run), program) for run in runs if run is not None)) == every


@settings(max_examples=200, deadline=None)
@given(program=programs_with_twins.map(always))
def test_dpor_knows_which_of_its_executions_are_mirror_images_of_earlier_ones(program: Program):
    strategy = Dpor(interchangeable=interchangeable(program))
    known: set[object] = set()
    while strategy.begin():
        run = execution(program, strategy, anonymous=True)
        assert run is not None
        of_run = orbit(trace(run), program)
        assert strategy.mirrored == (of_run in known)
        known.add(of_run)
