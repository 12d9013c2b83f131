"""Threads of a request are told apart, and a race between them is explained as one between requests is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from history_notation import parse

from toctou.analysis.explain import explain
from toctou.analysis.threads import by_thread, threads
from toctou.history.finding import Finding
from toctou.history.operation import Execution
from toctou.history.request import ThreadOf

Unit = tuple[int, ...]
MAIN: Unit = ()
LOST = """
item x n=0
A alice: bump()
A.get(x) A.get(x) A.put(x n=1) A.put(x n=1) A=200
"""
TWO = """
item x n=0
A alice: bump()
B bob: bump()
A.get(x) B.get(x) A.get(x) A.put(x n=1) A.put(x n=1) A=200 B.put(x n=1) B=200
"""


def performed(text: str, *units: Unit) -> Execution:
    """A history, each call of which was made by the unit in its place."""
    execution = parse(text)
    operations = [replace(one, unit=unit) for one, unit in zip(execution.operations, units, strict=True)]
    return replace(execution, operations=tuple(operations))


def finding(execution: Execution) -> Finding:
    return Finding("linearizability", "no serial order fits", tuple(range(len(execution.requests))))


def lost(*units: Unit) -> Execution:
    return performed(LOST, *units)


@pytest.mark.parametrize(
    ("units", "numbers"),
    [
        (((0,), (1,), (0,), (1,)), {0: 1, 1: 2, 2: 1, 3: 2}),
        ((MAIN, (0,), MAIN, (0,)), {0: 0, 1: 1, 2: 0, 3: 1}),
        (((1,), (0,), (1,), (0,)), {0: 2, 1: 1, 2: 2, 3: 1}),
        (((0,), (1_000,), (0, 0), MAIN), {0: 1, 1: 3, 2: 2, 3: 0}),
        ((MAIN,) * 4, {}),
        (((0,),) * 4, {}),
    ],
)
def test_threads_are_numbered_by_their_names(units: tuple[Unit, ...], numbers: dict[int, int]) -> None:
    assert threads(lost(*units)) == numbers


def test_requests_with_one_thread_have_no_numbers() -> None:
    execution = performed(TWO, (0,), MAIN, (1,), (0,), (1,), MAIN)
    assert threads(execution) == {0: 1, 2: 2, 3: 1, 4: 2}


def test_without_threads_there_is_nothing_to_take_apart() -> None:
    execution = lost(*[MAIN] * 4)
    assert by_thread(execution, finding(execution)) is None


def names(execution: Execution) -> list[str]:
    return [one.name if isinstance(one, ThreadOf) else str(one) for one in execution.requests]


def taken_apart(execution: Execution, about: Finding | None = None) -> tuple[Execution, Finding]:
    found = by_thread(execution, about or finding(execution))
    assert found is not None
    return found


def test_each_thread_takes_the_place_of_a_request() -> None:
    execution = lost(MAIN, (0,), MAIN, (0,))
    split, about = taken_apart(execution)
    assert names(split) == ["the main thread", "thread 1"]
    assert [one.request for one in split.operations] == [0, 1, 0, 1]
    assert split.responses == execution.responses * 2
    assert split.endings == execution.endings * 2, "no thread ends before another one of its request begins"
    assert split.preceding() == (frozenset(), frozenset())
    assert about.requests == (0, 1)


def test_threads_of_several_requests_say_whose_they_are() -> None:
    split, about = taken_apart(performed(TWO, (0,), MAIN, (1,), (0,), (1,), MAIN))
    assert names(split) == ["thread 1 of A", "thread 2 of A", "bob: bump()"]
    assert [one.request for one in split.operations] == [0, 2, 1, 0, 1, 2]
    assert about.requests == (0, 1, 2)


def test_a_finding_is_about_the_threads_of_its_requests() -> None:
    execution = performed(TWO, (0,), MAIN, (1,), (0,), (1,), MAIN)
    for requests, threads_of in (((0,), (0, 1)), ((1,), (2,))):
        _, about = taken_apart(execution, replace(finding(execution), requests=requests))
        assert about.requests == threads_of


def explained(text: str, *units: Unit) -> Any:
    execution = performed(text, *units)
    return explain(execution, finding(execution))


def test_a_lost_update_between_threads_is_told_of_threads() -> None:
    told = explained(LOST, (0,), (1,), (0,), (1,))
    assert told.anomaly == "lost_update"
    assert told.headline == (
        "thread 2's bump overwrote what thread 1's bump had written: thread 1 changed n of Items[x] from 0 to 1, then "
        "thread 2 stored n 1, having read the older value"
    )
    assert told.contradiction.startswith(
        "If every thread were a single step, thread 2 would have to come before thread 1, "
    )
    assert told.contradiction.endswith("no order satisfies both")
    assert [(edge.earlier, edge.later) for edge in told.cycle]
    assert {at for edge in told.cycle for at in (edge.earlier, edge.later)} <= {0, 1, 2, 3}


def test_the_same_of_one_thread_is_no_race_between_threads() -> None:
    assert "thread" not in explained(LOST, *[MAIN] * 4).headline


def test_a_race_between_requests_stays_one_between_requests() -> None:
    text = """
    item x n=0
    A alice: bump()
    B bob: bump()
    A.get(x) B.get(x) A.put(x n=1) A.get(y) A=200 B.put(x n=1) B=200
    """
    told = explained(text, (0,), MAIN, (0,), (1,), MAIN)
    assert told.anomaly == "lost_update"
    assert "thread" not in told.headline
    assert told.headline.startswith("bob's bump overwrote what alice's bump had written")
