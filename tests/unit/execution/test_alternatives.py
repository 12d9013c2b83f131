"""What requests with threads may do one after the other: every order of their threads is run once, as far as it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import pytest

from toctou.declaration.scenario import Scenario
from toctou.errors import OperationLimit, OutsideControl
from toctou.execution import judges
from toctou.history.request import Request
from toctou.oracles.serial_runs import Alternative

SCENARIO = Scenario((Request("alice", "act"), Request("alice", "act")))


def script_of(one: Alternative) -> tuple[int, ...]:
    return one.script


class Laboratory:
    """Its requests have so many threads, each of which runs as a whole: the first question has so many alternatives."""

    def __init__(self, threads: int, *, concurrent: bool = True, fails_at: int | None = None) -> None:
        self.concurrent = concurrent
        self.runs: list[tuple[int, ...]] = []
        self._threads = threads
        self._fails_at = fails_at

    def serial(self, scenario: Scenario, order: tuple[int, ...], *, afresh: bool = False) -> Any:
        return (), {"order": [*range(self._threads)]}

    def serial_run(self, scenario: Scenario, order: tuple[int, ...], script: Sequence[int]) -> Any:
        if len(self.runs) == self._fails_at:
            raise OperationLimit("too many")
        self.runs.append(tuple(script))
        left, taken, counts = [*range(self._threads)], [], []
        for at in range(self._threads - 1):  # who is left at the end is no question
            counts.append(len(left))
            taken.append(left.pop(script[at] if at < len(script) else 0))
        return (), {"order": taken + left}, counts


def alternatives(laboratory: Any, order: tuple[int, ...] = (0, 1)) -> Any:
    return judges.MemoisedSerialRuns(laboratory, SCENARIO).alternatives(order)


@pytest.mark.parametrize(
    ("script", "counts", "following"),
    [
        ((), [], None),
        ((), [2], (1,)),
        ((1,), [2], None),
        ((), [3, 2], (0, 1)),
        ((0, 1), [3, 2], (1,)),
        ((1,), [3, 2], (1, 1)),
        ((2, 1), [3, 2], None),
        ((1,), [2, 1, 1], None),
        ((0, 1), [2, 2, 3], (0, 1, 1)),
        ((1, 1, 2), [2, 2, 3], None),
        ((0, 1, 2), [2, 2, 3], (1,)),
    ],
)
def test_scripts_follow_each_other(script: tuple[int, ...], counts: list[int], following: Any) -> None:
    assert judges._following(script, counts) == following


@pytest.mark.parametrize(("threads", "orders"), [(1, 1), (2, 2), (3, 6), (4, 24)])
def test_each_order_of_threads_is_told_once(threads: int, orders: int) -> None:
    laboratory = Laboratory(threads)
    found = [tuple(one.stored["order"]) for one in alternatives(laboratory)]
    assert len(found) == len(set(found)) == orders
    assert len(laboratory.runs) == orders


def test_the_first_is_the_serial_run_and_it_alone_without_threads() -> None:
    laboratory = Laboratory(3, concurrent=False)
    (only,) = alternatives(laboratory)
    assert (only.script, only.stored) == ((), {"order": [0, 1, 2]})
    assert laboratory.runs == []
    assert script_of(next(alternatives(Laboratory(3)))) == ()


def test_no_more_is_run_than_is_asked_for_and_nothing_twice() -> None:
    laboratory = Laboratory(4)
    serial = judges.MemoisedSerialRuns(laboratory, SCENARIO)  # type: ignore[arg-type]
    for _ in range(3):
        assert len(list(islice(serial.alternatives((0, 1)), 5))) == 5
    assert len(laboratory.runs) == 5
    assert len(set(map(script_of, serial.alternatives((0, 1))))) == 24
    assert len(laboratory.runs) == 24
    list(serial.alternatives((1, 0)))
    assert len(laboratory.runs) == 48, "another order of requests is run by itself"


def test_orders_that_do_not_end_are_left_out() -> None:
    laboratory = Laboratory(3, fails_at=3)
    serial = judges.MemoisedSerialRuns(laboratory, SCENARIO)  # type: ignore[arg-type]
    assert len(list(serial.alternatives((0, 1)))) == 3
    assert len(list(serial.alternatives((0, 1)))) == 3
    assert len(laboratory.runs) == 3


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "MOST_ALTERNATIVES", 5)
    assert len(list(alternatives(Laboratory(3)))) == 6, "as many as there are"
    with pytest.raises(OutsideControl, match=r"request A and request B can run .* in more than 5 orders"):
        list(alternatives(Laboratory(4)))


def test_alternatives_of_so_many_orders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "MOST_RUNS", 2)
    laboratory = Laboratory(2)
    serial = judges.MemoisedSerialRuns(laboratory, SCENARIO)  # type: ignore[arg-type]
    for _ in range(2):
        for order in ((0,), (1,), (0, 1), (1, 0)):
            assert len(list(serial.alternatives(order))) == 2
            assert len(serial._alternatives) <= 2
    assert len(laboratory.runs) == 16
