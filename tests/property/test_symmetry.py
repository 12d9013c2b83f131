"""Exploration up to symmetry: one execution of each class and its mirror images, and none of them forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from program_strategies import programs_with_twins
from synthetic_programs import Program, executions, orbit, trace

from checker.scheduling.dependence import mirror_images, shape
from checker.scheduling.strategies.exhaustive import Exhaustive


def twins(program: Program) -> tuple[int, ...]:
    return tuple(program.index(steps) for steps in program)


@settings(max_examples=300, deadline=None)
@given(program=programs_with_twins)
def test_every_class_is_a_mirror_image_of_one_that_is_run_and_of_no_other(program: Program):
    every = {trace(run) for run in executions(program, Exhaustive(), anonymous=True) if run is not None}
    run_traces = [
        trace(run) for run in executions(program, Exhaustive(twins=twins(program)), anonymous=True) if run is not None
    ]
    orbits = [orbit(one, program) for one in run_traces]
    assert len(set(orbits)) == len(orbits), "two mirror images were run"
    assert frozenset().union(*orbits) == every


@settings(max_examples=100, deadline=None)
@given(program=programs_with_twins)
def test_mirror_images_are_counted(program: Program):
    for run in executions(program, Exhaustive(), anonymous=True):
        if run is not None:
            assert mirror_images(shape(run.steps), twins(program)) == len(orbit(trace(run), program))
