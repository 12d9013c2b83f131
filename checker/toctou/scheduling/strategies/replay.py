"""One given schedule, followed exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from toctou.errors import ScheduleDiverged
from toctou.history.picks.pick_kind import PickKind
from toctou.history.request import label
from toctou.history.schedule import Schedule
from toctou.scheduling.strategies.strategy import Step, Strategy


class Replay(Strategy):
    """Runs one schedule once; reports where it diverged if the code no longer fits it."""

    name: ClassVar[str] = "replay"
    fair: ClassVar[bool] = False

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule
        self._begun = False
        self._taken: list[str] = []

    def begin(self) -> bool:
        """True once."""
        begun, self._begun = self._begun, True
        self._at = 0
        return not begun

    def choose(self, enabled: Sequence[int]) -> int | None:
        """The schedule's next choice."""
        choices = self._schedule.choices
        waiting = ", ".join(map(label, enabled))
        if self._at >= len(choices):
            raise self._diverged(f"the schedule ends there, but {waiting} would perform another operation")
        request = choices[self._at].request
        if request not in enabled:
            raise self._diverged(f"the schedule continues with {label(request)}, which has already answered")
        self._at += 1
        return request

    def pick(self, kind: PickKind, count: int) -> int:
        """The schedule's pick."""
        picked = self._schedule.choices[self._at - 1].pick(kind)
        if picked >= count:
            raise self._diverged(f"the schedule continues with number {picked} of {count} {kind.alternatives}")
        return picked

    def performed(self, request: int, step: Step) -> None:
        """Remember the step, to report where a divergence is."""
        self._taken.append(f"{label(request)} {step.observed}")

    def finish(self) -> None:
        """Every request has answered; raises ``ScheduleDiverged`` if choices are left."""
        if self._at < len(self._schedule.choices):
            rest = ".".join(map(str, self._schedule.choices[self._at :]))
            raise self._diverged(f"every request has answered, but the schedule continues with {rest}")

    def _diverged(self, what: str) -> ScheduleDiverged:
        done = "\n".join(self._taken) or "nothing yet"
        return ScheduleDiverged(
            f"the schedule {self._schedule} no longer fits: after {len(self._taken)} steps {what}\nsteps taken:\n{done}",
            expected=f"code that performs the operations that {self._schedule} was recorded on",
            cause="the handler or the model has changed since the report was written",
            remedy="run `toctou check` again; if it verifies, the race is gone",
        )
