"""How much an exploration may use, and what it has used."""

from __future__ import annotations

from dataclasses import dataclass

from toctou import real_time
from toctou.verdict import StopReason


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run.

    Attributes:
        max_schedules: executions per scenario; ``None`` for no limit.
        max_seconds: wall time of the whole run; ``None`` for no limit.
    """

    max_schedules: int | None = None
    max_seconds: float | None = None


@dataclass(slots=True)
class Meter:
    """A budget in use; ``begun`` by ``real_time.seconds``."""

    budget: Budget
    begun: float

    def spent(self, schedules: int) -> StopReason | None:
        """Which limit forbids another schedule of a scenario that has had ``schedules``; ``None`` if none does."""
        limit = self.budget.max_schedules
        if limit is not None and schedules >= limit:
            return StopReason.MAX_SCHEDULES
        if self.budget.max_seconds is not None and self.seconds >= self.budget.max_seconds:
            return StopReason.MAX_SECONDS
        return None

    @property
    def seconds(self) -> float:
        """Wall time since the run began."""
        return real_time.seconds() - self.begun


def spent(reason: StopReason, schedules: int) -> str:
    """What the user reads when the budget has ended."""
    option = "--max-schedules" if reason is StopReason.MAX_SCHEDULES else "--max-seconds"
    count = f"{schedules} schedule{'' if schedules == 1 else 's'}"
    return f"the budget ended after {count}; raise {option} to explore the rest"
