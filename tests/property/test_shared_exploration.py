"""A search whose branches are explored ahead of their turn runs exactly what one process runs, in the same order."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from program_strategies import programs, programs_with_twins, weak_programs
from synthetic_programs import Program, Run, Touch, execution, executions

from checker.exploration.partition import Partition
from checker.exploration.portion import Advance, Portion
from checker.exploration.tally import Tally
from checker.scheduling.strategies.dpor import Dpor
from checker.scheduling.strategies.strategy import Shareable, StartOver

chances = st.integers(0, 2**32).map(random.Random)


class Runs(Tally):
    """A tally that remembers the executions themselves."""

    def __init__(self) -> None:
        super().__init__(reached=None, exhausted=True)  # type: ignore[arg-type] # there are no handlers
        self.runs: list[Run | None] = []

    def add(self, later: Tally) -> None:
        assert isinstance(later, Runs)
        self.runs += later.runs
        self.schedules += later.schedules


def explored(program: Program, portion: Portion, twins: tuple[int, ...], most: int, pieces: int) -> Advance:
    """What a worker makes of a portion."""
    strategy = portion.strategy or Dpor(twins=twins)
    part = strategy if isinstance(portion.strategy, Shareable) else None
    runs = Runs()
    try:
        while runs.schedules < most:
            if not strategy.begin():
                return Advance(runs, pieces=pieces, last=part)
            runs.runs.append(execution(program, strategy, anonymous=bool(twins)))
            runs.schedules += 1
    except StartOver as over:
        return Advance(runs, again=replace(portion.beginning, strategy=over.strategy))
    return Advance(runs, (replace(portion, strategy=strategy),), pieces=pieces)


def by_several(program: Program, chance: random.Random, workers: int, twins: tuple[int, ...] = ()) -> list[Run | None]:
    """What several workers find who take whatever there is, in any order, go on for a while, and are lost sometimes."""
    partition = Partition([Portion(None)])  # type: ignore[arg-type] # nobody looks at the scenario
    while not partition.complete:
        number = chance.choice([*partition.open()])
        portion = pickle.loads(pickle.dumps(partition.portion(number)))
        advance = explored(program, portion, twins, chance.randrange(1, 5), chance.choice([1, workers]))
        if chance.random() < 0.9:
            partition.advance(number, pickle.loads(pickle.dumps(advance)))
        assert 0.0 <= partition.explored <= 1.0
    found = partition.tally()
    assert isinstance(found, Runs)
    return found.runs


@settings(max_examples=150, deadline=None)
@given(program=st.one_of(programs, weak_programs), chance=chances, workers=st.integers(2, 8))
def test_several_run_what_one_runs(program: Program, chance: random.Random, workers: int):
    assert by_several(program, chance, workers) == executions(program, Dpor())


@settings(max_examples=150, deadline=None)
@given(program=programs_with_twins, chance=chances, workers=st.integers(2, 8))
def test_several_run_what_one_runs_up_to_symmetry(program: Program, chance: random.Random, workers: int):
    twins = tuple(program.index(steps) for steps in program)
    assert by_several(program, chance, workers, twins) == executions(program, Dpor(twins=twins), anonymous=True)


def test_many_are_kept_busy_and_nothing_is_run_in_vain():
    """Six requests that overwrite one item: 720 classes, each run once by somebody; eight workers, ten executions at a time."""
    program = ((Touch(writes=(("x", "data"),)),),) * 6
    partition = Partition([Portion(None)])  # type: ignore[arg-type] # nobody looks at the scenario
    ran, rounds = 0, 0
    while not partition.complete:
        rounds += 1
        for number in [*partition.open()][:8]:
            portion = partition.portion(number)
            assert portion is not None
            advance = explored(program, pickle.loads(pickle.dumps(portion)), (), 10, 16)
            ran += advance.tally.schedules
            partition.advance(number, advance)
    assert ran == partition.tally().schedules == 720
    assert rounds < 72 / 3, "one worker needs 72 rounds"
