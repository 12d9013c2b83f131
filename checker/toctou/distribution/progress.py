"""What is reported while a run is under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from toctou.search.result import ModelResult, ScenarioResult


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a run between two results.

    Attributes:
        scenarios: how many of ``total`` have been explored.
        schedules: executions that ran to their end, in all scenarios.
        rate: schedules per second since the run began.
        model, scenario: the first one that has yet to be explored.
        begun: executions of that scenario.
        explored: an estimate of how much of that scenario is done, 0 to 1.
        seconds_left: an estimate for the run; ``None`` before a scenario of each remaining size was explored.
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
    """Receives the progress of a run."""

    def begin_model(self, model: str, total: int) -> None:
        """A model with this many scenarios is about to be explored."""

    def status(self, status: Status) -> None:
        """Nothing has ended, but a part of something has been explored."""

    def end_scenario(self, model: str, result: ScenarioResult) -> None:
        """One scenario has been explored."""

    def fixing(self, at: int, total: int) -> None:
        """A fix is about to be tried for that finding of the model, from 1."""

    def end_model(self, result: ModelResult) -> None:
        """A model has been explored and its violations were replayed on the second backend."""


class Silent:
    """Ignores the progress."""

    def _ignore(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    begin_model = status = end_scenario = fixing = end_model = _ignore
