"""Simpler schedules than one that shows a violation, in the order of their context switches.

This is the order of Musuvathi and Qadeer, *Iterative Context Bounding for Systematic Testing of Multithreaded Programs*,
PLDI 2007.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from toctou.history.picks.pick_kind import PickKind
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling.strategies.strategy import Strategy


def fewer_switches(schedule: Schedule) -> Iterator[Schedule]:
    """Schedules of the same numbers of steps with fewer context switches, the fewest first; deterministic."""
    requests = sorted({choice.request for choice in schedule.choices})
    steps = {request: sum(choice.request == request for choice in schedule.choices) for request in requests}
    for switches in range(len(requests) - 1, schedule.context_switches):
        for choices in _with_switches(steps, switches, None):
            yield Schedule(tuple(map(Choice, choices)))


def _with_switches(left: dict[int, int], switches: int, previous: int | None) -> Iterator[tuple[int, ...]]:
    """Every order of the steps that are left, beginning with another request than the previous one."""
    waiting = [request for request, count in left.items() if count]
    if not waiting:
        if switches == -1:  # the first request to run counts as a switch here
            yield ()
        return
    if switches + 1 < len(waiting):
        return
    for request in waiting:
        if request != previous:
            for length in range(left[request], 0, -1):
                rest = {**left, request: left[request] - length}
                for following in _with_switches(rest, switches - 1, request):
                    yield (request,) * length + following


class Following(Strategy):
    """Runs one schedule as far as it fits; skips choices that are not enabled, and runs the rest in order."""

    # In another order, requests may perform more or fewer operations than the schedule has choices for.
    name: ClassVar[str] = "following"

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._waiting = list(reversed(schedule.choices))
        self._choice = Choice(0)
        self._begun = False

    def begin(self) -> bool:
        """True once."""
        begun, self._begun = self._begun, True
        return not begun

    def choose(self, enabled: Sequence[int]) -> int | None:
        """The next enabled choice."""
        last = self._choice.request
        while self._waiting:
            self._choice = self._waiting.pop()
            if self._choice.request in enabled:
                return self._choice.request
        self._choice = Choice(last if last in enabled else enabled[0])
        return self._choice.request

    def pick(self, kind: PickKind, count: int) -> int:
        """The schedule's pick, or the last there is."""
        return min(self._choice.pick(kind), count - 1)
