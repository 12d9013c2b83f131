"""What a strand is: one thread of a request, of which one at a time runs.

The scheduler is :class:`toctou.scheduling.strands.Strands`; the primitives that strands wait in are replaced by
:mod:`toctou.scheduling.blocking`.  Both, and the clock, ask here which strand the calling thread is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from threading import Thread, Timer, get_ident
from types import FrameType
from typing import Any, Protocol

from toctou.scheduling.origin import Site, sites
from toctou.scheduling.turns import Memory, is_between_turns, memory

Ready = Callable[[], bool]
"""Whether a strand can go on.  Any thread may ask, any number of times: the answer is the same on each, and changes nothing."""


class Scheduler(Protocol):
    """What runs the strands of a request; each method is called by a strand that is running."""

    @property
    def several(self) -> bool:
        """Whether another strand than the running one has not ended."""

    def deadline(self, timeout: float | None) -> float | None:
        """The moment on the request's clock at which a time limit passes; ``None``, or less than 0, is no limit."""

    def wait(self, strand: Strand, ready: Ready, deadline: float | None) -> bool:
        """Let others run until this one is ready; ``False`` if the time limit passed instead."""

    def seek(self, strand: Strand, ready: Ready, deadline: float | None) -> bool:
        """The same, but ready is not enough: the schedule chooses who goes on."""

    def sleep(self, strand: Strand, seconds: float) -> None:
        """Let 0 or more seconds pass on the request's clock."""

    def child(self, parent: Strand, function: Callable[..., Any]) -> Strand:
        """A strand for a thread that the running one is about to start."""

    def disown(self, strand: Strand) -> None:
        """Forget a strand whose thread could not be started."""

    def live(self, strand: Strand, body: Callable[[], Any]) -> None:
        """Run a strand's function on its thread, from the moment it is chosen."""


class StrandState(Enum):
    """The state of a strand."""

    RUNNING = auto()
    WAITING = auto()  # goes on once it is ready
    HELD = auto()  # goes on once the schedule chooses it
    ENDED = auto()


def always() -> bool:
    """Ready at any time."""
    return True


def never() -> bool:
    """Ready at no time: only a time limit ends this wait."""
    return False


@dataclass(slots=True, eq=False)
class Strand:
    """One thread of a request.

    Attributes:
        path: () is the handler's own thread, (0,) the first that this one started, (0, 1) the second that (0,) started.
        what: what it is held at, as given to ``hold``; ``None`` if it wants a lock.
        started_with: the function that was given to start it; see :attr:`target`.
        begun: where it was started, innermost first.
    """

    path: tuple[int, ...]
    scheduler: Scheduler = field(repr=False)
    started_with: Callable[..., Any] | None = field(default=None, repr=False)
    state: StrandState = StrandState.WAITING
    what: object | None = None
    ready: Ready = field(default=always, repr=False)
    deadline: float | None = None
    timed_out: bool = False
    sleeps: bool = False  # what it waits for is only that time passes
    has_slept: bool = False  # since the schedule last chose
    beats: bool = False  # it waits for an event that may not happen, and may be chosen to go on without
    turn_is_over: bool = False  # it does so, or sleeps, where the next turn of its loop begins
    has_beaten: bool = False  # since another strand last worked
    rested: bool = False  # since it was last chosen
    told: bool = False  # its time limit has been noted
    wants: Any = field(default=None, repr=False)  # the lock, queue or handle of a thread that it waits for
    failed: list[Any] = field(default_factory=list, repr=False)  # locks that it could not take since its last call
    order: int = 0  # of its current wait among all
    children: int = 0  # that it has started
    frame: FrameType | None = field(default=None, repr=False)  # while it does not run
    thread: int = 0  # identity of its thread, once it has run
    gate: Any = field(default=None, repr=False)  # its thread waits for this lock while another strand runs
    begun: tuple[Site, ...] = field(default=(), repr=False)
    memories: list[Memory] = field(default_factory=list, repr=False)  # where it has waited, the last one of each place
    call: Any = field(
        default=None, repr=False
    )  # a task of a loop awaits it: there is no thread, and nothing but this is held
    over: Callable[[], None] | None = field(default=None, repr=False)  # waits until the ended thread is really over

    @property
    def target(self) -> str:
        """The function that it runs, as ``module.function``; that of the current work if it is the worker of a pool."""
        function = self.started_with
        frame = self._innermost()
        while frame is not None:
            if frame.f_code.co_qualname == "_WorkItem.run":
                function = _work(frame.f_locals) or function
                break
            frame = frame.f_back
        return "the handler" if function is None else name_of(function)

    @property
    def is_limited(self) -> bool:
        """Whether what it waits for is expected before its time limit."""
        return self.deadline is not None and not self.sleeps and not self.beats

    def stack(self) -> list[Site]:
        """Where it is, innermost first, without the checker's own places."""
        return sites(self._innermost())

    def ends_turn(self, frame: FrameType) -> bool:
        """Whether its next turn begins where it waits there, by its code, or as it was there before and holds the same again."""
        if is_between_turns(frame):
            return True
        place, held = memory(frame)
        known = next((one for one in self.memories if one[0] == place), None)
        if known is not None:
            self.memories.remove(known)
        self.memories.append((place, held))
        return known is not None and known[1] == held

    def _innermost(self) -> FrameType | None:
        if self.frame is not None or self.state is not StrandState.RUNNING:
            return self.frame
        return sys._current_frames().get(self.thread)


def _work(local: Mapping[str, Any]) -> Callable[..., Any] | None:
    item: Any = local.get("self")
    if hasattr(item, "fn"):  # until Python 3.13
        found: Callable[..., Any] | None = item.fn
        return found
    task = getattr(item, "task", None)
    return task[0] if isinstance(task, tuple) and task else None


def name_of(function: Any) -> str:
    """A function that a thread runs, as ``module.function``."""
    if isinstance(owner := getattr(function, "__self__", None), Thread):  # `Thread.start` starts a method of the thread
        own = owner.function if isinstance(owner, Timer) else getattr(owner, "_target", None)
        function = own if own is not None else type(owner).run
    while isinstance(function, partial):
        # `asyncio.to_thread` runs the function within a context.
        in_context = isinstance(getattr(function.func, "__self__", None), Context) and function.args
        function = function.args[0] if in_context else function.func
    if function is getattr(sys.modules.get("concurrent.futures.thread"), "_worker", None):
        return "a worker of concurrent.futures.ThreadPoolExecutor"  # which takes functions as they come
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{module}.{name}" if module else str(name)


_strands: dict[int, Strand] = {}
"""By the identity of the thread.  A handler's own thread is the controller's too, and is here only while the handler runs."""


def current() -> Strand | None:
    """The strand that the calling thread is; ``None`` for any other thread."""
    return _strands.get(get_ident())


def enter(strand: Strand) -> None:
    """From now on the calling thread is this strand."""
    strand.thread = get_ident()
    _strands[strand.thread] = strand


def leave() -> None:
    """From now on the calling thread is none."""
    _strands.pop(get_ident(), None)
