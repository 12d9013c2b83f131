"""Executes tasks one step at a time; the only place that knows how code under test is suspended.

Each task runs in a greenlet, so a handler is ordinary synchronous code that stops at each scheduling point, at any depth in a
library.  A step runs a task from one scheduling point to the next: the operation it waited to perform, and the handler's own
code after it.  The runner never hangs and never loses a fault: a task that performs too many operations, stays silent for too
long, or reaches outside is parked forever, and :meth:`Runner.step` raises the fault, whatever the handler catches.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import greenlet

from toctou import real_time
from toctou.errors import OperationLimit, OutsideControl, SilentHandler, ThreadStarted, ToctouError
from toctou.history.output import Written
from toctou.history.request import SourceLine, label
from toctou.scheduling import boundary, event_loop, output, own_names, thread_starts
from toctou.scheduling.awaited_calls import AwaitedCall
from toctou.scheduling.control import Control, Readings
from toctou.scheduling.origin import Site, described, library
from toctou.scheduling.scheduling_point import Turn
from toctou.scheduling.strand import StrandState, current, name_of
from toctou.scheduling.strands import Strands
from toctou.scheduling.task import Task, TaskState
from toctou.scheduling.units import Unit, unit
from toctou.scheduling.watchdog import Interrupted, watchdog
from toctou.scheduling.written import Output

# Coroutines that would not end.  Without a reference Python would end them by an exception, which they would swallow once
# more, now without a watchdog.
_PARKED: list[Any] = []


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may use.

    Attributes:
        operations: DynamoDB calls.
        seconds: of wall time between two scheduling points.
        output: characters that are kept of what it prints; 0 to keep none.
    """

    operations: int = 100
    seconds: float = 10.0
    output: int = 65_536


class Held(NamedTuple):
    """A call that a thread of a task waits to make; the fields are those of :meth:`Runner.reach`, and who makes it."""

    action: str
    parameters: Mapping[str, Any]
    source: SourceLine | None
    unit: Unit = ()


