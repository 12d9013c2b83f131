"""Runs an asynchronous handler to its end within its task, on an event loop of its own, in the task's own time.

Every request has a loop (or makes some by ``asyncio.run``), all loops are on the one thread that runs all tasks, and a task that
waits at a scheduling point takes its running loop with it (:func:`suspended`, :func:`resumed`).  Context variables go with it: a
greenlet has its own context.

- Time does not pass by waiting: an idle loop advances to its next timer, and the task's clock with it.
- Functions that the handler sends to worker threads (``asyncio.to_thread``, ``run_in_executor``) run here, on the same thread,
  once nothing else in the request can run.  One worker thread could do nothing else.  Calls of several concurrent workers could
  interleave, so these are rejected.
- A call that is awaited (:mod:`toctou.scheduling.awaited_calls`) is made once nothing else in the request can run.  If there are
  several, or a task sleeps that would make one, these are rejected likewise.
- A loop that waits for an event that nothing in its request can cause is a fault, not a hanging check.

Where the threads of a request are strands (:mod:`toctou.scheduling.strands`), worker threads are real, and an idle loop waits as
any strand does: until another has written to the loop's socket, or its next timer is due.

``asyncio`` keeps the running loop and the current task for each thread; the functions that set them are documented for makers
of event loops: https://docs.python.org/3/library/asyncio-extending.html.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from types import CodeType, FrameType
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from toctou.errors import SilentHandler, ThreadStarted, ToctouError
from toctou.scheduling.awaited_calls import AwaitedCall
from toctou.scheduling.origin import Site, is_handlers_file, sites, sites_between
from toctou.scheduling.strand import current
from toctou.scheduling.watchdog import Interrupted

Fail = Callable[[ToctouError], NoReturn]
Suspended = tuple[Any, Any, Any]
"""A running loop, its current task, and the hooks with which it follows asynchronous generators, which are the thread's."""

# Concurrent worker functions, with the running one.  If there are several, none passes a scheduling point, so that no other
# request can run meanwhile and read a number that is not its own.
_running_workers = 1


def run(coroutine: Coroutine[Any, Any, Any], fail: Fail) -> Any:
    """Run a handler's coroutine, and the tasks it leaves, to the end; returns or raises what the coroutine does.

    ``fail`` ends the request with a fault; see :class:`~toctou.scheduling.scheduling_point.SchedulingPoint`.
    """
    with closing(RequestLoop(fail)) as loop:
        task = loop.create_task(coroutine)
        try:
            loop.run_until_complete(asyncio.wait([task]))
            while rest := asyncio.all_tasks(loop):  # a server would run them after the response
                loop.run_until_complete(asyncio.wait(rest))
            loop.check_workers()
            loop.run_until_complete(loop.shutdown_asyncgens())
        except BaseException:
            loop.give_up()
            raise
        return task.result()


@contextmanager
def made_by(make: Callable[[], RequestLoop | None]) -> Iterator[None]:
    """While inside, ``asyncio.run`` and ``asyncio.new_event_loop`` ask ``make`` first: a request may run coroutines by itself."""
    before = asyncio.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        return make() or before()

    asyncio.new_event_loop = asyncio.events.new_event_loop = new_event_loop
    try:
        yield
    finally:
        asyncio.new_event_loop = asyncio.events.new_event_loop = before


_ENDS_A_SLEEP = "_set_result_unless_cancelled"
"""The function that `asyncio.sleep` asks a loop to call; time limits ask for others."""

_RUNS = ("Handle._run", "_WorkItem.run")
"""What runs a step of a task, and a function that was sent to a pool."""


def callers(frame: FrameType | None) -> tuple[Site, ...]:
    """Where a call comes from, innermost first, and where the task, the worker function or the thread that makes it began."""
    whole = frame
    while frame is not None and not is_handlers_file(frame.f_code.co_filename):
        if (started := _started(frame)) is not None:
            return (*sites_between(whole, frame), *started)
        frame = frame.f_back
    found = tuple(sites(whole))
    strand = current()
    return found if frame is not None or strand is None else found + strand.begun


