"""A request as the scheduler sees it: code that runs from one scheduling point to the next."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from toctou.history.request import SourceLine
from toctou.scheduling.scratch_files import ScratchFiles
from toctou.scheduling.written import Output


class TaskState(Enum):
    """The state of a task."""

    NEW = auto()
    WAITING = auto()
    ENDED = auto()


@dataclass(slots=True, eq=False)
class Task:
    """One request under the scheduler."""

    index: int
    body: Callable[[], Any]
    state: TaskState = TaskState.NEW
    action: str = ""  # the operation that it waits to perform
    parameters: Mapping[str, Any] = field(default_factory=dict)  # of that operation; empty if there are several
    source: SourceLine | None = None  # the line that makes the call, if known
    threads: Sequence[Any] = ()  # what its threads wait to do, if it is several
    unhindered: bool = False  # whether it performs its next operation without waiting for its turn
    operations: int = 0  # that it has performed or is performing
    slept: float = 0.0  # seconds; they pass on its own clock only
    reads_clock: bool = False  # or a random number: then it is not interchangeable with other requests
    numbers: random.Random | None = None  # source of `os.urandom`, once needed
    random_state: Any = None  # of the global generator of `random`, while the task is not running
    streams: tuple[Any, Any] | None = None  # at `sys.stdout` and `sys.stderr`, if it has put others there
    scratch: ScratchFiles = field(default_factory=ScratchFiles)  # what it has made with `tempfile`
    output: Output | None = None  # what it has written, once it has written something
    loop: Any = None  # its event loop and current asyncio task, while another task is running
    coroutine: Any = field(default=None, repr=False)  # private to the runner
