"""Test sessions at the same time have directories of their own for their reports; processes of one session share one."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fcntl", reason="fcntl is of POSIX: `docker run --rm -v .:/toctou -w /toctou python:3 .ci/run`")

PROCESS = """
import sys
from pathlib import Path
from toctou.reporting.sessions import directory_of_session
for _ in range(2):
    directory = directory_of_session(Path(sys.argv[1]), sys.argv[2])
print(directory, flush=True)
sys.stdin.read()
"""


@contextmanager
def running(folder: Path, session: str, directory: str = "reports"):
    """A process of a session, for as long as the block runs; gives the directory that it was told."""
    command = [sys.executable, "-c", PROCESS, directory, session]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()


def test_each_session_has_a_directory_of_its_own_until_it_ends(tmp_path):
    with running(tmp_path, "one") as first:
        assert first == "reports"
        with running(tmp_path, "two") as second, running(tmp_path, "three") as third:
            assert [second, third] == ["reports/2", "reports/3"]
            with running(tmp_path, "two") as again:  # another process of it
                assert again == "reports/2"
        with running(tmp_path, "four") as fourth, running(tmp_path, "one") as again:
            assert (fourth, again) == ("reports/2", "reports")
    with running(tmp_path, "five") as fifth:
        assert fifth == "reports"


def test_a_session_stays_while_any_of_its_processes_does(tmp_path):
    with ExitStack() as second:
        with running(tmp_path, "one"):
            assert second.enter_context(running(tmp_path, "one")) == "reports"
        with running(tmp_path, "two") as other:
            assert other == "reports/2"


def test_processes_that_begin_at_once_agree(tmp_path):
    sessions = ["one", "two", "three"] * 3
    commands = [[sys.executable, "-c", PROCESS, "reports", session] for session in sessions]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(one, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for one in commands
        ]
        told = [process.stdout.readline().strip() for process in processes]
    found = set(zip(sessions, told, strict=True))
    assert len(found) == 3
    assert {directory for _, directory in found} == {"reports", "reports/2", "reports/3"}
