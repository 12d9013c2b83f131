"""A search whose branches are explored ahead of their turn runs exactly what one process runs, in the same order."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from program_strategies import (
    programs,
    programs_with_twins,
    static_programs,
    weak_programs,
    weak_programs_with_twins,
)
from synthetic_programs import Program, Run, Touch, execution, executions

from toctou.distribution.partition import Partition
from toctou.scheduling.restart import Restart
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.strategy import Shareable
from toctou.search.tally import Tally
from toctou.search.work_item import Advance, WorkItem
from toctou.verdict import Coverage, StopReason

chances = st.integers(0, 2**32).map(random.Random)


class Runs(Tally):
    """A tally that remembers the executions themselves."""

    def __init__(self) -> None:
        super().__init__(reached=None, coverage=Coverage.EVERYTHING)  # type: ignore[arg-type] # there are no handlers
        self.runs: list[Run | None] = []

    def add(self, later: Tally) -> None:
        assert isinstance(later, Runs)
        self.runs += later.runs
        self.schedules += later.schedules
        self.stop_reason = self.stop_reason or later.stop_reason


def explored(
    program: Program, work_item: WorkItem, interchangeable: tuple[int, ...], most: int, pieces: int
) -> Advance:
    """What a worker makes of a work item."""
    strategy = work_item.strategy or Dpor(interchangeable=interchangeable)
    part = strategy if isinstance(work_item.strategy, Shareable) else None
    runs = Runs()
    try:
        while runs.schedules < most:
            if not strategy.begin():
                return Advance(runs, pieces=pieces, last=part)
            runs.runs.append(execution(program, strategy, anonymous=bool(interchangeable)))
            runs.schedules += 1
    except Restart as over:
        return Advance(runs, again=work_item.restarted(over))
    return Advance(runs, (replace(work_item, strategy=strategy),), pieces=pieces)


def by_several(
    program: Program, chance: random.Random, workers: int, interchangeable: tuple[int, ...] = ()
) -> list[Run | None]:
    """What several workers find who take whatever there is, in any order, go on for a while, and are lost sometimes."""
    partition = Partition([WorkItem(None)])  # type: ignore[arg-type] # nobody looks at the scenario
    while not partition.complete:
        number = chance.choice([*partition.open()])
        work_item = pickle.loads(pickle.dumps(partition.work_item(number)))
        advance = explored(program, work_item, interchangeable, chance.randrange(1, 5), chance.choice([1, workers]))
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
@given(program=st.one_of(programs_with_twins, weak_programs_with_twins), chance=chances, workers=st.integers(2, 8))
def test_several_run_what_one_runs_up_to_symmetry(program: Program, chance: random.Random, workers: int):
    interchangeable = tuple(program.index(steps) for steps in program)
    assert by_several(program, chance, workers, interchangeable) == executions(
        program, Dpor(interchangeable=interchangeable), anonymous=True
    )


def test_many_are_kept_busy_and_nothing_is_run_in_vain():
    """Six requests that overwrite one item: 720 classes, each run once by somebody; eight workers, ten executions at a time."""
    program = ((Touch(writes=(("x", "data"),)),),) * 6
    partition = Partition([WorkItem(None)])  # type: ignore[arg-type] # nobody looks at the scenario
    ran, rounds = 0, 0
    while not partition.complete:
        rounds += 1
        for number in [*partition.open()][:8]:
            work_item = partition.work_item(number)
            assert work_item is not None
            advance = explored(program, pickle.loads(pickle.dumps(work_item)), (), 10, 16)
            ran += advance.tally.schedules
            partition.advance(number, advance)
    assert ran == partition.tally().schedules == 720
    assert rounds < 72 / 3, "one worker needs 72 rounds"


@settings(max_examples=60, deadline=None)
@given(program=static_programs, chance=chances)
def test_a_fault_ends_the_search_where_it_ends_that_of_one(program: Program, chance: random.Random):
    whole = executions(program, Dpor())
    at = chance.randrange(len(whole))
    partition = Partition([WorkItem(None)])  # type: ignore[arg-type] # nobody looks at the scenario
    while not partition.complete:
        number = chance.choice([*partition.open()])
        work_item = pickle.loads(pickle.dumps(partition.work_item(number)))
        advance = explored(program, work_item, (), chance.randrange(1, 5), 8)
        assert isinstance(advance.tally, Runs)
        if whole[at] in advance.tally.runs:
            stopped = Runs()
            stopped.runs = advance.tally.runs[: advance.tally.runs.index(whole[at])]
            stopped.stop(StopReason.NONDETERMINISTIC, "")
            advance = Advance(stopped, pieces=8)
        partition.advance(number, advance)
    found = partition.tally()
    assert isinstance(found, Runs)
    assert found.runs == whole[:at]
    assert found.stop_reason is StopReason.NONDETERMINISTIC


@settings(max_examples=60, deadline=None)
@given(program=static_programs, chance=chances)
def test_when_time_is_up_what_is_known_is_kept_and_nothing_is_claimed(program: Program, chance: random.Random):
    partition = Partition([WorkItem(None)])  # type: ignore[arg-type] # nobody looks at the scenario
    rounds = chance.randrange(5)
    for _ in range(rounds):
        for number in [*partition.open()][:3]:
            work_item = pickle.loads(pickle.dumps(partition.work_item(number)))
            partition.advance(number, explored(program, work_item, (), 2, 8))
    late = not partition.complete
    while not partition.complete:
        given_up = Runs()
        given_up.stop(StopReason.MAX_SECONDS, "")
        partition.advance(next(partition.open()), Advance(given_up))
    found = partition.tally()
    assert isinstance(found, Runs)
    known = [run.choices for run in found.runs if run is not None]
    assert len(set(known)) == len(found.runs)
    assert set(known) <= {run.choices for run in executions(program, Dpor()) if run is not None}
    assert (found.stop_reason is StopReason.MAX_SECONDS) == late
