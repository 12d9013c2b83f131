"""Decides what is left undone by threads that were there before a request, and by tasks of its application's lifespan.

Such a thread was started while a module was imported, or in ``setup``.  It is none of a request's threads: a process that is
forked for a request lacks it, and where all requests run in one process it runs whenever it likes.  So what it does for a request
is part of no schedule.  Likewise for a task that the lifespan of an ASGI application has left on a loop of its own.

Most such threads do not matter: the monitor of a progress bar, whatever sends traces or errors elsewhere, a pool that is idle.
One does if it can come to call DynamoDB (:mod:`toctou.client.reaching`), and

- goes on by itself, since it only sleeps, or waits with a time limit; or
- was given something by a request: what it waits for in vain, a queue, an event, its event loop, has been written to.

Idle threads of a ``ThreadPoolExecutor`` can be replaced: where requests have processes of their own, the pool forgets them there,
and starts others when it needs some.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType, FunctionType, ModuleType
from typing import Any

from toctou.client.reaching import Executed, calls_dynamodb
from toctou.client.while_importing import IMPORTED
from toctou.declaration.fingerprint import modules_of
from toctou.declaration.model import Model
from toctou.errors import OutsideControl
from toctou.scheduling.origin import is_handlers_file, is_of_a_program
from toctou.scheduling.own_threads import is_own
from toctou.scheduling.strand import name_of
from toctou.web import asgi

_WAITS = threading.Condition.wait.__code__
_OWN = f"{__name__.partition('.')[0]}."
_QUEUES = (queue.SimpleQueue,)

Given = Callable[[], bool]
"""Whether what somebody waits for has come."""


@dataclass(slots=True)
class Waiting:
    """A thread, or the tasks of a lifespan, that may do something for requests.

    Attributes:
        what: it is, for the user.
        modules: it belongs to models that can reach one of these, or something of one of these packages.
        executed: what it is executing, innermost first.
        held: what it holds on to besides.
        given: whether what it waits for has come.
        goes_on: whether it does something without that.
        pool: whose idle worker it is, if it is one.
        runs_anything: whether it runs what it is given, as an event loop does.
    """

    what: str
    modules: Collection[str]
    executed: Sequence[Executed]
    held: Sequence[Any] = ()
    given: Sequence[Given] = ()
    goes_on: bool = False
    pool: Any = field(default=None)
    runs_anything: bool = False

    def matters(self) -> bool:
        """Whether it may come to call DynamoDB, by itself or because of what it was given."""
        return self.pool is None and (self.goes_on or any(one() for one in self.given)) and self.reaches()

    def reaches(self) -> bool:
        """Whether it may come to call DynamoDB at all."""
        return calls_dynamodb(self.executed, self.held)


_earlier: list[Waiting] = []
_noted_in = 0  # the process that has noted them


def note() -> None:
    """Note the threads that there are: those that follow are of requests.  A process that is forked from here on knows them."""
    global _noted_in  # noqa: PLW0603
    # A process that was forked to explore has no thread of the one that has imported the model.
    kept = _earlier if _noted_in not in (0, os.getpid()) else []
    _earlier[:] = [*kept, *_threads()]
    _noted_in = os.getpid()


def note_more() -> None:
    """Note also those that ``setup`` has started, in the process of a request."""
    known = {one.what for one in _earlier}
    _earlier.extend(one for one in _threads() if one.what not in known)


def replace_workers() -> None:
    """Let pools forget threads of theirs that are not here, as this process was forked, and start others."""
    for one in _earlier:
        if one.pool is not None:
            one.pool._threads.clear()
            one.pool._idle_semaphore = threading.Semaphore(0)


def _left_to(whom: Sequence[str]) -> OutsideControl:
    """The fault of a model whose requests leave something to do to these."""
    return OutsideControl(
        f"{' and '.join(whom)} may call DynamoDB for requests, which is part of no schedule",
        expected="work that a request does itself, in threads and tasks that it starts, or that another handler does",
        cause="a thread that was started while importing or in `setup`, or a task that the lifespan of the application started: "
        "the process of a request has no such thread, and nothing schedules it",
        remedy="start it in the handler (or when it is first needed there), or declare what it does as a handler of its own",
    )


class Undone:
    """What requests of a model have left to do to threads and tasks that were there before."""

    def __init__(self, model: type[Model]) -> None:
        self._application = model.app
        self._modules = frozenset(own := modules_of(model)) | _packages(own)
        self._by: dict[str, Sequence[str]] = {}

    def may_be(self) -> str:
        """Why requests have to be separated from what was there before, for the user; ``""`` if there is no such thing."""
        whom = [one.what for one in self._earlier() if one.pool is not None or one.runs_anything or one.reaches()]
        return f"{whom[0]}, was there before them" if whom else ""

    def found(self) -> Sequence[str]:
        """To whom something is left now, as a request is over."""
        return [one.what for one in self._earlier() if one.matters()]

    def look(self, handler: str) -> None:
        """Note that, for a handler that has just answered."""
        if handler not in self._by:
            self.note(handler, self.found())

    def note(self, handler: str, whom: Sequence[str]) -> None:
        """Note to whom requests of a handler have left something."""
        if whom:
            self._by[handler] = whom

    def of(self, handlers: Iterable[str]) -> str:
        """What these handlers leave to do, as text for the user; ``""`` for nothing."""
        whom = dict.fromkeys(one for handler in sorted(handlers) for one in self._by.get(handler, ()))
        return str(_left_to(list(whom))) if whom else ""

    def _earlier(self) -> Iterator[Waiting]:
        yield from (one for one in _earlier if not self._modules.isdisjoint(one.modules))
        yield from _of_lifespan(self._application)


def _packages(modules: Iterable[str]) -> frozenset[str]:
    """The libraries of which these modules have something by name."""
    values = [one for name in modules for one in list(vars(sys.modules[name]).values())]
    named = [one.__name__ if type(one) is ModuleType else str(getattr(type(one), "__module__", "")) for one in values]
    named += [str(one.__module__) for one in values if isinstance(one, type | FunctionType)]
    return frozenset(one.partition(".")[0] for one in named) - sys.stdlib_module_names


def _of_lifespan(application: Any) -> Iterator[Waiting]:
    if (lifespan := asgi.lifespan_of(application)) is not None:
        loop, tasks = lifespan
        yield Waiting(
            f"the lifespan's task {' and '.join(_of_task(one) for one in tasks)}",
            (),
            (),
            [one.get_coro() for one in tasks],
            [_called(loop)],
            _has_timers(loop),
        )


def _of_task(task: asyncio.Task[Any]) -> str:
    return str(getattr(task.get_coro(), "__qualname__", task.get_name()))


def _threads() -> list[Waiting]:
    running = sys._current_frames()
    found = []
    for thread in threading.enumerate():
        frame = running.get(thread.ident or 0)
        if thread in (threading.main_thread(), threading.current_thread()) or frame is None or is_own(thread.ident):
            continue
        if not name_of(thread.run).startswith(_OWN):
            found.append(_thread(thread, list(_outwards(frame))))
    return found


def _thread(thread: threading.Thread, frames: Sequence[FrameType]) -> Waiting:
    held = [vars(thread).get(name) for name in ("_target", "_args", "_kwargs")]
    waits = [one for one in frames if one.f_code is _WAITS]
    given: list[Given] = [_released(one.f_locals["waiter"]) for one in waits if "waiter" in one.f_locals]
    queues = [one for one in _named_in(frames[0], held) if type(one) in _QUEUES] if not waits else []
    given += [_filled(one) for one in queues]
    loops = [one.f_locals.get("self") for one in frames if one.f_code.co_qualname == "BaseEventLoop.run_forever"]
    given += [_called(one) for one in loops]
    # Where it waits without a limit, it goes on when something comes, and else never.
    endless = any(one.f_locals.get("timeout") is None for one in waits) or bool(queues and not _sleeps(frames[0]))
    goes_on = not endless and all(_has_timers(one) for one in loops)
    begun, importing = IMPORTED.threads.get(thread, (None, frozenset[str]()))
    # Its own name may be another one each time.
    named = f"a thread of {name_of(thread.run)}" + (f" (started at {begun})" if begun else "")
    # Where no module of the user's has started it, nor runs in it, it is of whoever uses the library.
    packages = {
        str(one.f_globals.get("__name__")).partition(".")[0]
        for one in frames
        if is_of_a_program(one.f_code.co_filename)
    }
    modules = {
        *importing,
        *(one.f_globals.get("__name__", "") for one in frames if is_handlers_file(one.f_code.co_filename)),
    }
    pool = _pool(frames, thread)
    return Waiting(
        named, modules or packages, [Executed.by(one) for one in frames], held, given, goes_on, pool, bool(loops)
    )


def _pool(frames: Sequence[FrameType], thread: threading.Thread) -> Any:
    """The executor of which a thread is an idle worker; ``None`` if it is none."""
    if (frames[0].f_globals.get("__name__"), frames[0].f_code.co_name) != ("concurrent.futures.thread", "_worker"):
        return None
    executor: Any = vars(thread)["_args"][0]()
    return executor if executor is not None and executor._work_queue.empty() else None


def _released(waiter: Any) -> Given:
    return lambda: not waiter.locked()


def _filled(waited_for: Any) -> Given:
    return lambda: not waited_for.empty()


def _called(loop: Any) -> Given:
    return lambda: bool(getattr(loop, "_ready", ()))


def _has_timers(loop: Any) -> bool:
    return bool(getattr(loop, "_scheduled", ()))


def _sleeps(frame: FrameType) -> bool:
    return "sleep" in frame.f_code.co_names


def _named_in(frame: FrameType, held: Sequence[Any]) -> Iterator[Any]:
    yield from frame.f_locals.values()
    yield from (frame.f_globals.get(name) for name in frame.f_code.co_names)
    owner = frame.f_locals.get("self")
    yield from (getattr(owner, "__dict__", None) or {}).values()
    yield from held


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
