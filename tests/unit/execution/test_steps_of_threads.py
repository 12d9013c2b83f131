"""Executions whose requests take steps without a call, and go on after their answer, as those with threads do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from toctou.execution.replaying import reordered, steps_of
from toctou.history.operation import Execution, Operation
from toctou.history.request import Request, Response
from toctou.history.schedule import Choice, Schedule

REQUESTS = tuple(Request(name, "act") for name in ("alice", "bob", "carol"))


def execution(letters: str, calls: str, endings: Sequence[int], idle: Sequence[int] = ()) -> Execution:
    """Steps by the letters of requests; ``calls`` by those of the requests that made them."""
    numbers: dict[str, int] = {}
    operations = []
    for letter in calls:
        operations.append(Operation("ABC".index(letter), numbers.setdefault(letter, 0), "GetItem", {}, {}))
        numbers[letter] += 1
    requests = REQUESTS[: len(endings)]
    choices = tuple(Choice("ABC".index(letter)) for letter in letters)
    responses = tuple(Response(200) for _ in requests)
    steps = frozenset(idle)
    return Execution(requests, {}, tuple(operations), responses, {}, Schedule(choices), tuple(endings), idle=steps)


def told_steps(one: Execution) -> list[str]:
    """``A1`` for the second call of A, ``A`` for a step without a call."""
    return ["ABC"[request] + ("" if done is None else str(done.number)) for request, done in steps_of(one)]


@pytest.mark.parametrize(
    ("letters", "calls", "idle", "steps"),
    [
        ("ABAB", "ABAB", (), ["A0", "B0", "A1", "B1"]),
        ("AABA", "ABA", (1,), ["A0", "A", "B0", "A1"]),
        ("AAB", "AB", (0,), ["A", "A0", "B0"]),
        ("ABA", "AA", (), ["A0", "B", "A1"]),  # B makes no call at all, which needs no saying
        ("AABAA", "AA", (0, 3), ["A", "A0", "B", "A", "A1"]),
        ("ABB", "AB", (2,), ["A0", "B0", "B"]),
    ],
)
def test_steps_without_a_call_are_told_from_those_with_one(
    letters: str, calls: str, idle: tuple[int, ...], steps: list[str]
):
    assert told_steps(execution(letters, calls, [len(calls)] * 2, idle)) == steps


def test_idle_steps_move_with_their_requests():
    one = execution("AABA", "ABA", [3, 2], idle=[1])
    other = reordered(one, (2, 0, 1, 3))
    assert str(other.schedule).split(":")[1] == "B.A.A.A"
    assert (told_steps(other), other.idle) == (["B0", "A0", "A", "A1"], frozenset({2}))
    assert other.endings == (3, 1)
    back = reordered(other, (1, 2, 0, 3))
    assert (told_steps(back), back.idle, back.endings) == (told_steps(one), one.idle, one.endings)


@pytest.mark.parametrize(
    ("order", "endings"),
    [
        ((0, 1, 2, 3), (1, 3)),  # A answers after its first call, and calls once more later
        ((0, 1, 3, 2), (1, 4)),
        ((1, 0, 2, 3), (2, 3)),
        ((1, 2, 0, 3), (3, 2)),
    ],
)
def test_an_answer_moves_with_the_last_call_before_it(order: tuple[int, ...], endings: tuple[int, int]):
    one = execution("ABBA", "ABBA", [1, 3])
    assert reordered(one, order).endings == endings


def test_who_answers_before_any_call_does_so_with_its_first_step():
    """Its threads call later."""
    one = execution("ABA", "BA", [0, 1], idle=[0])
    assert told_steps(one) == ["A", "B0", "A0"]
    assert reordered(one, (0, 1, 2)).endings == (0, 1)
    assert reordered(one, (1, 0, 2)).endings == (1, 1)


@pytest.mark.parametrize(
    ("calls", "endings", "before_a", "before_b"),
    [
        ("AABB", (2, 4), set(), {0}),
        ("AABA", (2, 3), set(), {0}),  # what A does after its answer does not bring it closer to B
        ("ABAB", (3, 4), set(), set()),
        ("ABAB", (1, 4), set(), {0}),
        ("BAAB", (3, 1), {1}, set()),
        ("BABA", (2, 1), {1}, set()),
    ],
)
def test_real_time_goes_by_the_answer(calls: str, endings: tuple[int, int], before_a: set[int], before_b: set[int]):
    one = execution(calls, calls, endings)
    assert one.preceding() == (frozenset(before_a), frozenset(before_b))
    assert one.precedes(0, 1) == bool(before_b)
    assert one.precedes(1, 0) == bool(before_a)


def test_who_answers_before_its_first_call_has_begun_by_then():
    one = execution("AABB", "BBA", [0, 2], idle=[0])
    assert one.preceding() == (frozenset(), frozenset({0}))
