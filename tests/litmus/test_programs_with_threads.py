"""Random handlers with threads: exploring finds exactly the outcomes that a simulation of all interleavings finds.

A program is, for each request, a few stages one after the other; each stage starts threads, in one of several ways, and waits for
them.  The simulation below knows nothing of toctou: it runs the steps of all threads in every order, and asks of each order
whether some serial one, of requests and of the threads of each, explains it.

By hand, so many programs from this seed on: ``python tests/litmus/test_programs_with_threads.py COUNT SEED``.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, nullcontext
from itertools import permutations, product
from typing import Any, NamedTuple

import boto3
from brute_force import BruteForce
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toctou import Model, Request, Table, handler
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.execution.judges import oracles_for
from toctou.execution.judging import dependence_of, judged
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.exhaustive import Exhaustive

client = boto3.client("dynamodb", region_name="eu-central-1")
MOST = 130
"""Interleavings; programs with more are left out."""

CELLS = ("a", "b")
Step = tuple[str, str]
"""``reads``, ``writes`` or ``adds``, and the cell."""


class Stage(NamedTuple):
    """Threads, each with its steps; ``how`` they are started; ``locked`` if a lock of the request is held around each."""

    threads: tuple[tuple[Step, ...], ...]
    how: str
    locked: bool


Program = tuple[Stage, ...]


# What is checked.


def call(step: Step, seen: list[int]) -> None:
    kind, cell = step
    key = {"id": {"S": cell}}
    if kind == "reads":
        seen.append(int(client.get_item(TableName="Cells", Key=key, ConsistentRead=True)["Item"]["n"]["N"]))
    elif kind == "writes":
        client.put_item(TableName="Cells", Item={**key, "n": {"N": str(1 + sum(seen))}})
    else:
        client.update_item(
            TableName="Cells",
            Key=key,
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )


def by_threads(works: Sequence[Callable[[], None]]) -> None:
    started = [threading.Thread(target=work) for work in works]
    for one in started:
        one.start()
    for one in started:
        one.join()


def by_pool(works: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(works)) as pool:
        for one in as_completed([pool.submit(work) for work in works]):
            one.result()


def by_loop(works: Sequence[Callable[[], None]]) -> None:
    async def gathered() -> None:
        await asyncio.gather(*(asyncio.to_thread(work) for work in works))

    asyncio.run(gathered())


STARTS = {one.__name__: one for one in (by_threads, by_pool, by_loop)}


def served(program: Program) -> Callable[[str], tuple[int, str]]:
    def serve(principal: str) -> tuple[int, str]:
        told = []
        lock = threading.Lock()
        for stage in program:
            seen: list[list[int]] = [[] for _ in stage.threads]

            def work(at: int, stage: Stage = stage, seen: list[list[int]] = seen) -> None:
                with lock if stage.locked else nullcontext():
                    for step in stage.threads[at]:
                        call(step, seen[at])

            STARTS[stage.how]([lambda at=at: work(at) for at in range(len(stage.threads))])
            told.append(seen)
        return 200, str(told)

    return serve


# What it should be.


class State(NamedTuple):
    cells: tuple[int, ...]
    places: tuple[tuple[int, tuple[int, ...]], ...]  # of each request: its stage, and for each thread the next step
    seen: tuple[tuple[tuple[tuple[int, ...], ...], ...], ...]  # by request, stage and thread


def beginning(programs: Sequence[Program]) -> State:
    return State(
        (0,) * len(CELLS),
        tuple((0, tuple(0 for _ in program[0].threads)) for program in programs),
        tuple(tuple(tuple(() for _ in stage.threads) for stage in program) for program in programs),
    )


def enabled(programs: Sequence[Program], state: State) -> Iterator[tuple[int, int]]:
    """Requests and threads that can take a step; who takes the first one under a lock holds it until the last."""
    for request, (at, steps) in enumerate(state.places):
        if at == len(programs[request]):
            continue
        stage = programs[request][at]
        left = [thread for thread, step in enumerate(steps) if step < len(stage.threads[thread])]
        holding = [thread for thread in left if stage.locked and steps[thread]]
        yield from ((request, thread) for thread in holding or left)


def taken(programs: Sequence[Program], state: State, request: int, thread: int) -> State:
    at, steps = state.places[request]
    stage = programs[request][at]
    kind, cell = stage.threads[thread][steps[thread]]
    cells, seen = list(state.cells), [[list(one) for one in stages] for stages in state.seen]
    place = CELLS.index(cell)
    if kind == "reads":
        seen[request][at][thread] = (*seen[request][at][thread], cells[place])
    elif kind == "writes":
        cells[place] = 1 + sum(seen[request][at][thread])
    else:
        cells[place] += 1
    now = tuple(step + (one == thread) for one, step in enumerate(steps))
    if all(step == len(stage.threads[one]) for one, step in enumerate(now)):
        at += 1
        now = tuple(0 for _ in programs[request][at].threads) if at < len(programs[request]) else ()
    places = tuple((at, now) if one == request else place for one, place in enumerate(state.places))
    return State(tuple(cells), places, tuple(tuple(tuple(one) for one in stages) for stages in seen))


def interleavings(programs: Sequence[Program], state: State, order: tuple[int, ...] = ()) -> Iterator[Any]:
    able = list(enabled(programs, state))
    if not able:
        yield state, order
    for request, thread in able:
        yield from interleavings(programs, taken(programs, state, request, thread), (*order, request))


def outcome(state: State) -> tuple[Any, ...]:
    return state.cells, tuple(str([[list(seen) for seen in stage] for stage in told]) for told in state.seen)


def serial(programs: Sequence[Program], order: Sequence[int]) -> set[Any]:
    """Outcomes of requests that run in this order, and their threads in any, one after the other."""
    states = {beginning(programs)}
    for request in order:
        for stage in programs[request]:
            states = {
                run(programs, state, request, threads)
                for state, threads in product(states, permutations(range(len(stage.threads))))
            }
    return {outcome(state) for state in states}


def run(programs: Sequence[Program], state: State, request: int, threads: Sequence[int]) -> State:
    at = state.places[request][0]
    for thread in threads:
        for _ in programs[request][at].threads[thread]:
            state = taken(programs, state, request, thread)
    return state


def simulated(programs: Sequence[Program], most: int) -> tuple[set[Any], bool, int]:
    """All outcomes; whether one of them is not that of a serial order that agrees with real time; the interleavings."""
    found: set[Any] = set()
    wrong, count = False, 0
    known = {order: serial(programs, order) for order in permutations(range(len(programs)))}
    for state, steps in interleavings(programs, beginning(programs)):
        count += 1
        if count > most:
            raise OverflowError
        found.add(outcome(state))
        first = {request: steps.index(request) for request in range(len(programs))}
        last = {request: len(steps) - 1 - steps[::-1].index(request) for request in range(len(programs))}
        allowed = (
            order
            for order in known
            if all(last[one] > first[two] for at, two in enumerate(order) for one in order[at + 1 :])
        )
        wrong = wrong or not any(outcome(state) in known[order] for order in allowed)
    return found, wrong, count


# The comparison.


def programs_of(choose: Callable[[int], int]) -> list[Program]:
    def pick(*of: Any) -> Any:
        return of[choose(len(of))]

    def stage(threads: int, steps: int) -> Stage:
        def thread() -> tuple[Step, ...]:
            return tuple((pick("reads", "writes", "adds"), pick("a", "a", "b")) for _ in range(1 + choose(steps)))

        return Stage(tuple(thread() for _ in range(threads)), pick(*STARTS), pick(True, False, False))

    shapes = (((2, 2),), ((2, 3),), ((3, 1),), ((2, 1), (2, 1)), ((2, 2), (1, 1)))
    alone = [tuple(stage(*one) for one in pick(*shapes))]
    return pick(alone, [(stage(2, 2),), (stage(1, 2),)], [(stage(2, 1),), (stage(2, 1),)])


def compared(choose: Callable[[int], int]) -> int:
    """How many interleavings there are, all of which were simulated; 0 if there are too many."""
    programs = programs_of(choose)
    try:
        expected, wrong, count = simulated(programs, MOST)
    except OverflowError:
        return 0
    attributes = {
        "tables": [Table("Cells", "id")],
        "items": {"Cells": [{"id": cell, "n": 0} for cell in CELLS]},
        **{f"handler_{at}": handler(served(one), principals=["u"]) for at, one in enumerate(programs)},
    }
    model = type("Generated", (Model,), attributes)
    scenario = Scenario(tuple(Request("u", f"handler_{at}") for at in range(len(programs))))
    with (
        closing(backend_named("embedded")) as backend,
        Laboratory(model, backend, Limits(), "processes").opened() as laboratory,
    ):
        for strategy in (BruteForce(), Exhaustive(depends=dependence_of(model))):
            oracles, found, findings = oracles_for(laboratory, scenario), set(), []
            while strategy.begin():
                execution = laboratory.execute(scenario, strategy)
                if execution is not None:
                    cells = {image["id"]["S"]: int(image["n"]["N"]) for image in execution.final["Cells"]}
                    bodies = tuple(one.body for one in execution.responses)
                    found.add((tuple(cells[cell] for cell in CELLS), bodies))
                    findings += judged(execution, oracles)
            what = f"{programs} by {strategy.name}"
            assert found == expected, what
            if isinstance(strategy, BruteForce):  # others show one real-time order of each class
                assert bool(findings) == wrong, what
    return count


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_programs_with_threads_are_explored_as_simulated(data: st.DataObject) -> None:
    compared(lambda count: data.draw(st.integers(0, count - 1)))


if __name__ == "__main__":
    _count, _seed = map(int, sys.argv[1:])
    _all = _different = _left_out = 0
    for _number in range(_seed, _seed + _count):
        try:
            _run = compared(random.Random(_number).randrange)
            _all += _run
            _left_out += not _run
        except AssertionError as _fault:
            _different += 1
            print(_number, str(_fault)[:600])
    print(f"{_count} programs, {_all} interleavings, {_left_out} left out, {_different} that came out differently")
