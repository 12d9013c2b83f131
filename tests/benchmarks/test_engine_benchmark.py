"""The benchmark of the engine runs, and what it shows holds by a wide margin, counted in function calls instead of time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import engine
import pytest
from calls_compared import CALLS, settings
from engine_growth import change, loaded, query_kind, query_owners


def function_calls(work: Callable[[], object]) -> int:
    """How many functions are called, those written in C included: a measure of work that no busy machine disturbs."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def test_both_tables_come_out(capsys: pytest.CaptureFixture[str]):
    engine.main(["--calls", "2", "--rounds", "1", "--sizes", "20,40"])
    printed = capsys.readouterr().out
    rows = [line.strip("| ").split("|") for line in printed.splitlines() if line.startswith("|")]
    assert [row[0].strip() for row in rows] == ["call", "-" * 27, *CALLS, "items", "-----", "20", "40"]
    figures = [float(cell) for row in rows for cell in row[1:] if cell.strip()[0].isdigit()]
    assert len(figures) == 4 * 9 + 2 * 6


@pytest.mark.parametrize("call", CALLS)
def test_an_intercepted_call_is_a_fraction_of_the_work_that_it_is_on_moto(call: str):
    with settings() as perform:
        work = {}
        for setting in ("client", "moto"):
            perform[setting](call, 2)  # whatever is done at the first call only
            once, twice = (function_calls(partial(perform[setting], call, count)) for count in (2, 4))
            work[setting] = (twice - once) / 2
    assert work["moto"] > 20 * work["client"]


def test_going_back_is_as_much_work_in_a_large_table_as_in_a_small_one():
    work = []
    for size in (100, 3200):
        filled = loaded(size)
        point: list[int] = []
        work.append(function_calls(lambda filled=filled, point=point: point.append(filled.sequence)))
        change(filled)
        work.append(function_calls(lambda filled=filled, point=point: filled.restore(point[0])))
    assert work[2] == work[0]
    assert work[3] < 1.5 * work[1]


def test_loading_and_querying_are_as_much_work_for_each_item_of_a_large_table_as_of_a_small_one():
    loads, owners, kinds = [], [], []
    for size in (400, 3200):
        loads.append(function_calls(partial(loaded, size)) / size)
        filled = loaded(size)
        owners.append(function_calls(partial(query_owners, filled, size)) / size)
        kinds.append(function_calls(partial(query_kind, filled)) / size)
    for small, large in (loads, owners, kinds):
        assert large < 1.5 * small
