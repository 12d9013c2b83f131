"""Which threads of a request are held back, after calls that are told one by one."""

from __future__ import annotations

from typing import Any

import pytest

from toctou.history.footprint import EXISTENCE, Footprint
from toctou.history.item import ItemId
from toctou.history.operation import Operation
from toctou.scheduling.polling import Polls, ThreadsCall
from toctou.scheduling.polling_threads import PollingThreads
from toctou.scheduling.task import Task

ITEM, OTHER = (ItemId("Items", (("S", name),)) for name in ("x", "y"))
FIRST, SECOND = (0,), (1,)


def read(unit: tuple[int, ...], slept: float, request: int = 0) -> Operation:
    footprint = Footprint(reads={ITEM: frozenset({EXISTENCE})})
    return Operation(request, 0, "GetItem", {"Key": "x"}, {}, footprint=footprint, unit=unit, slept=slept)


def write(unit: tuple[int, ...], item: ItemId = ITEM, request: int = 0) -> Operation:
    footprint = Footprint(writes={item: frozenset({EXISTENCE})})
    return Operation(request, 0, "PutItem", {}, {}, footprint=footprint, unit=unit)


def reads(unit: tuple[int, ...], slept: float) -> ThreadsCall:
    return ThreadsCall(unit, "GetItem", {"Key": "x"}, slept, reads_clock=False)


def other(unit: tuple[int, ...], slept: float, action: str = "PutItem") -> ThreadsCall:
    return ThreadsCall(unit, action, {}, slept, reads_clock=False)


def after(*operations: Operation) -> PollingThreads:
    polling = PollingThreads()
    for one in operations:
        polling.performed(one)
    return polling


TWICE = read(FIRST, 0.0), read(FIRST, 1.0)


def test_a_thread_that_has_read_the_same_twice_is_held_back() -> None:
    polling = after(TWICE[0])
    assert list(polling.allowed(0, [reads(FIRST, 1.0), other(SECOND, 1.0)])) == [0, 1]
    assert not polling.held
    polling = after(*TWICE)
    assert list(polling.allowed(0, [reads(FIRST, 2.0), other(SECOND, 2.0)])) == [1]
    assert polling.held


def test_who_wants_a_lock_does_not_poll() -> None:
    polling = after(*TWICE, read(SECOND, 0.0), read(SECOND, 1.0))
    assert list(polling.allowed(0, [reads(FIRST, 2.0), other(SECOND, 2.0, "")])) == [1]


def test_a_thread_that_takes_a_lock_and_sleeps_twice_is_held_back() -> None:
    polling = after()
    waiting = [other(FIRST, 2.0, ""), other(SECOND, 2.0)]
    for taken, slept in enumerate((0.0, 1.0), 1):
        assert list(polling.allowed(0, waiting)) == [0, 1]
        assert polling.took_lock(0, other(FIRST, slept, "")) == taken
    assert list(polling.allowed(0, waiting)) == [1]
    assert polling.held
    assert list(polling.allowed(0, [other(FIRST, 1.0, ""), other(SECOND, 1.0)])) == [0, 1], "it has not slept"
    assert list(polling.allowed(0, waiting[:1])) == [0], "nobody else can go on"
    assert not polling.held
    assert list(polling.allowed(1, waiting)) == [0, 1], "that is another request's"


@pytest.mark.parametrize("other_one", ["calls", "takes a lock"])
def test_it_takes_the_lock_once_another_thread_has_gone_on(other_one: str) -> None:
    polling = after()
    for slept in (0.0, 1.0):
        polling.took_lock(0, other(FIRST, slept, ""))
    if other_one == "calls":
        polling.performed(write(SECOND))
    else:
        assert polling.took_lock(0, other(SECOND, 2.0, "")) == 3
    assert list(polling.allowed(0, [other(FIRST, 2.0, ""), other(SECOND, 2.0)])) == [0, 1]


def test_it_goes_on_once_another_thread_has_written_what_it_reads() -> None:
    waiting = [reads(FIRST, 2.0), other(SECOND, 2.0)]
    assert list(after(*TWICE, write(SECOND)).allowed(0, waiting)) == [0, 1]
    assert list(after(*TWICE, write(SECOND, OTHER)).allowed(0, waiting)) == [1]
    assert list(after(*TWICE, write(FIRST, request=1)).allowed(0, waiting)) == [0, 1]


def test_it_goes_on_once_all_poll() -> None:
    polling = after(*TWICE, read(SECOND, 0.0), read(SECOND, 1.0))
    assert list(polling.allowed(0, [reads(FIRST, 2.0), reads(SECOND, 2.0)])) == [0, 1]
    assert not polling.held


def test_threads_of_other_requests_are_other_threads() -> None:
    polling = after(read(FIRST, 0.0, request=1), read(FIRST, 1.0, request=1))
    assert list(polling.allowed(0, [reads(FIRST, 2.0), other(SECOND, 2.0)])) == [0, 1]
    assert list(polling.allowed(1, [reads(FIRST, 2.0), other(SECOND, 2.0)])) == [1]


def task(*threads: ThreadsCall) -> Any:
    return Task(0, lambda: None, action="several", slept=2.0, threads=threads)


def test_a_request_polls_if_all_its_threads_do() -> None:
    both = (*TWICE, read(SECOND, 0.0), read(SECOND, 1.0))
    for operations, threads, allowed in (
        (both, (reads(FIRST, 2.0), reads(SECOND, 2.0)), [1]),
        (both, (reads(FIRST, 2.0), other(SECOND, 2.0)), [0, 1]),
        (TWICE, (reads(FIRST, 2.0), reads(SECOND, 2.0)), [0, 1]),
    ):
        polls = Polls()
        for one in operations:
            polls.performed(one)
        assert list(polls.allowed([0, 1], [task(*threads), None])) == allowed