class Runner:
    """Runs tasks; use :meth:`installed` around any number of executions, :meth:`begin` and :meth:`end` around each.

    Attributes:
        strands: the threads of the only task, if it may have several.
        separated: whether tasks only wait for other processes, so that no thread is theirs.
    """

    def __init__(self, limits: Limits) -> None:
        self.tasks: list[Task] = []
        self.strands: Strands | None = None
        self.separated = False
        self._limits = limits
        self._control = Control()
        self._clock_was_read = False, False
        self._own_numbers: random.Random | None = None
        self._running: Task | None = None
        self._resumed = 0.0
        self._unhurried = False
        self._fault: ToctouError | None = None
        self._main: Any = None
        self._idle: list[Any] = []  # coroutines for reuse: making one takes longer than most steps
        self._thread = 0

    @contextmanager
    def installed(self) -> Iterator[Runner]:
        """Control clock, numbers, sockets, files and time limits while inside."""
        self._main = greenlet.getcurrent()
        self._thread = threading.get_ident()
        with (
            self._control.installed(),
            event_loop.made_by(self._loop),
            thread_starts.announced(self._starts),
            own_names.answered(),
            output.taken_by(self._take_output),
            watchdog(self._overdue),
        ):
            try:
                yield self
            finally:
                self.end()
                while self._idle:
                    self._idle.pop().throw(greenlet.GreenletExit)

    @contextmanager
    def set_up(self) -> Iterator[None]:
        """While inside, code outside of tasks reads the same date and draws the same numbers whenever it is run."""
        with self._control.outside_tasks(Task(0, _nothing)):
            yield

    def begin(self, bodies: Sequence[Callable[[], Any]]) -> None:
        """Give up the earlier execution, and make a task of each body, none of them started."""
        self.end()
        self.tasks = [Task(index, body) for index, body in enumerate(bodies)]
        self._fault = None

    def add(self, body: Callable[[], Any]) -> int:
        """Add a task to the current execution; returns its index."""
        self.tasks.append(Task(len(self.tasks), body))
        return len(self.tasks) - 1

    def enabled(self) -> list[int]:
        """Indexes of the tasks that have not ended."""
        return [task.index for task in self.tasks if task.state is not TaskState.ENDED]

    def start(self, index: int) -> None:
        """Run a new task to its first scheduling point, or to its end if it performs no operation."""
        task = self.tasks[index]
        task.coroutine = self._coroutine()
        self._resume(task, task)

    def step(self, index: int) -> None:
        """Let a task perform the operation it waits for, and run to its next scheduling point or its end.

        The start of a new task and its first operation are one step, because what a request reads before its first operation
        (its clock, its numbers) is its own.

        Raises:
            UncontrolledHandler: a limit was reached, or the task reached outside control.
        """
        task = self.tasks[index]
        if self._fault is not None:  # a thread that an earlier step started has called DynamoDB meanwhile
            raise self._fault
        if task.state is TaskState.NEW:
            task.unhindered = True
            self.start(index)
        elif task.state is TaskState.WAITING:
            self._resume(task)

    def end(self) -> None:
        """Give up the tasks that have not ended."""
        for task in self.tasks:
            if task.state is TaskState.WAITING:
                task.state = TaskState.ENDED
                self._running, self._fault = task, None
                self._abandon(task)
        self.remove_scratch()
        self._running = self._fault = self.strands = None
        self.tasks = []

    def remove_scratch(self) -> None:
        """Remove what tasks have left of the temporary files that they made."""
        for task in self.tasks:
            task.scratch.remove()

    def take_clock_reads(self) -> bool:
        """Whether a task has read its clock or a random number since the last call."""
        reads_clock, self._control.reads_clock = self._control.reads_clock, False
        return reads_clock

    @property
    def readings(self) -> Readings:
        """What clocks and random numbers of tasks are like."""
        return self._control.readings

    @contextmanager
    def reading(self, readings: Readings) -> Iterator[None]:
        """While inside, tasks have these clocks and random numbers."""
        before, self._control.readings = self._control.readings, readings
        try:
            yield
        finally:
            self._control.readings = before

    def note_clock_reads(self, *, read: bool) -> None:
        """Put back what :meth:`take_clock_reads` has taken."""
        self._control.reads_clock = self._control.reads_clock or read

    def random_was_shared(self) -> bool:
        """Whether the execution must be run again; see :meth:`Control.random_was_shared`."""
        return self._control.random_was_shared()

    def draw_afresh(self) -> None:
        """See :meth:`Control.draw_afresh`."""
        self._control.draw_afresh()

    def clock_readers(self) -> list[int]:
        """The tasks that have read their clock or a random number in the current execution."""
        return [task.index for task in self.tasks if task.reads_clock]

    def own_numbers(self) -> bool:
        """From now on give every request a generator of its own; ``False`` if each has one already."""
        before, self._control.per_request = self._control.per_request, True
        return not before

    def reach(self, action: str, parameters: Mapping[str, Any] | None = None, source: SourceLine | None = None) -> Turn:
        """See :class:`toctou.scheduling.scheduling_point.SchedulingPoint`."""
        task = self._running
        if self.strands is not None and task is not None and self._is_strand():
            return self._reach_in_strand(self.strands, task, Held(action, parameters or {}, source, unit()))
        if threading.get_ident() != self._thread:
            if not self.separated:  # or it is left over from when requests ran here
                self._fault = self._stray(action)
            raise SystemExit  # which ends a thread without a word; the step raises the fault
        if task is None:
            raise self._stray(action)
        if greenlet.getcurrent() is not task.coroutine:
            self.fail(self._stray(action))
        if task.state is TaskState.ENDED or self._fault is not None:  # a handler that continues regardless
            self._park()
        if (fault := event_loop.concurrent_calls()) is not None:
            self.fail(fault)
        task.operations += 1
        if task.operations > self._limits.operations:
            self.fail(_too_many(task, action, self._limits.operations))
        task.action, task.parameters, task.source = action, parameters or {}, source
        task.state = TaskState.WAITING
        if task.unhindered:
            task.unhindered = False
            self._resumed = real_time.seconds()
            self._control.advance()
        else:
            self._main.switch()
        return Turn(task.index, task.operations - 1, task.slept, task.reads_clock)

    def _reach_in_strand(self, strands: Strands, task: Task, held: Held) -> Turn:
        """Hold the calling thread of the task until the schedule chooses it."""
        if self._fault is not None:
            strands.hold(None)  # nobody is chosen any more
        if task.operations >= self._limits.operations:
            strand = current()
            thread = f" in its thread of {strand.target}" if strand is not None and strand.path else ""
            self.fail(_too_many(task, held.action, self._limits.operations, thread))
        if threading.get_ident() == self._thread:
            task.state = TaskState.WAITING
        strands.hold(held)
        return self._turn(task)

    async def reach_awaited(
        self, action: str, parameters: Mapping[str, Any], source: SourceLine | None, perform: Callable[[Turn], Any]
    ) -> Any:
        """See :class:`toctou.scheduling.scheduling_point.SchedulingPoint`."""
        loop, task = asyncio.get_running_loop(), self._running
        if task is None or not isinstance(loop, event_loop.RequestLoop):
            return perform(self.reach(action, parameters, source))
        if self.strands is None or not self._is_strand():
            call = AwaitedCall((), None, lambda: perform(self.reach(action, parameters, source)))
            return await loop.call(call)
        if self._fault is not None:
            raise Interrupted
        held, strands = Held(action, parameters, source, unit()), self.strands

        def take() -> Any:
            if task.operations >= self._limits.operations:
                self.fail(_too_many(task, action, self._limits.operations))
            return perform(self._turn(task))

        call = AwaitedCall(held.unit, held, take)
        strands.hold_awaited(call)
        return await call.outcome(strands.withdraw)

    def _turn(self, task: Task) -> Turn:
        turn = Turn(task.index, task.operations, task.slept, task.reads_clock)
        task.operations += 1
        self._control.advance()
        return turn

    def start_with_threads(self, index: int) -> Strands:
        """Run a new task, which may start threads, until each of them waits for its turn or for another one, or has ended.

        Inside :func:`toctou.scheduling.blocking.replaced`, for one task at a time; :meth:`end` ends it.
        """
        task = self.tasks[index]
        strands = self.strands = Strands(now=self._elapsed, advance=self._let_pass)
        task.coroutine = self._coroutine()
        strands.begin(partial(task.coroutine.switch, task), task.coroutine.switch, self._main.switch)
        self.go_on(index)
        return strands

    def go_on(self, index: int) -> None:
        """Let the threads of a task run that can."""
        self._resume(self.tasks[index])

    def still_served(self) -> None:
        """See :class:`toctou.scheduling.scheduling_point.SchedulingPoint`."""
        self._resumed = real_time.seconds()

    def suspend_monitoring(self, *, unhurried: bool = False) -> None:
        """See :class:`toctou.scheduling.scheduling_point.SchedulingPoint`."""
        self._unhurried = unhurried
        boundary.watch(None)
        self._control.suspend()
        running = self._running
        self._clock_was_read = self._control.reads_clock, running is not None and running.reads_clock
        if running is not None:
            # What is drawn now (botocore gives each call that it sends an identifier) must not change what the request draws.
            self._own_numbers, running.numbers = running.numbers, None

    def resume_monitoring(self) -> None:
        """See :class:`toctou.scheduling.scheduling_point.SchedulingPoint`."""
        self._control.reads_clock, own = self._clock_was_read
        running = self._running
        if running is not None:
            running.reads_clock = own
            running.numbers = self._own_numbers
        self._control.resume()
        boundary.watch(self._reached, None if running is None else running.scratch)
        if self._unhurried:
            self.still_served()
            self._unhurried = False

    def fail(self, fault: ToctouError) -> NoReturn:
        """See :class:`toctou.scheduling.scheduling_point.SchedulingPoint`."""
        if self._running is None:
            raise fault
        self._fault = self._fault or fault
        raise Interrupted

    def _is_strand(self) -> bool:
        return self.strands is not None and current() is not None

    def _starts(self, function: Callable[..., Any]) -> None:
        if self.strands is None and boundary.is_watched():
            self._reached(f"{boundary.THREAD}, for {name_of(function)}")

    def _elapsed(self) -> float:
        return self._control.elapsed(noticed=False) or 0.0

    def _let_pass(self, seconds: float) -> None:
        self._control.sleep(seconds)

    def _loop(self) -> event_loop.RequestLoop | None:
        if self._of_running() is None:
            return None
        return event_loop.RequestLoop(self.fail)

    def _coroutine(self) -> Any:
        while self._idle:
            coroutine = self._idle.pop()
            if not coroutine.dead:
                coroutine.gr_context = None  # context variables are those of one request
                return coroutine
        return greenlet.greenlet(self._run, parent=self._main)

    def _run(self, task: Task) -> None:
        while True:
            try:
                task.body()
            except Interrupted:
                pass
            finally:
                task.state = TaskState.ENDED
            del task
            self._idle.append(greenlet.getcurrent())
            task = self._main.switch()

    def _resume(self, task: Task, *arguments: Any) -> None:
        threads = threading.active_count()
        self._resumed = real_time.seconds()
        self._running = task
        self._control.enter(task)
        boundary.watch(self._reached, task.scratch)
        streams = sys.stdout, sys.stderr
        if task.streams is not None:
            sys.stdout, sys.stderr = task.streams
        outer = event_loop.suspended()
        if task.loop is not None:
            event_loop.resumed(task.loop)
        try:
            if self.strands is None:
                task.coroutine.switch(*arguments)
            else:
                with suppress(Interrupted):
                    self.strands.run()
        finally:
            boundary.watch(None)
            task.loop = event_loop.suspended()
            if outer is not None:
                event_loop.resumed(outer)
            self._control.leave(task)
            task.streams = None
            if sys.stdout is not streams[0] or sys.stderr is not streams[1]:
                task.streams = sys.stdout, sys.stderr
                sys.stdout, sys.stderr = streams
            self._running = None
        if self.strands is None and threading.active_count() > threads:
            self._fault = self._fault or _threaded(task, "a thread of its own, which is still running")
        if self._fault is not None:
            raise self._fault

    def _abandon(self, task: Task) -> None:
        streams = sys.stdout, sys.stderr
        if task.streams is not None:
            sys.stdout, sys.stderr = task.streams
        outer = event_loop.suspended()
        if task.loop is not None:
            event_loop.resumed(task.loop)
        with self._control.giving_up(task), suppress(Exception):  # a handler's clean-up may fail
            task.coroutine.throw(Interrupted())
        event_loop.suspended()
        if outer is not None:
            event_loop.resumed(outer)
        sys.stdout, sys.stderr = streams

    def _park(self) -> NoReturn:
        _PARKED.append(greenlet.getcurrent())
        while True:
            self._main.switch()

    def _of_running(self) -> Task | None:
        """The request whose code calls this, on its main thread or another one."""
        return self._running if threading.get_ident() == self._thread or self._is_strand() else None

    def _take_output(self, stream: str, text: str) -> bool:
        if (task := self._of_running()) is None:
            return False
        if text:
            self.output_of(task).write(task.operations, stream, text)
        return True

    def output_of(self, task: Task) -> Output:
        """What a task has written."""
        if task.output is None:
            task.output = Output(self._limits.output)
        return task.output

    def written(self) -> tuple[Written, ...]:
        """What the tasks of the current execution have written, those of each in order."""
        wrote = [(one.index, one.output) for one in self.tasks if one.output is not None]
        return tuple([Written(index, *piece) for index, output in wrote for piece in output.pieces()]) if wrote else ()

    def _reached(self, what: str) -> None:
        if (task := self._of_running()) is None:
            return
        called = event_loop.callers(sys._getframe(2))
        made = _threaded if what.startswith(boundary.THREAD) else _outside
        self.fail(made(task, what, called))

    def _overdue(self, frame: FrameType | None) -> bool:
        task = self._running
        if task is None or self._unhurried or real_time.seconds() - self._resumed < self._limits.seconds:
            return False
        if frame is not None and self.strands is None and greenlet.getcurrent() is self._main:
            return False  # the step has just ended
        if self._fault is not None and frame is not None:
            self._park()  # it has swallowed the first interruption
        where = described(self._now_at(frame)) if frame is not None else ""
        self._fault = SilentHandler(
            f"request {label(task.index)} reached no scheduling point for {self._limits.seconds:g} s"
            + (f" after its {task.action}" if task.action else "")
            + (f"\n{where}" if where else ""),
            expected="handlers that perform their next operation, or answer, in time",
            cause="an endless loop, or a lock that another request holds across an operation",
            remedy="look at the stack; requests represent separate processes and share no locks; "
            + ("check with --isolation processes if it waits for another request; " if self._in_one_process else "")
            + "raise --max-step-seconds if the handler is only slow",
        )
        return True

    @property
    def _in_one_process(self) -> bool:
        """Whether all requests run here, so that one may wait for what another holds in memory."""
        return self.strands is None and not self.separated

    def _now_at(self, frame: FrameType | None) -> Sequence[Site]:
        """Where the running request is, innermost first."""
        running = (
            [] if self.strands is None else [one for one in self.strands.alive if one.state is StrandState.RUNNING]
        )
        return running[0].stack() if running and running[0].path else event_loop.callers(frame)

    def _stray(self, action: str) -> OutsideControl:
        where, cause = "outside any request", "code that calls DynamoDB in the background, or in an invariant"
        if self._running is not None or threading.get_ident() != self._thread:
            where, cause = "from a thread that a handler started", "a handler that uses threads"
        kind = ThreadStarted if "thread" in where else OutsideControl
        return kind(
            f"{action} was called {where}",
            expected="DynamoDB calls made by handlers, on the thread they are called on",
            cause=cause,
            remedy="call DynamoDB from the handler itself, or check with --isolation processes; "
            "declare initial items in the model",
        )


