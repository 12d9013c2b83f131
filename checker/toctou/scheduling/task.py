"""A request as the scheduler sees it: code that runs from one scheduling point to the next."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any


class TaskState(Enum):
    """Where a task stands."""

    NEW = auto()
    WAITING = auto()
    ENDED = auto()


@dataclass(slots=True, eq=False)
class Task:
    """One request under the scheduler.

    Attributes:
        index: of the request in its scenario.
        body: runs the handler; its result is the task's.
        state: new, waiting at a scheduling point, or ended.
        action: what it waits to do, for messages.
        unhindered: whether it goes on to perform its next operation without waiting for its turn.
        operations: operations it has been let through to.
        slept: seconds that it asked to sleep; they pass on its own clock only.
        reads_clock: whether it has read its clock or drawn a number, which tells it from its like.
        numbers: source of its identifiers (``os.urandom``); made when first asked for.
        random_state: state of the global generator of ``random`` while this task is not running.
        loop: its event loop and what runs there, while another task is running; ``None`` if it has none.
        coroutine: what the runner switches to; opaque to everybody else.
    """

    index: int
    body: Callable[[], Any]
    state: TaskState = TaskState.NEW
    action: str = ""
    unhindered: bool = False
    operations: int = 0
    slept: float = 0.0
    reads_clock: bool = False
    numbers: random.Random | None = None
    random_state: Any = None
    loop: Any = None
    coroutine: Any = field(default=None, repr=False)
