"""How to check: everything that the outcome depends on, besides the models."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from toctou import real_time
from toctou.declaration.isolation import check_isolation
from toctou.errors import BadInput
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies import selected
from toctou.search.budget import Budget, Meter

SAMPLES = 200
"""Schedules per scenario for a strategy that never ends by itself, if the user gave no number."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to check.

    Attributes:
        requests: how many requests run concurrently at most; at least 1.
        strategy: see :func:`toctou.scheduling.strategies.selected`.
        backend: ``embedded``, ``moto`` or ``endpoint=URL``.
        reads: how many versions a read without ``ConsistentRead`` may return, the newest included; 1 for strong reads.
        symmetry: leave out schedules in which interchangeable requests have only changed places.
        every_step: run every step of a schedule, memoised or not.
        confirm: replay each violation on a second backend.
        budget: schedules per scenario, seconds for the whole run.
        isolation: where concurrent requests run: in ``processes`` of their own, or in the ``memory`` of this one; ``auto`` to
            begin in memory, and to separate them once they are seen to share it.  A model may say so, too.
        seed: for the random strategy.
        limits: what one request may use.
        fixes: try fixes for what is found.
    """

    requests: int = 2
    strategy: str = "dpor"
    backend: str = "embedded"
    reads: int = 1
    symmetry: bool = True
    every_step: bool = False
    confirm: bool = True
    budget: Budget = field(default_factory=Budget)
    isolation: str = "auto"
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    fixes: bool = True

    def __post_init__(self) -> None:
        if self.requests < 1:
            raise BadInput(f"{self.requests} concurrent requests", expected="at least 1")
        selected(self.strategy)
        check_isolation(self.isolation)
        if self.reads < 1:
            raise BadInput(
                f"eventually consistent reads that may return {self.reads} versions", expected="at least 1, the newest"
            )

    @property
    def symmetric(self) -> bool:
        """Whether interchangeable requests are explored up to symmetry; eventually consistent reads break it."""
        return self.symmetry and self.reads == 1 and selected(self.strategy).kind.symmetric

    @property
    def schedule_budget(self) -> Budget:
        """The budget, with :data:`SAMPLES` schedules where neither strategy nor user limits them."""
        if selected(self.strategy).kind.ends or self.budget.max_schedules is not None:
            return self.budget
        return replace(self.budget, max_schedules=SAMPLES)

    def started(self) -> Meter:
        """A meter whose time runs from now."""
        return Meter(self.schedule_budget, real_time.seconds())

    @property
    def second_backend(self) -> str:
        """Where violations are confirmed."""
        return "moto" if self.backend == "embedded" else "embedded"
