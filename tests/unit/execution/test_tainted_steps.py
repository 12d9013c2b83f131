"""When memoised steps can no longer be relied on, and what is kept to say so, after executions that are told step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from toctou import Model, handler
from toctou.declaration.scenario import Scenario
from toctou.errors import NondeterministicHandler
from toctou.execution import memoised_steps, transition_system
from toctou.execution.memoised_steps import MemoisedSteps
from toctou.execution.process_memory import ProcessMemory
from toctou.history.footprint import EMPTY
from toctou.history.operation import Execution, Operation
from toctou.history.request import Request, Response
from toctou.history.schedule import Schedule
from toctou.scheduling.strategies.strategy import Step

memory: dict[str, Any] = {}
more: dict[str, Any] = {}


class OfMemory(Model):
    @handler
    def act(self, principal: str) -> int:
        return 200


ALICE, BOB = (Request(name, "act") for name in ("alice", "bob"))
ALONE, BOTH = Scenario((ALICE,)), Scenario((ALICE, BOB))

Taken = tuple[int, Operation | None]


def get(request: int, value: int = 0, action: str = "GetItem") -> Taken:
    return request, Operation(request, 0, action, {}, {"n": value})


def steps_of(*, taken: bool = True) -> MemoisedSteps:
    memory.clear()
    more.clear()
    return MemoisedSteps(
        ProcessMemory(OfMemory), lambda *what: Step(EMPTY, what), lambda *_: None, lambda _: {"Items": []}, taken=taken
    )


def learn(
    known: MemoisedSteps, scenario: Scenario, *steps: Taken, status: int = 200, clock: Sequence[int] = ()
) -> None:
    known.learn(scenario, steps, {request: Response(status) for request, _ in steps}, clock)


def walked(known: MemoisedSteps, scenario: Scenario = ALONE) -> bool:
    return known.walk(scenario).step(0) is not None


def execution(scenario: Scenario = ALONE) -> Execution:
    return Execution(scenario.requests, {}, (), (), {}, Schedule(()), ())


def run(known: MemoisedSteps, scenario: Scenario = ALONE, **left: Any) -> Execution:
    """An execution in which requests leave something in memory."""
    assert known.memory is not None
    known.memory.begin(OfMemory())
    memory.update(left)
    ended = execution(scenario)
    known.end(ended)
    return ended


@pytest.mark.parametrize("taken", [True, False])
def test_what_was_learned_is_walked_unless_it_is_only_compared(taken: bool):
    known = steps_of(taken=taken)
    for _ in range(2):
        learn(known, ALONE, get(0), clock=[0])
    assert known.taken is taken
    walk = known.walk(ALONE)
    assert (walk.step(0) is not None) is taken
    assert walk.reads_clock is taken
    assert (known.tainted, known.suspect) == (False, None)


def test_steps_are_taken_unless_it_is_said_otherwise():
    assert MemoisedSteps(OfMemory, lambda *_: Step(EMPTY, None), lambda *_: None, lambda _: {}).taken


@pytest.mark.parametrize("taken", [True, False])
def test_who_does_another_thing_taints_them_and_is_kept(taken: bool):
    known = steps_of(taken=taken)
    learn(known, BOTH, get(0), get(1))
    with pytest.raises(NondeterministicHandler, match="did two things"):
        learn(known, BOTH, get(1), get(0), status=404)
    assert known.tainted
    assert known.suspect == (BOTH, (1, 0))


def test_what_was_not_run_to_its_end_is_compared_as_well():
    known = steps_of()
    learn(known, BOTH, get(0), get(1))
    known.compare(BOTH, [get(1)], {}, [])
    assert not known.tainted
    known.compare(BOTH, [get(1)], {1: Response(200)}, [1])
    with pytest.raises(NondeterministicHandler):
        known.compare(BOTH, [get(1, action="PutItem")], {}, [1])
    assert known.tainted
    assert known.suspect == (BOTH, (1,))


def test_what_is_only_compared_does_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch):
    known = steps_of(taken=False)
    learn(known, ALONE, get(0))
    monkeypatch.setattr(transition_system, "MOST", 0)
    learn(known, ALONE, get(0), status=404)
    assert not known.tainted, "the first was forgotten"


def test_a_step_that_is_run_again_and_differs_taints_them():
    known = steps_of()
    before, now = Step(EMPTY, "a"), Step(EMPTY, "b")
    known.check(BOTH, [get(0), get(1)], before, Step(EMPTY, "a", seen="other"))
    assert not known.tainted
    with pytest.raises(NondeterministicHandler) as fault:
        known.check(BOTH, [get(0), get(1)], before, now)
    assert "after 1 steps, the first time request B did\na;\nthe second time it does\nb" in str(fault.value)
    assert known.tainted
    assert known.suspect == (BOTH, (0, 1))


def test_a_first_run_may_leave_something():
    known = steps_of()
    first = run(known, BOTH, cache=1)
    assert not known.tainted
    run(known, BOTH)
    assert not known.tainted
    assert [id(one) for one in known.to_repeat] == [id(first)]
    assert list(known.left) == [f"{__name__}.memory"]


def test_a_request_that_was_run_before_may_not():
    known = steps_of()
    for scenario in (ALONE, Scenario((BOB,))):
        run(known, scenario, **{str(scenario): 1})
    assert not known.tainted, "each of them was run for the first time"
    assert known.memory is not None
    known.memory.begin(OfMemory())
    memory["bob"] = more["bob"] = 1
    known.end(execution(BOTH))
    assert known.tainted
    assert list(known.left) == [f"{__name__}.{name}" for name in ("memory", "more")]
    assert known.suspect is None


def test_together_with_one_that_was_not_it_is_a_first_run():
    known = steps_of()
    run(known, ALONE)
    run(known, BOTH, cache=1)
    assert not known.tainted
    run(known, BOTH, cache=2)
    assert known.tainted


def test_the_executions_that_were_run_first_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memoised_steps, "MOST_FIRST_RUNS", 2)
    known = steps_of()
    runs = [run(known) for _ in range(3)]
    assert [id(one) for one in known.first_runs] == [id(one) for one in runs[:2]]


def test_with_other_numbers_nothing_is_known_and_whoever_was_run_was_run():
    """What is memoised rests on random numbers; that caches were filled does not."""
    known = steps_of()
    for _ in range(2):
        learn(known, ALONE, get(0))
    run(known, cache=1)
    assert walked(known)
    known.forget()
    assert not walked(known)
    assert (known.first_runs, known.to_repeat) == ([], [])
    run(known, cache=2)
    assert known.tainted
