"""Requests whose steps are letters: ``r`` reads an item and ``w`` writes it, ``R`` and ``W`` another.

``c`` writes the first item if nobody has written it, and reads it otherwise; ``?`` is a read of it that may return one of two
results, whatever was written; ``!`` ends the request if one of its reads has returned the second.

A schedule is text too: the request of each step, with ``~`` where the second result was returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import permutations

from toctou.history.footprint import Footprint, dependent
from toctou.history.item import ItemId
from toctou.history.picks.staleness import STALENESS
from toctou.scheduling.restart import Restart
from toctou.scheduling.strategies.strategy import Step, Strategy

Event = tuple[int, int, bool]
"""A request, how many steps it had taken before, and whether the step returned the second result."""

Class = frozenset[tuple[Event, Event]]
"""Pairs of steps whose order matters, the earlier one first."""

_X, _Y = ({ItemId("Items", (("S", key),)): frozenset({"value"})} for key in "xy")
TOUCHED = {
    "r": Footprint(reads=_X),
    "?": Footprint(reads=_X),
    "w": Footprint(writes=_X),
    "c": Footprint(writes=_X),
    "R": Footprint(reads=_Y),
    "W": Footprint(writes=_Y),
}


class Run:
    """The requests in the middle of an execution."""

    def __init__(self, requests: Sequence[str]) -> None:
        self._requests = requests
        self.taken = ""
        self.events: list[Event] = []
        self.steps: list[Step] = []

    def enabled(self) -> list[int]:
        return [number for number in range(len(self._requests)) if self._at(number) < len(self._script(number))]

    def letter(self, request: int) -> str:
        """What the request's next step does."""
        letter = self._script(request)[self._at(request)]
        written = any(step.footprint.writes == _X for step in self.steps)
        return "r" if letter == "c" and written else letter

    def step(self, request: int, *, second: bool) -> Step:
        letter = self.letter(request)
        self.events.append((request, self._at(request), second))
        self.steps.append(Step(TOUCHED[letter], (letter, second), (letter, second)))
        self.taken += "ABCDEF"[request] + ("~" if second else "")
        return self.steps[-1]

    def _script(self, request: int) -> str:
        first, *then = self._requests[request].split("!")
        stops = any(second for one, _, second in self.events if one == request)
        return first if stops else first + "".join(then)

    def _at(self, request: int) -> int:
        return sum(one == request for one, _, _ in self.events)


def once(strategy: Strategy, requests: Sequence[str]) -> str | None:
    """The next execution, once the strategy has begun it; ``None`` if it gave it up."""
    run = Run(requests)
    while enabled := run.enabled():
        chosen = strategy.choose(enabled)
        if chosen is None:
            return None
        second = run.letter(chosen) == "?" and strategy.pick(STALENESS, 2) == 1
        strategy.performed(chosen, run.step(chosen, second=second))
    return run.taken


def following(strategy: Strategy, requests: Sequence[str]) -> Iterator[str | None]:
    """Every execution from here."""
    for _ in range(500):
        if not strategy.begin():
            return
        yield once(strategy, requests)
    raise AssertionError("more executions than any of these programs has schedules")


def explored(strategy: Strategy, requests: Sequence[str]) -> list[str | None]:
    """Every execution from here, without those that the strategy wants forgotten."""
    try:
        return [*following(strategy, requests)]
    except Restart as over:
        return explored(over.strategy, requests) if over.strategy else []


def every_schedule(requests: Sequence[str], begun: str = "") -> Iterator[str]:
    """Brute force."""
    run = _repeated(requests, begun)
    for request in run.enabled():
        for result in ("", "~") if run.letter(request) == "?" else ("",):
            yield from every_schedule(requests, begun + "ABCDEF"[request] + result)
    if not run.enabled():
        yield begun


def class_of(requests: Sequence[str], schedule: str) -> Class:
    run = _repeated(requests, schedule)
    taken = [*zip(run.events, run.steps, strict=True)]
    return frozenset(
        (one, other)
        for at, (other, after) in enumerate(taken)
        for one, before in taken[: at + 1]
        if one[0] == other[0] or dependent(before.footprint, after.footprint)
    )


def mirror_images(requests: Sequence[str], of: Class) -> frozenset[Class]:
    """The class, and what becomes of it when requests with the same steps change places."""
    return frozenset(
        frozenset(((renamed[a], *m), (renamed[b], *n)) for (a, *m), (b, *n) in of)
        for renamed in permutations(range(len(requests)))
        if all(requests[one] == requests[other] for one, other in enumerate(renamed))
    )


def _repeated(requests: Sequence[str], schedule: str) -> Run:
    run = Run(requests)
    for letter, result in re.findall("([A-F])(~?)", schedule):
        run.step("ABCDEF".index(letter), second=bool(result))
    return run