def _nothing() -> None:
    """The body of what is no task."""


def _too_many(task: Task, action: str, limit: int, thread: str = "") -> OperationLimit:
    return OperationLimit(
        f"request {label(task.index)} performed {limit} operations and asks for another {action}{thread}",
        expected=f"at most {limit} operations per request",
        cause="a retry loop without a bound",
        remedy="bound the loop, or raise --max-operations",
    )


def _threaded(task: Task, what: str, called: Sequence[Site] = ()) -> ThreadStarted:
    return ThreadStarted(
        f"request {label(task.index)} starts {what}" + (f"\n{described(called)}" if called else ""),
        expected="handlers without threads, where all requests run in one process",
        cause="a pool, threading.Thread, asyncio.to_thread",
        remedy="check with --isolation processes, where threads of a request are scheduled as its calls are",
    )


def _on_disk(what: str) -> bool:
    return what.startswith(("the file ", "the path "))


def _outside(task: Task, what: str, called: Sequence[Site] = ()) -> OutsideControl:
    through = library(called)
    return OutsideControl(
        f"request {label(task.index)} reached {what}"
        + (f", through {through}" if through else "")
        + (f"\n{described(called)}" if called else ""),
        expected="a handler whose only input and output is its DynamoDB client, of boto3",
        cause=f"{through or 'the handler'} uses a file, another system, or a client of AWS that is not intercepted; "
        "no schedule reproduces what that answers",
        remedy=(
            "make files that only this request needs with `tempfile`, which is allowed; or " if _on_disk(what) else ""
        )
        + "replace that part in the model (a stub, unittest.mock, boto3 for DynamoDB) and check again; "
        "or check the application over HTTP, as a Service, where its DynamoDB client may be any",
    )
