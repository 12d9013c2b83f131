"""What a person is told while a run is under way."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.text import Text

from toctou.cli import progress
from toctou.cli.progress import ConsoleProgress, status_line
from toctou.distribution.progress import Status
from toctou.verdict import StopReason, Verdict

STATUS = Status(
    scenarios=120,
    total=445,
    schedules=12_345,
    rate=410.4,
    model="models/counter.py:AtomicCounter",
    scenario="alice: increment() ‖ bob: increment()",
    begun=1_234,
    explored=0.35,
    seconds_left=3_725.0,
)


def test_a_line_tells_what_is_done_how_fast_and_what_is_left():
    assert status_line(STATUS) == (
        "…  120 of 445 scenarios, 12,345 schedules, 410/s, about 1 h 2 min left (estimate); "
        "1,234 schedules of alice: increment() ‖ bob: increment(), about 35% of them (estimate)"
    )


def test_nothing_is_made_up_where_nothing_is_known():
    line = status_line(replace(STATUS, seconds_left=None, explored=0.0))
    assert "estimate" not in line


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("verdict", Verdict)
def test_verified_scenarios_are_printed_on_request_only(
    monkeypatch: pytest.MonkeyPatch, verdict: Verdict, verbose: bool
):
    monkeypatch.setattr(progress, "scenario_document", lambda result: result)
    monkeypatch.setattr(progress, "scenario_line", lambda model, result: Text(f"{result.verdict} {model}"))
    console = Console(file=io.StringIO(), width=200)
    result = SimpleNamespace(verdict=verdict, violations=(), stop_reason=None, detail="", schedules=1)
    ConsoleProgress(console, verbose=verbose).end_scenario("Counter", result)
    assert isinstance(console.file, io.StringIO)
    assert bool(console.file.getvalue()) == (verbose or verdict is not Verdict.VERIFIED)


def test_what_a_request_does_by_itself_gets_a_line_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "scenario_document", lambda result: result)
    monkeypatch.setattr(
        progress, "scenario_line", lambda model, result: Text(f"{result.detail.splitlines()[0]} {model}")
    )
    console = Console(file=io.StringIO(), width=200)
    fault = "a handler called SendMessage\n  expected: …"
    with ConsoleProgress(console) as told:
        for model in ("notes.py:Notes", "notes.py:Others"):
            told.begin_model(model, 4)
            for detail in (
                fault,
                f"contains alice: send(), where {fault}",
                f"contains bob: send(), where {fault}",
                "other",
            ):
                told.end_scenario(
                    model,
                    SimpleNamespace(
                        verdict=Verdict.INCONCLUSIVE,
                        violations=(),
                        stop_reason=StopReason.OUTSIDE_CONTROL,
                        detail=detail,
                        schedules=0,
                    ),
                )
    assert isinstance(console.file, io.StringIO)
    of_notes, of_others = console.file.getvalue().split("Notes  and 2 more scenarios")
    assert of_notes.split() == ["a", "handler", "called", "SendMessage", "notes.py:Notes", "other", "notes.py:Notes"]
    assert of_others.count("SendMessage") == 1
    assert "Others  and 2 more scenarios" in of_others


def test_scenarios_that_were_not_begun_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "scenario_document", lambda result: result)
    monkeypatch.setattr(progress, "scenario_line", lambda model, result: Text(f"{result.schedules} schedules"))
    console = Console(file=io.StringIO(), width=200)
    with ConsoleProgress(console) as told:
        told.begin_model("notes.py:Notes", 3)
        for schedules in (7, 0, 0):
            told.end_scenario(
                "notes.py:Notes",
                SimpleNamespace(
                    verdict=Verdict.INCONCLUSIVE,
                    violations=(),
                    stop_reason=StopReason.MAX_SECONDS,
                    detail="",
                    schedules=schedules,
                ),
            )
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().split("\n")[:-1] == [
        "7 schedules",
        f"{'':12}  Notes  and 2 more scenarios that were not begun",
    ]


@pytest.mark.parametrize(("terminal", "lines"), [(False, 1), (True, 0)])
def test_lines_are_rare_where_nobody_watches_and_the_bar_tells_it_elsewhere(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, lines: int
):
    clock = iter([0.0, 4.0, 11.0, 12.0])
    monkeypatch.setattr(progress, "real_time", SimpleNamespace(seconds=lambda: next(clock)))
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    told = ConsoleProgress(console)
    for _ in range(3):
        told.status(STATUS)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("…  120 of 445") == lines
