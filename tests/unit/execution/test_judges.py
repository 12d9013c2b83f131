"""What oracles are told of sequential runs is remembered, within a bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from toctou.declaration.scenario import Scenario
from toctou.execution import judges
from toctou.history.request import Request


class Laboratory:
    def __init__(self) -> None:
        self.runs: list[tuple[int, ...]] = []

    def serial(self, scenario: object, order: tuple[int, ...], *, afresh: bool = False) -> Any:
        self.runs.append(order)
        return (), {"order": order}


def test_an_order_is_run_once() -> None:
    laboratory: Any = Laboratory()
    serial = judges.MemoisedSerialRuns(laboratory, laboratory)
    assert [serial((0, 1)), serial((1, 0)), serial((0, 1))] == [
        ((), {"order": one}) for one in ((0, 1), (1, 0), (0, 1))
    ]
    assert laboratory.runs == [(0, 1), (1, 0)]


def test_so_many_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "MOST_RUNS", 2)
    laboratory: Any = Laboratory()
    serial = judges.MemoisedSerialRuns(laboratory, laboratory)
    for at in range(10):
        assert serial((at,)) == ((), {"order": (at,)})
        assert len(serial._known) <= 2


@dataclass(frozen=True)
class Order:
    """Neither shown nor compared whole."""

    forced: bool = field(repr=False, compare=False)


def asking(*values: Any) -> Scenario:
    return Scenario(tuple(Request("alice", "act", (("value", value),)) for value in values))


def test_oracles_are_kept_for_the_same_requests_and_for_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are equal may run otherwise one after the other."""
    made: list[Scenario] = []
    monkeypatch.setattr(judges, "oracles_for", lambda laboratory, scenario: made.append(scenario) or [len(made)])
    laboratory: Any = Laboratory()
    kept = judges.Judges(laboratory)
    forced, free = Order(forced=True), Order(forced=False)
    for scenario in map(asking, (1, 1, True, forced, forced, free)):
        kept.of(scenario, own_numbers=False)
    assert made == [asking(one) for one in (1, True, forced, free)]
    kept.of(asking(free, free), own_numbers=False)
    kept.of(asking(free, forced), own_numbers=False)
    kept.of(Scenario((Request("bob", "act", (("value", free),)),)), own_numbers=False)
    kept.of(Scenario((Request("bob", "more", (("value", free),)),)), own_numbers=False)
    assert len(made) == 8
    for own_numbers in (False, True, True):
        kept.of(made[-1], own_numbers=own_numbers)
    assert len(made) == 9
    kept.of(Scenario(made[-1].requests, {"Items": [{}]}), own_numbers=True)
    assert len(made) == 10
    kept.forget()
    kept.of(made[-1], own_numbers=True)
    assert len(made) == 11
