"""Ends the processes of a service when the checker is gone, in whatever way: also when it was killed and could end nothing.

A small process of its own waits at the end of a pipe that only the checker holds.  It is told which process groups there are, and
when the pipe closes it kills those that are left.  A group is told before its program begins, so that there is no moment
in which the checker could be interrupted or killed, and a program be left that nobody knows of.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

_PROGRAM = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""

_ANNOUNCED = '(echo "+$$" >&0); exec "$@" </dev/null'
"""The subshell alone is ended by a pipe at whose end nobody is; ``$$`` is the number of the shell that becomes the program."""


class Guardian:
    """Watches over process groups until it is closed, or its parent has ended."""

    def __init__(self) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - the program above
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program without input, in a group of its own that ends with the checker; ``options`` are those of ``Popen``."""
        return subprocess.Popen(  # noqa: S603 - the model's author says what is run
            ["/bin/sh", "-c", _ANNOUNCED, "sh", *command], stdin=self._popen.stdin, start_new_session=True, **options
        )

    def leave(self, group: int) -> None:
        """This group has been ended; its number may be given to another."""
        assert self._popen.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(OSError):  # a guardian that somebody has ended guards nothing, and does no harm
            self._popen.stdin.write(f"-{group}\n".encode())
            self._popen.stdin.flush()

    def close(self) -> None:
        """End what is left, and the guardian."""
        assert self._popen.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(OSError):
            self._popen.stdin.close()
        self._popen.wait()
