"""A run that was killed goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

LARGE = Path(__file__).parents[1] / "unit" / "distribution" / "models_to_distribute.py"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copy(LARGE, tmp_path / "large.py"))


def command(model: Path, *options: str) -> list[str]:
    target = f"{model.name}:SlowlyJudged"
    fixed = ["--requests", "3", "--strategy", "exhaustive", "--no-symmetry", "--format", "json", "--report", "reports"]
    return [sys.executable, "-m", "toctou.cli", "check", target, *fixed, *options]


def run(model: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        command(model, *options), cwd=model.parent, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(model: Path, *options: str) -> str:
    done = subprocess.run(
        command(model, *options), cwd=model.parent, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What comes out in one go."""
    return timeless(run(Path(shutil.copy(LARGE, tmp_path_factory.mktemp("whole") / "large.py"))))


def timeless(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: timeless(value) for name, value in found.items() if name != "seconds"}
    return [timeless(value) for value in found] if isinstance(found, list) else found


def stop_half_way(model: Path, journal: Path, how: signal.Signals, *options: str) -> subprocess.Popen[str]:
    """Begin the run, wait until parts of its one large scenario are kept, and stop it."""
    begun = subprocess.Popen(
        command(model, "--resume", str(journal), *options),
        cwd=model.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 200
    while not journal.exists() or journal.read_bytes().count(b"\n") < 4:  # a head, two small scenarios, a part
        assert begun.poll() is None, "it ended too soon"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(begun.pid, how)
    return begun


@pytest.mark.parametrize(("strategy", "jobs"), [("exhaustive", "1"), ("exhaustive", "2"), ("dpor", "2")])
def test_after_kill_9_it_goes_on(model: Path, tmp_path: Path, undisturbed: Any, strategy: str, jobs: str):
    journal = tmp_path / "journal"
    how = ["--strategy", strategy, "--jobs", jobs]
    killed = stop_half_way(model, journal, signal.SIGKILL, *how)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    kept = journal.read_bytes()
    whole = kept[: kept.rindex(b"\n") + 1]
    journal.write_bytes(kept + b'{"scenario": 2, "por')  # as a crash in the middle of a line leaves it
    resumed = run(model, "--resume", str(journal), *how)
    assert timeless(resumed) == (
        undisturbed if strategy == "exhaustive" else timeless(run(model, "--strategy", strategy))
    )
    assert resumed["models"][0]["scenarios"][-1]["schedules"] == 588
    assert resumed["models"][0]["scenarios"][-1]["redundant"] == 0 or strategy == "exhaustive"
    assert journal.read_bytes().startswith(whole), "what was kept was explored again"


def test_after_an_interrupt_the_report_is_inconclusive_and_it_goes_on(model: Path, tmp_path: Path):
    journal = tmp_path / "journal"
    interrupted = stop_half_way(model, journal, signal.SIGINT)
    report, _ = interrupted.communicate(timeout=100)
    large = json.loads(report)["models"][0]["scenarios"][-1]
    assert large["stop_reason"] == "interrupted"
    assert 0 < large["schedules"] < 588
    resumed = run(model, "--resume", str(journal))
    assert resumed["models"][0]["scenarios"][-1]["schedules"] == 588
    assert resumed["models"][0]["scenarios"][-1]["stop_reason"] is None


def test_a_file_that_is_no_journal_is_refused(model: Path, tmp_path: Path):
    (tmp_path / "journal").write_text("not a journal\n")
    assert "no journal" in refused(model, "--resume", str(tmp_path / "journal"))
