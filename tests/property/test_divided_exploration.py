"""An exploration that is interrupted, carried to other processes and divided runs exactly what one process would have run."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_strategies import programs, programs_with_twins, weak_programs
from synthetic_programs import Program, Run, execution, executions

from toctou.scheduling.restart import Restart
from toctou.scheduling.strategies import STRATEGIES
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.strategy import Strategy

chances = st.integers(0, 2**32).map(random.Random)

SAMPLED = 40
"""Executions of a strategy that never ends."""


def some(program: Program, strategy: Strategy, most: int, *, anonymous: bool = False) -> Iterator[Run | None]:
    """The next executions of a strategy; fewer if it has no more, or wants to begin again."""
    with suppress(Restart):
        for _ in range(most):
            if not strategy.begin():
                return
            yield execution(program, strategy, anonymous=anonymous)


def in_pieces(
    program: Program, strategy: Strategy, chance: random.Random, *, cuts: int = 5, anonymous: bool = False
) -> list[Run | None]:
    """What the pieces run, put together in order; the last piece is explored first, each is carried to another process."""
    if not cuts:
        return list(some(program, strategy, 10_000, anonymous=anonymous))
    found = list(some(program, strategy, chance.randrange(4), anonymous=anonymous))
    pieces = [strategy]
    for _ in range(chance.randrange(3)):
        given_away = pieces[0].divide()
        if given_away is not None:
            pieces.insert(1, given_away)
    carried = [pickle.loads(pickle.dumps(piece)) for piece in reversed(pieces)]
    explored = [in_pieces(program, piece, chance, cuts=cuts - 1, anonymous=anonymous) for piece in carried]
    return found + [run for runs in reversed(explored) for run in runs]


@settings(max_examples=150, deadline=None)
@given(program=programs, chance=chances)
def test_pieces_run_what_the_whole_runs_in_the_same_order(program: Program, chance: random.Random):
    assert list(in_pieces(program, Exhaustive(), chance)) == list(executions(program, Exhaustive()))


@settings(max_examples=150, deadline=None)
@given(program=programs_with_twins, chance=chances)
def test_pieces_run_what_the_whole_runs_up_to_symmetry(program: Program, chance: random.Random):
    interchangeable = tuple(program.index(steps) for steps in program)
    whole = list(executions(program, Exhaustive(interchangeable=interchangeable), anonymous=True))
    assert list(in_pieces(program, Exhaustive(interchangeable=interchangeable), chance, anonymous=True)) == whole


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@settings(max_examples=50, deadline=None)
@given(program=programs, cut=st.integers(0, 30))
def test_a_strategy_goes_on_elsewhere_as_it_would_have_here(name: str, program: Program, cut: int):
    strategy = STRATEGIES[name](seed=7)
    first = list(some(program, strategy, cut))
    later = list(some(program, pickle.loads(pickle.dumps(strategy)), SAMPLED))
    assert first + later == list(some(program, STRATEGIES[name](seed=7), cut + SAMPLED))


@settings(max_examples=100, deadline=None)
@given(program=programs)
def test_the_estimate_of_what_is_left_falls_to_nothing(program: Program):
    strategy = Exhaustive()
    estimates = [strategy.left(), *(strategy.left() for _ in some(program, strategy, 10_000))]
    assert estimates == sorted(estimates, reverse=True)
    assert estimates[0] == 1.0
    assert estimates[-1] == pytest.approx(0.0)


@settings(max_examples=100, deadline=None)
@given(program=programs, chance=chances)
def test_the_estimates_of_pieces_add_up(program: Program, chance: random.Random):
    strategy = Exhaustive()
    list(some(program, strategy, 1 + chance.randrange(4)))
    whole = strategy.left()
    pieces = [strategy]
    while (given_away := strategy.divide()) is not None:
        pieces.append(given_away)
    assert sum(piece.left() for piece in pieces) == pytest.approx(whole)


@settings(max_examples=100, deadline=None)
@given(program=st.one_of(programs, weak_programs))
def test_the_estimate_of_dpor_is_between_all_and_nothing(program: Program):
    strategy = Dpor()
    estimates = [strategy.left() for _ in some(program, strategy, 10_000)]
    assert all(0.0 <= one <= 1.0 for one in estimates)
    with suppress(Restart):
        assert not strategy.begin()
        assert strategy.left() == 0.0
