"""No program of a service outlives the checker, whenever the checker is killed or interrupted."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toctou.errors import ModelError
from toctou.gate.guardian import Guardian
from toctou.gate.process import Process

CHECKER = """
import os, sys
from pathlib import Path
from toctou.gate.guardian import Guardian
from toctou.gate.process import Process

Process(["/bin/sh", "-c", sys.argv[1], "sh", sys.argv[2]], Path.cwd(), os.environ, Guardian())
raise KeyboardInterrupt
"""


def lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("end", ["kill -9 $PPID", "kill -2 $PPID", "true"])
def test_a_program_that_has_only_begun_is_ended_with_the_checker(end, tmp_path):
    """The program itself ends the checker, before the checker can have recorded its process."""
    note = tmp_path / "group"
    script = f'echo $$ > "$1.part"; mv "$1.part" "$1"; {end}; sleep 600; true'
    done = subprocess.run(
        [sys.executable, "-c", CHECKER, script, note], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    until = time.monotonic() + 10
    while not note.exists() and "KeyboardInterrupt" not in done.stderr and time.monotonic() < until:
        time.sleep(0.01)
    if not note.exists():  # ended before it could write the note
        return
    while lives(int(note.read_text())) and time.monotonic() < until:
        time.sleep(0.01)
    assert not lives(int(note.read_text()))


def test_a_program_still_starts_if_the_guardian_was_killed():
    guardian = Guardian()
    guardian._popen.kill()
    guardian._popen.wait()
    process = Process([sys.executable, "-c", "print('here'); input()"], Path.cwd(), os.environ, guardian)
    assert process.wait(30) == 1  # there is no input
    assert "here" in process.last_lines()
    process.end()
    guardian.close()


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program", "/no/such/program"])
def test_a_missing_program_is_named(program):
    guardian = Guardian()
    with pytest.raises(ModelError, match=f"there is no program {program}"):
        Process([program], Path.cwd(), os.environ, guardian)
    guardian.close()
