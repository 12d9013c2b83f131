"""Programs whose number of classes is known.

Read-modify-write of one item by n requests: the writes come in one of n! orders; the read of the request that writes k-th may
stand in any of the k gaps before its write; reads in one gap commute.  That makes n! · n! classes: 4, 36, 576.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial

import pytest
from synthetic_programs import Program, Run, Touch, executions

from toctou.scheduling.dependence import interleavings, shape
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive

X, Y = ("x", "value"), ("y", "value")


def explored(program: Program) -> Sequence[Run]:
    by_dpor = list(executions(program, Dpor()))
    assert None not in by_dpor, "an execution was begun in vain"
    by_sleep_sets = [run for run in executions(program, Exhaustive()) if run is not None]
    assert len(by_dpor) == len(by_sleep_sets)
    return [run for run in by_dpor if run is not None]


def counts(program: Program) -> tuple[int, int]:
    """Schedules that ran to their end, and the interleavings they stand for."""
    runs = explored(program)
    return len(runs), sum(interleavings(shape(run.steps)) for run in runs)


@pytest.mark.parametrize(("requests", "classes", "standing_for"), [(2, 4, 6), (3, 36, 90), (4, 576, 2520)])
def test_read_modify_write_of_one_item(requests, classes, standing_for):
    program = ((Touch(reads=(X,)), Touch(writes=(X,))),) * requests
    assert standing_for == factorial(2 * requests) // 2**requests
    assert counts(program) == (classes, standing_for)


@pytest.mark.parametrize("requests", [2, 3, 4])
def test_requests_on_different_items(requests):
    cells = [(f"item{number}", "value") for number in range(requests)]
    program = tuple((Touch(reads=(cell,)), Touch(writes=(cell,))) for cell in cells)
    assert counts(program) == (1, factorial(2 * requests) // 2**requests)


def test_unconditional_writes_of_different_attributes():
    program = ((Touch(writes=(("x", "owner"),)),), (Touch(writes=(("x", "data"),)),))
    assert counts(program) == (1, 2)


def test_unconditional_writes_of_the_same_attribute():
    program = ((Touch(writes=(X,)),), (Touch(writes=(X,)),))
    assert counts(program) == (2, 2)


@pytest.mark.parametrize("requests", [2, 3, 4])
def test_readers_only(requests):
    assert counts(((Touch(reads=(X,)), Touch(reads=(Y,))),) * requests)[0] == 1


@pytest.mark.parametrize(("requests", "classes"), [(2, 12), (3, 588)])
def test_transfer_between_two_items(requests, classes):
    """Each reads both items one after the other, then writes both one after the other."""
    transfer = (Touch(reads=(X,)), Touch(reads=(Y,)), Touch(writes=(X,)), Touch(writes=(Y,)))
    schedules, standing_for = counts((transfer,) * requests)
    assert schedules == classes
    assert standing_for == factorial(4 * requests) // factorial(4) ** requests


def test_an_execution_given_up_is_not_one_that_ran_to_its_end():
    program = ((Touch(reads=(X,)), Touch(writes=(X,))),) * 3
    begun = list(executions(program, Exhaustive()))
    assert len(begun) >= len([run for run in begun if run is not None]) == 36
