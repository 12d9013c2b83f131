"""Ends the processes of a service when the checker ends, even if it was killed and could not clean up.

A small process reads process groups from a pipe that only the checker holds, and kills those that are left when it closes.
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

# The shell announces its own group, then becomes the program: registering it from here, after `Popen`, would leave a gap in
# which a killed checker leaves an unknown process behind.  `$$` is the number of the outer shell, also in a subshell.
# The subshell takes the SIGPIPE if the guardian is gone, so that the program still starts.
_ANNOUNCED = '(echo "+$$" >&0); exec "$@" </dev/null'


class Guardian:
    """Watches over process groups until it is closed or its parent ends."""

    def __init__(self) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - the constant above
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C goes to the checker's group, and must not end the guardian first
        )

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program without input, in its own group that ends with the checker; ``options`` are those of ``Popen``."""
        return subprocess.Popen(  # noqa: S603 - the model's author says what is run
            ["/bin/sh", "-c", _ANNOUNCED, "sh", *command], stdin=self._popen.stdin, start_new_session=True, **options
        )

    def forget(self, group: int) -> None:
        """Stop watching a group that has ended: the system may reuse its number."""
        assert self._popen.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(OSError):  # the guardian itself may have been killed
            self._popen.stdin.write(f"-{group}\n".encode())
            self._popen.stdin.flush()

    def close(self) -> None:
        """End the remaining groups, and the guardian."""
        assert self._popen.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(OSError):
            self._popen.stdin.close()
        self._popen.wait()