def is_begun_elsewhere(code: CodeType) -> bool:
    """Whether this function runs what was sent or started elsewhere, so that what called it is nobody who asked for that."""
    return code is RequestLoop.work.__code__ or code.co_qualname in _RUNS


def _started(frame: FrameType) -> tuple[Site, ...] | None:
    """Where what this frame runs was sent or started; ``None`` if it runs no such thing."""
    if not is_begun_elsewhere(frame.f_code):
        return None
    if frame.f_code is RequestLoop.work.__code__:
        started: tuple[Site, ...] = frame.f_locals["started"]
        return started
    if frame.f_code.co_qualname == "_WorkItem.run":
        return getattr(frame.f_locals["self"], "started", None)
    loop = asyncio._get_running_loop()
    if not isinstance(loop, RequestLoop) or (task := asyncio.current_task(loop)) is None:
        return None
    return loop.started.get(task)


def suspended() -> Suspended | None:
    """Detach the running loop from this thread, because another task is about to run; ``None`` if there is none."""
    loop = asyncio._get_running_loop()
    if loop is None:
        return None
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    return loop, task, hooks


def resumed(state: Suspended) -> None:
    """Attach what :func:`suspended` detached."""
    loop, task, hooks = state
    asyncio._set_running_loop(loop)
    sys.set_asyncgen_hooks(*hooks)
    if task is not None:
        asyncio.tasks._enter_task(loop, task)


