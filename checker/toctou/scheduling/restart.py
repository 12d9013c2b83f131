"""Why the search of a scenario begins again, and what was run so far is forgotten."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toctou.scheduling.strategies.strategy import Strategy


class Reason(Enum):
    """What has turned out that was assumed otherwise."""

    STEP_TOUCHES_MORE = auto()
    """A step depends on more than was known, or asks for a pick that the strategy cannot branch over."""
    NUMBERS_SHARED = auto()
    """A request has drawn from the generator of random numbers that others draw from, so that each gets its own."""
    NOT_INTERCHANGEABLE = auto()
    """A request has read its clock or a random number, so that equal requests may behave differently."""
    LATE_CALL = auto()
    """A concurrent call came later than it was waited for, and is waited for longer from now on."""
    MEMORY_SHARED = auto()
    """Handlers remember something between requests, so that every step is run from now on."""
    SERVICE_REMEMBERS = auto()
    """A schedule did not repeat, so that each is served by replicas that have just been started."""


class Restart(Exception):
    """Begin the scenario again.

    Attributes:
        reason: why.
        strategy: with which strategy; ``None`` for a new one.
    """

    def __init__(self, reason: Reason, strategy: Strategy | None = None) -> None:
        super().__init__(reason.name)
        self.reason = reason
        self.strategy = strategy
