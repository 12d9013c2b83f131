"""A process of the service: started in its own group, its output kept within bounds, ended with all its children."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from toctou import real_time
from toctou.errors import ModelError
from toctou.gate.guardian import Guardian

_LINES = 200  # both bound the memory for a service that prints without end
_LINE = 2_000
_GRACE = 1.0
_LOOK = 0.01


class Process:
    """A running program; ``output_closed`` once it and its children have closed their output.

    Raises:
        ModelError: it cannot be started.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], guardian: Guardian
    ) -> None:
        program = folder / command[0] if os.sep in command[0] else command[0]
        if shutil.which(program, path=environment.get("PATH")) is None:
            raise ModelError(
                f"the service cannot be started: {' '.join(command)}: there is no program {command[0]}",
                expected="an executable program",
                cause="it has not been built, or the command names the wrong file",
                remedy="correct the service's `command`, or add the command that builds it to `build`",
            )
        read, write = os.pipe()
        try:
            self._guardian = guardian
            self._popen = guardian.start(command, cwd=folder, env=dict(environment), stdout=write, stderr=write)
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)  # ours; only then does the pipe end together with the program
        os.set_blocking(read, False)  # the event loop reads it, and must not wait for output
        self.descriptor = read
        self._output: deque[str] = deque(maxlen=_LINES)
        self._rest = b""
        self.output_closed = False
        self._lock = threading.Lock()  # the loop's thread and the runner's both read the output

    @property
    def number(self) -> int:
        """The process id."""
        return self._popen.pid

    def status(self) -> int | None:
        """The exit status; ``None`` while it runs, negative for a signal."""
        return self._popen.poll()

    def read_output(self) -> None:
        """Store what it has printed since the last call."""
        with self._lock, contextlib.suppress(OSError):
            while self.descriptor >= 0 and not self.output_closed:
                data = os.read(self.descriptor, 65_536)
                self.output_closed = not data
                *lines, rest = (self._rest + data).split(b"\n")
                self._rest = rest[-_LINE:]
                self._output.extend(line[-_LINE:].decode(errors="replace") for line in lines)

    def last_lines(self, count: int = 15) -> str:
        """The last lines of its output, indented, or a statement that there are none."""
        self.read_output()
        lines = [*self._output, *([self._rest.decode(errors="replace")] if self._rest else [])][-count:]
        return "\n  ".join(["its output ends with:", *lines]) if lines else "it has printed nothing"

    def wait(self, seconds: float) -> int | None:
        """The exit status; ``None`` if it has not ended after ``seconds``."""
        until = real_time.seconds() + seconds
        while (status := self.status()) is None and real_time.seconds() < until:
            real_time.sleep(_LOOK)
        return status

    def end(self) -> None:
        """End it and all processes it has started, and wait for it."""
        self._signal(signal.SIGTERM)
        if self.wait(_GRACE) is None or self._group_lives():  # a child may outlive it, or ignore SIGTERM
            self._signal(signal.SIGKILL)
            self._popen.wait()
        self._guardian.forget(self.number)
        self.read_output()
        with self._lock:
            os.close(self.descriptor)
            self.descriptor = -1

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, number)

    def _group_lives(self) -> bool:
        try:
            os.killpg(self._popen.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True