class RequestLoop(asyncio.SelectorEventLoop):
    """The event loop of one request; ``fail`` ends the request with a fault."""

    def __init__(self, fail: Fail) -> None:
        self.started: WeakKeyDictionary[asyncio.Task[Any], tuple[Site, ...]] = WeakKeyDictionary()
        self._numbers: dict[asyncio.Task[Any], int] = {}
        self._workers: list[Callable[[], None]] = []
        self._fail = fail
        self.calls: list[AwaitedCall] = []
        self._timers: list[tuple[asyncio.TimerHandle, bool]] = []
        super().__init__(_Waiting(self))
        self.set_exception_handler(lambda _loop, _context: None)  # errors that are not awaited are no response

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """A task, of which is known who started it."""
        task: asyncio.Task[Any] = super().create_task(coro, **options)
        self.started[task] = callers(sys._getframe(1))
        self._numbers[task] = len(self._numbers)
        return task

    def number_of(self, task: asyncio.Task[Any] | None) -> int:
        """How many tasks had been made before this one; 0 where none is running."""
        return 0 if task is None else self._numbers.get(task, 0)

    async def call(self, call: AwaitedCall) -> Any:
        """The outcome of a call that the running task awaits."""
        self.calls.append(call)
        return await call.outcome(self._withdraw)

    def _withdraw(self, call: AwaitedCall) -> None:
        if call in self.calls:
            self.calls.remove(call)

    def is_sleeping(self) -> bool:
        """Whether what the loop waits for first is a task that sleeps, not a time limit."""
        self._timers = [one for one in self._timers if not one[0].cancelled()]
        return bool(self._timers) and min(self._timers, key=lambda one: one[0].when())[1]

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override] # the stubs name a type variable tuple
        """A timer, of which is known whether it ends a sleep."""

        def due(*given: Any) -> None:
            self._timers.remove(timer)
            callback(*given)

        # Whether it has passed is not asked of the clock, which would make the handler one that reads it.
        handle = super().call_at(when, due, *args, context=context)
        timer = handle, getattr(callback, "__name__", "") == _ENDS_A_SLEEP
        self._timers.append(timer)
        return handle

    def concurrent(self) -> ToctouError:
        """The fault of several calls that are awaited at once."""
        return ThreadStarted(
            f"an asynchronous handler awaits {len(self.calls)} calls of DynamoDB, and others go on meanwhile",
            expected="one call after the other within a request, where all requests run in one process",
            cause="asyncio.gather, a task group, or a task that is not awaited yet",
            remedy="check with --isolation processes, where concurrent calls of a request are scheduled in every order",
        )

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:  # type: ignore[override] # the stubs name a type variable tuple
        """Run the function once nothing else can run; in a worker thread, where that is a strand."""
        if current() is not None:
            return super().run_in_executor(executor, func, *arguments)
        future = self.create_future()
        self._workers.append(partial(self.work, partial(func, *arguments), future, callers(sys._getframe(1))))
        return future

    def check_workers(self) -> None:
        """Fail if functions were sent to worker threads whose ends nobody awaits: nothing would run them here."""
        if self._workers:
            self._fail(
                ThreadStarted(
                    f"an asynchronous handler leaves {len(self._workers)} functions to worker threads when it answers",
                    expected="handlers that await what they send to threads",
                    cause="`run_in_executor` without an `await`",
                    remedy="await it in the model, or check with --isolation processes",
                )
            )

    @staticmethod
    def work(function: Callable[[], Any], future: asyncio.Future[Any], started: tuple[Site, ...]) -> None:  # noqa: ARG004 - for `callers`
        """Run a worker function; ``started`` says by whom, and is looked up in this frame by :func:`callers`."""
        settle: Callable[[Any], None] = future.set_result
        try:
            outcome = function()
        except Exception as raised:
            settle, outcome = future.set_exception, raised
        if not future.done():  # it may have been cancelled
            settle(outcome)

    def give_up(self) -> None:
        """Cancel what is left, so that its clean-up runs now: later, it would find no loop."""
        rest = asyncio.all_tasks(self)
        for task in rest:
            task.cancel()
        if rest:
            with suppress(Interrupted):
                self.run_until_complete(asyncio.wait(rest))

    def idle(self, timeout: float | None) -> None:
        """Run the workers, or advance the time, because nothing else can run."""
        global _running_workers  # noqa: PLW0603
        if self.calls and not self._workers:
            if len(self.calls) > 1 or self.is_sleeping():
                self._fail(self.concurrent())
            self.calls.pop().take()
        elif self._workers:
            workers, self._workers = self._workers, []
            state = suspended()
            _running_workers = len(workers) + len(self.calls)
            try:
                for work in workers:
                    work()
            finally:
                _running_workers = 1
                if state is not None:
                    resumed(state)
        elif timeout is None:
            self._fail(
                SilentHandler(
                    "an asynchronous handler waits for something that will not come",
                    expected="handlers that await their own work only",
                    cause="an event, a queue or a lock that another request, or a background task of the application, "
                    "would have to serve; requests represent separate processes",
                    remedy="replace that part in the model",
                )
            )
        else:
            time.sleep(timeout)  # on the task's own clock, which the loop goes by


def concurrent_calls() -> ToctouError | None:
    """The fault of a call while others of the request could be made as well; ``None`` if there are none."""
    loop = asyncio._get_running_loop()
    if isinstance(loop, RequestLoop) and loop.calls:
        return loop.concurrent()
    if _running_workers == 1:
        return None
    return ThreadStarted(
        f"an asynchronous handler calls DynamoDB while {_running_workers} of its worker threads are running",
        expected="one call after the other within a request",
        cause="asyncio.gather, or a task group, over functions that run in threads",
        remedy="await them one after the other in the model, or check with --isolation processes",
    )


class _Waiting(selectors.BaseSelector):
    """A selector that never waits: it calls ``idle`` of its loop instead, unless a strand runs, which waits as strands do."""

    def __init__(self, loop: RequestLoop) -> None:
        self._loop = loop
        # Many are made, and this one has no file of its own.
        self._files: selectors.BaseSelector = getattr(selectors, "PollSelector", selectors.SelectSelector)()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._files.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._files.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if (strand := current()) is not None:
            strand.sleeps = timeout is not None and timeout > 0 and self._loop.is_sleeping()
            try:
                return self._files.select(timeout)
            finally:
                strand.sleeps = False
        if timeout is None or timeout > 0:
            self._loop.idle(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._files.get_map()
