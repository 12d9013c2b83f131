"""Which processes of a group run, by what `ps` says."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

SECONDS = 10.0
"""Until when a process has to have ended."""


def living(group: int, *, ended_too: bool = False) -> list[int]:
    """Processes of a group that run; and those that have ended, and that nobody has asked about, for ``ended_too``."""
    return [pid for pid, of, _ in _processes(ended_too=ended_too) if of == group]


def descendants(ancestor: int) -> set[int]:
    """Processes that a process has started, or that these have."""
    found = {ancestor}
    processes = _processes()
    while more := {pid for pid, _, parent in processes if parent in found} - found:
        found |= more
    return found - {ancestor}


def ended(pids: set[int]) -> bool:
    """Wait until none of these processes runs; ``False`` if one does all the time."""
    return soon(lambda: not pids & {pid for pid, _, _ in _processes()})


def nobody_left(group: int) -> bool:
    """Wait until no process of a group runs; ``False`` if one does all the time."""
    return soon(lambda: not living(group))


def soon(met: Callable[[], bool]) -> bool:
    """Wait until something is so; ``False`` if it is not in all that time."""
    until = time.monotonic() + SECONDS
    while not met():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _processes(*, ended_too: bool = False) -> list[tuple[int, int, int]]:
    columns = ["ps", "-A", "-o", "pid=,pgid=,ppid=,state="]
    listed = subprocess.run(columns, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [
        (int(pid), int(group), int(parent))
        for pid, group, parent, state in rows
        if ended_too or not state.startswith("Z")
    ]
