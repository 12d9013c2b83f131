"""Places between two turns of a loop, each marked by a call of ``here``."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from types import FrameType

import pytest

from toctou.scheduling.turns import is_between_turns, memory

found: list[bool] = []
memories: list[object] = []


def here() -> bool:
    frame: FrameType | None = sys._getframe(1)
    found.append(is_between_turns(frame))
    memories.append(memory(frame)[1])
    return True


def work() -> None:
    """Something else that is called."""


def last() -> None:
    while len(found) < 2:
        work()
        here()


def first() -> None:
    while len(found) < 2:
        seen = 0
        here()
        work()
        str(seen)


def condition() -> None:
    while here() and len(found) < 2:
        work()


def before_what_calls_nothing() -> None:
    while len(found) < 2:
        work()
        here()
        _seen = found


def in_branches() -> None:
    while len(found) < 2:
        work()
        if found:
            here()
        else:
            work()
            here()


def in_a_try() -> None:
    while len(found) < 2:
        work()
        try:
            here()
        except ValueError:
            return


def without_an_end() -> None:
    for _ in itertools.count():
        if len(found) == 2:
            break
        work()
        here()


def ends_here() -> None:
    work()
    here()


def in_a_function() -> None:
    while len(found) < 2:
        work()
        ends_here()


@pytest.mark.parametrize(
    "loop",
    [last, first, condition, before_what_calls_nothing, in_branches, in_a_try, without_an_end, in_a_function],
    ids=lambda one: one.__name__,
)
def test_between_two_turns(loop: Callable[[], None]) -> None:
    found.clear()
    loop()
    assert found == [True, True]


def between_two_calls() -> None:
    while len(found) < 2:
        work()
        here()
        work()


def before_it_is_asked_whether_to_go_on() -> None:
    while True:
        work()
        here()
        if len(found) == 2:
            break


def over_so_many() -> None:
    for _ in range(2):
        work()
        here()


def at_the_end_of_what_is_called_first() -> None:
    while len(found) < 2:
        ends_here()
        work()


def in_the_middle_of_a_branch() -> None:
    while len(found) < 2:
        if True:
            work()
            here()
            work()


@pytest.mark.parametrize(
    "loop",
    [
        between_two_calls,
        before_it_is_asked_whether_to_go_on,
        over_so_many,
        at_the_end_of_what_is_called_first,
        in_the_middle_of_a_branch,
    ],
    ids=lambda one: one.__name__,
)
def test_in_the_middle_of_something(loop: Callable[[], None]) -> None:
    found.clear()
    loop()
    assert found == [False, False]


def test_what_a_clock_tells_is_no_memory() -> None:
    memories.clear()
    for _ in ("same", "same"):
        begun = time.monotonic()
        here()
        str(begun)
    assert memories[0] == memories[1]


def test_what_has_changed_is_memory() -> None:
    memories.clear()
    for number in (1, 2):
        here()
        str(number)
    assert memories[0] != memories[1]
