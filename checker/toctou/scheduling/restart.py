"""Why the search of a scenario begins again."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toctou.scheduling.strategies.strategy import Strategy


class Reason(Enum):
    """The assumption that turned out wrong."""

    STEP_TOUCHES_MORE = auto()
    """A step depends on more than was known, or the strategy cannot branch over its pick, or hold back what polls."""
    NUMBERS_SHARED = auto()
    """A request has drawn from the shared generator of random numbers, so that each gets its own."""
    NOT_INTERCHANGEABLE = auto()
    """A request has read its clock or a random number, so that equal requests may behave differently."""
    LATE_CALL = auto()
    """A concurrent call arrived after the settling time, which is longer from now on."""
    POLLS_AWAKE = auto()
    """A request has made too many calls, so that whoever polls without sleep is held back from now on."""
    MEMORY_SHARED = auto()
    """Handlers keep memory between requests, so that every step is run from now on."""
    SEPARATED = auto()
    """Requests share memory, so that each has a process of its own from now on."""
    PROCESSES_REMEMBER = auto()
    """A schedule did not repeat, so that no process serves a second request."""
    CONCURRENT_CALLS = auto()
    """A request makes several calls at once, or some after its answer, so that every step is run from now on."""
    SERVICE_REMEMBERS = auto()
    """A schedule did not repeat, so that replicas are started anew for each."""


class Restart(BaseException):
    """Begin the scenario again, with this strategy; ``None`` for a new one.

    Not an error, so that nothing that contains errors holds it back.
    """

    def __init__(self, reason: Reason, strategy: Strategy | None = None) -> None:
        super().__init__(reason.name)
        self.reason = reason
        self.strategy = strategy
