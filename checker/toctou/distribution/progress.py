"""Who wants to know how a run comes along, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from toctou.search.result import ModelResult, ScenarioResult


@dataclass(frozen=True, slots=True)
class Status:
    """Where a run stands between two results.

    Attributes:
        scenarios: how many have been explored.
        total: of how many.
        schedules: executions that ran to their end, in all scenarios.
        rate: of them per second since the run began.
        model: the model of the first scenario that has yet to be explored.
        scenario: that scenario.
        begun: executions of that scenario.
        explored: an estimate of how much of that scenario is done, 0 to 1; see
            :meth:`toctou.scheduling.strategies.strategy.Divisible.explored`.
        seconds_left: an estimate for the run; ``None`` where nothing is known of scenarios of the size that is left.
    """

    scenarios: int
    total: int
    schedules: int
    rate: float
    model: str
    scenario: str
    begun: int
    explored: float
    seconds_left: float | None


class Progress(Protocol):
    """Is told how a run comes along."""

    def begin_model(self, model: str, total: int) -> None:
        """A model with this many scenarios is about to be explored."""

    def status(self, status: Status) -> None:
        """Nothing has ended, but a part of something has been explored."""

    def end_scenario(self, model: str, result: ScenarioResult) -> None:
        """One scenario has been explored."""

    def end_model(self, result: ModelResult) -> None:
        """A model has been explored and its violations were replayed on the second backend."""


class Silent:
    """Tells nobody."""

    def begin_model(self, model: str, total: int) -> None:
        """See :class:`Progress`."""

    def status(self, status: Status) -> None:
        """See :class:`Progress`."""

    def end_scenario(self, model: str, result: ScenarioResult) -> None:
        """See :class:`Progress`."""

    def end_model(self, result: ModelResult) -> None:
        """See :class:`Progress`."""
