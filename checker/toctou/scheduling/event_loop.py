"""Runs an asynchronous handler to its end within its task, on an event loop of its own, in the task's own time.

The handler stays where its task is: every request has a loop, all loops are on the one thread that runs all tasks, and a task
that waits at a scheduling point takes its running loop with it (:func:`suspended`, :func:`resumed`).  What tells requests apart
in asynchronous code, context variables, goes with the task too, because a greenlet has a context of its own.

- Time does not pass by waiting: a loop that has nothing to do goes to its next timer, and the task's clock with it.
- Functions that the handler sends to worker threads (``asyncio.to_thread``, ``run_in_executor``) run here, on the same thread,
  as soon as nothing else can go on: that is all that a thread could have come to, as long as there is one of them.  When
  several wait at once, the calls of one would mix with those of the others; such calls are refused, and nothing is concluded.
- A loop that waits for what nobody in its request will bring is a fault, not a hanging check.

``asyncio`` keeps the running loop and the current task for each thread; the functions that set them are documented for makers
of event loops: https://docs.python.org/3/library/asyncio-extending.html.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from typing import Any, NoReturn

from toctou.errors import OutsideControl, SilentHandler, ToctouError

Fail = Callable[[ToctouError], NoReturn]
Suspended = tuple[Any, Any]
"""A running loop and its current task."""

_at_once = 1
"""How many worker functions wait together with the one that is running.  Where there are several, none of them gets past a
scheduling point, so that no other request can run meanwhile and find a number that is not its own."""


def run(coroutine: Coroutine[Any, Any, Any], fail: Fail) -> Any:
    """Run a coroutine, and whatever tasks it leaves behind, to the end; returns or raises what the coroutine does.

    Args:
        coroutine: of the handler.
        fail: ends the request with a fault; see :class:`~toctou.scheduling.scheduling_point.SchedulingPoint`.
    """
    with closing(RequestLoop(fail)) as loop:
        task = loop.create_task(coroutine)
        loop.run_until_complete(asyncio.wait([task]))
        while rest := asyncio.all_tasks(loop):  # a server would go on with them after the answer
            loop.run_until_complete(asyncio.wait(rest))
        loop.run_until_complete(loop.shutdown_asyncgens())
        return task.result()


def suspended() -> Suspended | None:
    """Take the running loop off this thread, because another task is about to run; ``None`` if there is none."""
    loop = asyncio._get_running_loop()
    if loop is None:
        return None
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)
    return loop, task


def resumed(state: Suspended) -> None:
    """Put back what :func:`suspended` took."""
    loop, task = state
    asyncio._set_running_loop(loop)
    if task is not None:
        asyncio.tasks._enter_task(loop, task)


class RequestLoop(asyncio.SelectorEventLoop):
    """The event loop of one request; ``fail`` ends the request with a fault."""

    def __init__(self, fail: Fail) -> None:
        self._waiting = _Waiting(self)
        self._workers: list[Callable[[], None]] = []
        self._fail = fail
        super().__init__(self._waiting)
        self.set_exception_handler(lambda _loop, _context: None)  # what nobody awaits is nobody's answer

    def time(self) -> float:
        """Seconds since the request began, as far as it waited."""
        return self._waiting.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:  # type: ignore[override] # the stubs name a type variable tuple
        """Run the function once nothing else can go on."""
        del executor
        future = self.create_future()

        def work() -> None:
            try:
                answer = func(*arguments)
            except Exception as raised:
                _settle(future, error=raised)
            else:
                _settle(future, answer)

        self._workers.append(work)
        return future

    def idle(self, timeout: float | None) -> None:
        """Nothing can go on: let the workers run, or time pass."""
        global _at_once  # noqa: PLW0603
        if self._workers:
            workers, self._workers = self._workers, []
            state = suspended()
            _at_once = len(workers)
            try:
                for work in workers:
                    work()
            finally:
                _at_once = 1
                if state is not None:
                    resumed(state)
        elif timeout is None:
            self._fail(
                SilentHandler(
                    "an asynchronous handler waits for something that will not come",
                    expected="handlers that await their own work only",
                    cause="an event, a queue or a lock that another request, or a background task of the application, "
                    "would have to serve; requests stand for separate processes",
                    remedy="replace that part in the model",
                )
            )
        else:
            self._waiting.now += timeout
            time.sleep(timeout)  # which is the task's own


def calls_at_once() -> ToctouError | None:
    """The fault of a call that another one of the same request could overtake; ``None`` if this is not one."""
    if _at_once == 1:
        return None
    return OutsideControl(
        f"an asynchronous handler calls DynamoDB while {_at_once} of its worker threads are at work",
        expected="one call after the other within a request",
        cause="asyncio.gather, or a task group, over functions that run in threads",
        remedy="await them one after the other in the model, or check the service over HTTP",
    )


class _Waiting(selectors.BaseSelector):
    """Watches no files, since handlers have none.  Asked to wait, it tells its loop there is nothing."""

    def __init__(self, loop: RequestLoop) -> None:
        self.now = 0.0
        self._loop = loop
        self._files: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = self._files[number] = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._files.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._loop.idle(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._files


def _settle(future: asyncio.Future[Any], answer: Any = None, *, error: Exception | None = None) -> None:
    if future.done():  # nobody waits for it any more
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(answer)
