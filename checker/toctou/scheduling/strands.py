"""Runs the threads of one request one at a time, and tells when none of them can go on by itself.

A *strand* is a thread of the request.  The main strand is the handler's own; the others are real threads, which run only while
they hold the baton: it goes to another strand wherever one blocks (:mod:`toctou.scheduling.blocking` replaces what threads block
in), is *held*, or ends.  So nothing runs in parallel, and nothing is timed:

- The running strand goes on until it waits, is held, or ends; then the first that has waited and is ready goes on.
- A strand is held at a call, until the schedule chooses it; and where code of the handler takes a lock while other strands live,
  because the order in which threads take it is the schedule's choice as well.  It can be chosen while the lock is free.
- The request is *quiescent* when all strands are held, blocked or ended: :meth:`Strands.run` returns.
- Time limits pass on the request's clock, the earliest first, and only when nobody is ready and nobody can be chosen.  A strand
  that sleeps may go on earlier, once after each choice: then a call after a sleep meets the calls of others, and a loop that
  sleeps until another strand has done something does not keep that one from it.
- A thread that waits for an event with a time limit, as timers and heartbeats do, may go on earlier if the schedule chooses that.
  Where it is between two turns of a loop (:mod:`toctou.scheduling.turns`) it beats: that is a choice even if it only sleeps, and
  others are to be faster than it, who have worked since it last did so; else it would beat a hundred times during one call.

The controller is on the same thread as the main strand; how that one is suspended and resumed is given.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from toctou.scheduling import blocking, clock_functions, set_order
from toctou.scheduling.awaited_calls import AwaitedCall
from toctou.scheduling.deadlock import Deadlock
from toctou.scheduling.strand import Ready, Strand, StrandState, always, current, enter, leave, never

_SLICE = 0.25
"""Seconds; how often the controller wakes up while a strand runs, for an exception that another thread has sent it."""

_MOST_LIMITS = 10_000
"""Time limits that pass one after the other, while no strand is chosen or ends: then none of them will change anything."""

_MOST_LIMITS_AFTER = 100
"""The same, after the answer: a thread that the handler has left behind may have some more to do, or beat forever."""


@contextmanager
def installed() -> Iterator[None]:
    """While inside, threads that a strand starts are strands, and block as strands do; not to be nested."""
    with clock_functions.replaced(), blocking.replaced(), set_order.numbered():
        yield


class Strands:
    """The strands of one request; ``now`` and ``advance`` are its clock, in seconds.

    Attributes:
        alive: strands that have not ended, in the order of their starts.
        answered: whether the main strand has ended.
    """

    def __init__(self, *, now: Callable[[], float], advance: Callable[[float], None]) -> None:
        self.alive: list[Strand] = []
        self.answered = False
        self._now = now
        self._advance = advance
        self._clock: clock_functions.Clock | None = None
        self._main: Strand | None = None
        self._continue_main: Callable[[], None]
        self._resume_main: Callable[[], None]
        self._suspend_main: Callable[[], None]
        self._waiting: list[Strand] = []  # first come
        self._held: list[Strand] = []
        self._chosen: Strand | None = None  # goes on next; it is in neither list
        self._chosen_call: AwaitedCall | None = None  # is performed next
        self._ended: Strand | None = None  # whose thread may not be over
        self._waits = 0
        self._limits = 0  # that have passed since a strand was chosen or ended
        self._baton = _locked()  # the controller's gate

    def begin(
        self, start_main: Callable[[], None], resume_main: Callable[[], None], suspend_main: Callable[[], None]
    ) -> None:
        """Make the main strand, which is not started yet; from the thread that will call :meth:`run`.

        ``start_main`` and ``resume_main`` return once the main strand has called ``suspend_main``, or has ended.
        """
        self._clock = clock_functions.of_this_thread()
        self._main = self._chosen = Strand((), self)
        self._continue_main, self._resume_main, self._suspend_main = start_main, resume_main, suspend_main
        self.alive = [self._main]
        self.answered = False

    def run(self) -> None:
        """Let the strands run until the request is quiescent.

        An exception of ``start_main`` or ``resume_main``, and one that a signal raises meanwhile, leaves the strands unusable.
        """
        call, self._chosen_call = self._chosen_call, None
        if call is not None:
            call.take()
        while (strand := self._next()) is not None:
            if strand is self._main:
                self._run_main(strand)
            else:
                strand.gate.release()
                while not blocking.acquire(self._baton, True, _SLICE):  # noqa: FBT003 - as C functions take them
                    pass
            if (ended := self._ended) is not None:
                self._ended = None
                if ended.over is not None:
                    ended.over()

    @property
    def held(self) -> Sequence[Strand]:
        """Strands that can be chosen: at a call, at a lock that is free, or between two beats; in the order of their paths."""
        held = [one for one in self._held if one.ready()]
        beating = (
            [one for one in self._waiting if one.turn_is_over or (one.beats and not one.has_slept)] if held else []
        )
        return sorted((*held, *beating), key=lambda strand: strand.path)

    def let(self, strand: Strand) -> None:
        """Choose one of these; it goes on in the next :meth:`run`."""
        self._limits = 0
        if strand in self._waiting:
            self._pass([strand])
            return
        self._held.remove(strand)
        if strand.call is None:
            self._waiting.append(strand)
        self._chosen_call, strand.ready = strand.call, always
        for one in self.alive:
            one.has_slept = False
            one.has_beaten = one.has_beaten and (strand.rested or one is strand)
        strand.rested = False

    def hold(self, what: object | None) -> None:
        """Hold the running strand at a call; returns when the schedule has chosen it."""
        strand = current()
        if strand is None or strand.scheduler is not self:
            raise RuntimeError("a thread that is no strand of this request cannot be held")
        strand.failed.clear()
        self._hold(strand, what, always, None)

    def hold_awaited(self, call: AwaitedCall) -> None:
        """Hold a call that a task of a strand's loop awaits; the strand goes on meanwhile."""
        self._held.append(Strand(call.unit, self, state=StrandState.HELD, what=call.held, call=call))

    def withdraw(self, call: AwaitedCall) -> None:
        """Such a call is not awaited any more: it has been performed, or its task was cancelled."""
        self._held = [one for one in self._held if one.call is not call]

    def deadlock(self) -> Deadlock | None:
        """Why the handler will never answer; ``None`` if it has, or a strand can go on.  Only while the request is quiescent.

        Strands that are blocked after the answer, such as the workers of a pool, are none of the handler's trouble.
        """
        if self.answered or self._main is None or self.held:
            return None
        return Deadlock.of(self.alive)

    def newly_limited(self) -> Sequence[Strand]:
        """Strands whose time limits do not pass because others can be chosen; each wait once.  Only while some can."""
        found = [one for one in (*self._waiting, *self._held) if one.is_limited and not one.told]
        for one in found:
            one.told = True
        return found

    def unfinished(self) -> Sequence[Strand]:
        """Strands that would go on, but that time limits have passed for too often.  Only once the request has ended."""
        return [one for one in self.alive if one.deadline is not None]

    @property
    def several(self) -> bool:
        """See :class:`toctou.scheduling.strand.Scheduler`."""
        return len(self.alive) > 1 or any(one.call is not None for one in self._held)

    def deadline(self, timeout: float | None) -> float | None:
        """See :class:`toctou.scheduling.strand.Scheduler`."""
        return None if timeout is None or timeout < 0 else self._now() + timeout

    def wait(self, strand: Strand, ready: Ready, deadline: float | None) -> bool:
        """See :class:`toctou.scheduling.strand.Scheduler`."""
        strand.state = StrandState.WAITING
        self._waiting.append(strand)
        return self._pass_on(strand, ready, deadline)

    def seek(self, strand: Strand, ready: Ready, deadline: float | None) -> bool:
        """See :class:`toctou.scheduling.strand.Scheduler`."""
        return self._hold(strand, None, ready, deadline)

    def sleep(self, strand: Strand, seconds: float) -> None:
        """See :class:`toctou.scheduling.strand.Scheduler`."""
        if not self.several and strand is self._main:
            self._advance(seconds)
            return
        strand.sleeps, strand.turn_is_over = True, bool(strand.path) and strand.ends_turn(sys._getframe(1))
        self.wait(strand, never, self._now() + seconds)
        strand.sleeps = False

    def child(self, parent: Strand, function: Callable[..., Any]) -> Strand:
        """See :class:`toctou.scheduling.strand.Scheduler`."""
        strand = Strand((*parent.path, parent.children), self, function, gate=_locked())
        parent.children += 1
        self.alive.append(strand)
        self._waiting.append(strand)
        self._number(strand)
        return strand

    def disown(self, strand: Strand) -> None:
        """See :class:`toctou.scheduling.strand.Scheduler`."""
        self.alive.remove(strand)
        self._waiting.remove(strand)

    def live(self, strand: Strand, body: Callable[[], Any]) -> None:
        """See :class:`toctou.scheduling.strand.Scheduler`."""
        blocking.acquire(strand.gate)
        strand.state = StrandState.RUNNING
        enter(strand)
        clock_functions.follow(self._clock)
        try:
            body()
        finally:
            clock_functions.follow(None)
            leave()
            self._end(strand)
            # Whoever waits for the end of this thread sees it only after this function: the controller waits for that.
            self._ended = strand
            self._baton.release()

    def _hold(self, strand: Strand, what: object | None, ready: Ready, deadline: float | None) -> bool:
        strand.state, strand.what = StrandState.HELD, what
        self._held.append(strand)
        return self._pass_on(strand, ready, deadline)

    def _pass_on(self, strand: Strand, ready: Ready, deadline: float | None) -> bool:
        """Pass the baton on; returns once this strand has it again, and whether that is because it is ready."""
        strand.ready, strand.deadline, strand.timed_out = ready, deadline, False
        strand.frame = sys._getframe(2)
        self._number(strand)
        if strand is self._main:
            self._suspend_main()
        else:
            following = self._first_ready()
            if following is not strand:
                self._give(following)
                blocking.acquire(strand.gate)
        strand.frame = strand.deadline = strand.what = strand.wants = None
        strand.beats = strand.turn_is_over = strand.told = False
        strand.state = StrandState.RUNNING
        return not strand.timed_out or ready()

    def _number(self, strand: Strand) -> None:
        self._waits += 1
        strand.order = self._waits

    def _give(self, strand: Strand | None) -> None:
        if strand is None or strand is self._main:
            self._chosen = strand
            self._baton.release()
        else:
            strand.gate.release()

    def _next(self) -> Strand | None:
        chosen, self._chosen = self._chosen, None
        return chosen or self._first_ready() or self._first_late()

    def _first_ready(self) -> Strand | None:
        for index, strand in enumerate(self._waiting):
            if strand.ready():
                del self._waiting[index]
                return strand
        return None

    def _first_late(self) -> Strand | None:
        """Let the earliest time limit pass, and those of others that are at the same moment."""
        if self.held:
            timed = [one for one in self._waiting if one.sleeps and not (one.turn_is_over or one.has_slept)]
        else:
            timed = [one for one in (*self._waiting, *self._held) if one.deadline is not None]
        if not timed or self._limits >= (_MOST_LIMITS_AFTER if self.answered else _MOST_LIMITS):
            return None
        timed.sort(key=lambda strand: (strand.deadline, strand.order))
        self._limits += 1
        self._pass([one for one in timed if one.deadline == timed[0].deadline])
        return self._first_ready()

    def _pass(self, timed: Sequence[Strand]) -> None:
        """Let a moment come that is the time limit of these strands."""
        if (left := (timed[0].deadline or 0.0) - self._now()) > 0:
            self._advance(left)
        for strand in timed:
            (self._held if strand in self._held else self._waiting).remove(strand)
            self._waiting.append(strand)
            strand.ready, strand.timed_out = always, True
            strand.has_slept = strand.rested = strand.sleeps or strand.beats
            strand.has_beaten = strand.has_beaten or strand.turn_is_over

    def _run_main(self, main: Strand) -> None:
        main.state = StrandState.RUNNING
        enter(main)
        proceed, self._continue_main = self._continue_main, self._resume_main
        try:
            proceed()
        finally:
            leave()
        if main.state is StrandState.RUNNING:  # it has returned, and was not suspended
            self._end(main)
            self.answered = True

    def _end(self, strand: Strand) -> None:
        strand.state = StrandState.ENDED
        self.alive.remove(strand)
        self._limits = 0


def _locked() -> Any:
    lock = _thread.allocate_lock()
    blocking.acquire(lock)
    return lock
