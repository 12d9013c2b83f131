"""What oracles are told of sequential runs is remembered, within a bound."""

from __future__ import annotations

from typing import Any

import pytest

from toctou.execution import judges


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
