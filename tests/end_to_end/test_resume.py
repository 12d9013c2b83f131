"""A run that was killed goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interrupted_runs import timeless, wait_for_lines
from written_models import Ended

Command = Callable[..., Ended]
Run = Callable[..., Any]

LARGE = Path(__file__).parents[1] / "unit" / "distribution" / "models_to_distribute.py"


@pytest.fixture
def model(folder: Path) -> Path:
    return Path(shutil.copy(LARGE, folder / "large.py"))


def arguments(model: Path, *options: str) -> list[str]:
    target = f"{model.name}:SlowlyJudged"
    fixed = ["--requests", "3", "--strategy", "exhaustive", "--no-symmetry", "--format", "json", "--report", "reports"]
    return ["check", target, *fixed, *options]


@pytest.fixture
def run(model: Path, command: Command) -> Run:
    """The whole run in this process, which is another one than that which was stopped."""

    def run(*options: str) -> dict[str, Any]:
        done = command(*arguments(model, *options))
        assert done.status == 1, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    return run


KNOWN: dict[str, Any] = {}


@pytest.fixture
def undisturbed(run: Run) -> Run:
    """What comes out in one go, by strategy."""

    def undisturbed(strategy: str) -> Any:
        if strategy not in KNOWN:
            KNOWN[strategy] = timeless(run("--strategy", strategy))
        return KNOWN[strategy]

    return undisturbed


def stop_half_way(model: Path, journal: Path, how: signal.Signals, *options: str) -> subprocess.Popen[str]:
    """Begin the run, wait until parts of its one large scenario are kept, and stop it."""
    begun = subprocess.Popen(
        [sys.executable, "-m", "toctou.cli", *arguments(model, "--resume", str(journal), *options)],
        cwd=model.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for_lines(journal, 4, begun)  # a head, two small scenarios, a part
    os.kill(begun.pid, how)
    return begun


@pytest.mark.parametrize(("strategy", "jobs"), [("exhaustive", "1"), ("exhaustive", "2"), ("dpor", "2")])
def test_after_kill_9_it_goes_on(model: Path, run: Run, undisturbed: Run, strategy: str, jobs: str):
    journal = model.parent / "journal"
    how = ["--strategy", strategy, "--jobs", jobs]
    killed = stop_half_way(model, journal, signal.SIGKILL, *how)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    kept = journal.read_bytes()
    whole = kept[: kept.rindex(b"\n") + 1]
    journal.write_bytes(kept + b'{"scenario": 2, "por')  # as a crash in the middle of a line leaves it
    resumed = run("--resume", str(journal), *how)
    stored = resumed.pop("stored")
    assert stored["file"] == str(journal)
    assert 0 < stored["schedules"] < 588
    assert timeless({**resumed, "stored": None}) == undisturbed(strategy)
    assert resumed["models"][0]["scenarios"][-1]["schedules"] == 588
    assert resumed["models"][0]["scenarios"][-1]["redundant"] == 0 or strategy == "exhaustive"
    assert journal.read_bytes().startswith(whole), "what was kept was explored again"


def test_after_an_interrupt_the_report_is_inconclusive_and_it_goes_on(model: Path, folder: Path, run: Run):
    journal = folder / "journal"
    interrupted = stop_half_way(model, journal, signal.SIGINT)
    report, _ = interrupted.communicate(timeout=100)
    large = json.loads(report)["models"][0]["scenarios"][-1]
    assert large["stop_reason"] == "interrupted"
    assert 0 < large["schedules"] < 588
    resumed = run("--resume", str(journal))
    assert resumed["models"][0]["scenarios"][-1]["schedules"] == 588
    assert resumed["models"][0]["scenarios"][-1]["stop_reason"] is None


def test_a_file_that_is_no_journal_is_refused(model: Path, folder: Path, command: Command):
    (folder / "journal").write_text("not a journal\n")
    done = command(*arguments(model, "--resume", str(folder / "journal")))
    assert done.status == 2
    assert "no journal" in done.err
