"""Runs a function whose threads are strands, with the choices that a test makes, and finds all orders of its calls."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import greenlet

from toctou.scheduling import clock_functions, event_loop
from toctou.scheduling.deadlock import Deadlock
from toctou.scheduling.strand import Strand
from toctou.scheduling.strands import Strands, installed

HANGS = 60
"""Seconds, in which a run that takes milliseconds has not ended."""


class Clock:
    """A clock that a test may look at."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def elapsed(self, *, noticed: bool = True) -> float:
        return self.seconds

    def worked(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> bool:
        self.seconds += seconds
        return True


@dataclass
class Execution:
    """What a run has done.

    Attributes:
        calls: in the order in which they were chosen.
        steps: path and call of each choice, ``None`` for a lock.
        options: how many strands could be chosen each time.
        response: what the function has returned.
        left: strands that are alive at the end.
        answered: how many choices had been made when the main strand ended; ``None`` if it has not.
    """

    calls: list[Any] = field(default_factory=list)
    steps: list[tuple[tuple[int, ...], Any]] = field(default_factory=list)
    options: list[int] = field(default_factory=list)
    response: Any = None
    error: BaseException | None = None
    left: list[Strand] = field(default_factory=list)
    answered: int | None = None
    deadlock: Deadlock | None = None
    passed: float = 0.0


Call = Callable[[Any], None]
Body = Callable[[Call], Any]
Choose = Callable[[Sequence[Strand]], int]


def first(held: Sequence[Strand]) -> int:
    return 0


def last(held: Sequence[Strand]) -> int:
    return len(held) - 1


def together(threads: Sequence[threading.Thread]) -> None:
    """What a body does with its threads if it does nothing meanwhile."""
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def execute(body: Body, choose: Choose = first) -> Execution:
    """Run a function of ``call`` to its end, and to that of its threads, as far as they have one."""
    run, clock = Execution(), Clock()
    strands = Strands(now=clock.elapsed, advance=clock.sleep)

    def handler() -> None:
        try:
            run.response = body(strands.hold)
        except BaseException as raised:
            run.error = raised

    controller = greenlet.getcurrent()
    main = greenlet.greenlet(handler, parent=controller)
    with (
        clock_functions.followed(clock),
        event_loop.made_by(lambda: event_loop.RequestLoop(_fail)),
        installed(),
        _guarded(),
    ):
        strands.begin(main.switch, main.switch, controller.switch)
        strands.run()
        while held := [one for one in strands.held if not (one.turn_is_over and one.has_beaten)]:
            if strands.answered and run.answered is None:
                run.answered = len(run.steps)
            strand = held[choose(held)]
            run.options.append(len(held))
            run.steps.append((strand.path, strand.what))
            if strand.what is not None:
                run.calls.append(strand.what)
            strands.let(strand)
            strands.run()
        run.deadlock = strands.deadlock()
    if strands.answered and run.answered is None:
        run.answered = len(run.steps)
    run.left, run.passed = list(strands.alive), clock.seconds - 1000.0
    return run


def executions(body: Body) -> Iterator[Execution]:
    """A run for every sequence of choices, depth first."""
    prefix: list[int] = []
    while True:
        choices = iter(prefix)
        run = execute(body, lambda _held, choices=choices: next(choices, 0))
        yield run
        taken = prefix + [0] * (len(run.options) - len(prefix))
        while taken and taken[-1] + 1 == run.options[len(taken) - 1]:
            taken.pop()
        if not taken:
            return
        taken[-1] += 1
        prefix = taken


def orders(body: Body) -> set[tuple[Any, ...]]:
    """All orders of the calls; every run must answer, without an error, and leave no thread."""
    found = set()
    for run in executions(body):
        assert run.error is None
        assert run.answered is not None
        assert run.left == []
        found.add(tuple(run.calls))
    return found


def interleavings(*sequences: Iterable[Any]) -> set[tuple[Any, ...]]:
    """All orders that keep the order of each sequence."""
    lists = [list(one) for one in sequences]
    slots = [index for index, one in enumerate(lists) for _ in one]
    found = set()
    for owners in set(itertools.permutations(slots)):
        rest = [iter(one) for one in lists]
        found.add(tuple(next(rest[owner]) for owner in owners))
    return found


def _fail(fault: Exception) -> Any:
    raise fault


@contextmanager
def _guarded() -> Iterator[None]:
    """A run that hangs fails."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hangs(_signal: int, _frame: Any) -> None:
        raise TimeoutError("the run hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
