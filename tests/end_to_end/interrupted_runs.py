"""When a run of the command is to be stopped, and what is compared of runs that were stopped and went on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS = 200
"""Until when what is waited for has to have come; a run takes a few seconds to begin, and more on a busy machine."""


def wait_until(met: Callable[[], bool], run: subprocess.Popen[str]) -> None:
    """Wait for what has to come while a run goes on."""
    until = time.monotonic() + SECONDS
    while not met():
        assert run.poll() is None, f"it ended too soon: {run.communicate()}"
        assert time.monotonic() < until
        time.sleep(0.01)


def wait_for_lines(journal: Path, count: int, run: subprocess.Popen[str]) -> None:
    """Wait until a run has kept that much."""
    wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= count, run)


def timeless(found: Any) -> Any:
    """A document without the times that it tells, which no two runs have in common."""
    if isinstance(found, dict):
        return {name: timeless(value) for name, value in found.items() if name != "seconds"}
    return [timeless(value) for value in found] if isinstance(found, list) else found
