"""Decides which clock the functions of ``time`` follow: a request's own on the thread that runs it, else the machine's.

These are the functions that measure durations (``monotonic``, ``perf_counter``, ``process_time``, ``thread_time``,
``clock_gettime`` of these) and ``sleep``, wherever they were imported: by handlers, and by ``queue``, ``threading``, ``asyncio``
or ``concurrent.futures``.  Functions that return the date, and what the clock of a request shows, are left to
:mod:`toctou.scheduling.control`.

A request that waits in vain for the files of an event loop that was there before has let the time limit pass on its clock too,
as with all waits (:mod:`toctou.scheduling.time_limits`).  Where the threads of a request are strands
(:mod:`toctou.scheduling.strands`), their scheduler lets the time limits pass, and what is slept.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial, wraps
from numbers import Real
from threading import get_ident
from types import FrameType
from typing import Any, Protocol

from toctou.real_time import MACHINE
from toctou.scheduling import time_limits
from toctou.scheduling.built_in_functions import OfAttribute, Replacement, replacement
from toctou.scheduling.strand import current


class Clock(Protocol):
    """The clock of the request that is running on a thread; while none is, the thread follows the machine's."""

    def elapsed(self, *, noticed: bool = True) -> float | None:
        """What ``monotonic`` and ``perf_counter`` return, in seconds; ``None`` while no request is running.

        A reading that is not noticed is only compared with others of the same request.
        """

    def worked(self) -> float | None:
        """What ``process_time`` and ``thread_time`` return, in seconds; ``None`` while no request is running."""

    def sleep(self, seconds: float) -> bool:
        """Let 0 or more seconds pass; ``False`` while no request is running."""


Ask = Callable[[Clock], float | None]
Wait = Callable[..., Any]

_clocks: dict[int, Clock] = {}
"""By the identity of the thread that follows it."""

_followers = 0
_replacing = threading.Lock()


@contextmanager
def followed(clock: Clock) -> Iterator[None]:
    """While inside, this thread follows a clock; may be nested."""
    before = of_this_thread()
    with replaced():
        follow(clock)
        try:
            yield
        finally:
            follow(before)


@contextmanager
def unfollowed() -> Iterator[None]:
    """While inside, this thread follows the machine's clock: what it does is the checker's own."""
    before = of_this_thread()
    follow(None)
    try:
        yield
    finally:
        follow(before)


@contextmanager
def replaced() -> Iterator[None]:
    """While inside, threads may follow a clock; none does so yet."""
    _replace()
    try:
        yield
    finally:
        _restore()


def of_this_thread() -> Clock | None:
    """The clock that the calling thread follows; ``None`` is the machine's."""
    return _clocks.get(get_ident())


def follow(clock: Clock | None) -> None:
    """From now on the calling thread follows this clock, while the functions are replaced; ``None`` is the machine's."""
    if clock is None:
        _clocks.pop(get_ident(), None)
    else:
        _clocks[get_ident()] = clock


def _replace() -> None:
    global _followers  # noqa: PLW0603
    with _replacing:
        _followers += 1
        if _followers == 1:
            for one in _replacements():
                one.replace()


def _restore() -> None:
    global _followers  # noqa: PLW0603
    with _replacing:
        _followers -= 1
        if _followers == 0:
            for one in _replacements():
                one.restore()


@cache
def _replacements() -> Sequence[Replacement]:
    functions = [(name, by) for name, by in _functions() if hasattr(time, name)]  # Windows lacks some
    return [
        *(replacement(time, name, by) for name, by in functions),
        *(OfAttribute(owner, "select", _in_vain(owner.select)) for owner in _selectors()),
        *time_limits.replacements(_let_pass),
    ]


def _elapsed(clock: Clock) -> float | None:
    return clock.elapsed(noticed=_is_noticed(sys._getframe(1)))


def _worked(clock: Clock) -> float | None:
    return clock.worked()


_BY_NAME: dict[str, Ask] = {
    "monotonic": _elapsed,
    "perf_counter": _elapsed,
    "process_time": _worked,
    "thread_time": _worked,
}
_BY_CONSTANT: dict[str, Ask] = {
    "CLOCK_MONOTONIC": _elapsed,
    "CLOCK_MONOTONIC_RAW": _elapsed,
    "CLOCK_BOOTTIME": _elapsed,
    "CLOCK_UPTIME_RAW": _elapsed,
    "CLOCK_PROCESS_CPUTIME_ID": _worked,
    "CLOCK_THREAD_CPUTIME_ID": _worked,
}
_BY_NUMBER = {getattr(time, name): ask for name, ask in _BY_CONSTANT.items() if hasattr(time, name)}

_BETWEEN = frozenset({__name__, replacement.__module__})
_MEASURING = frozenset({"asyncio", "concurrent", "queue", "threading"})
"""Packages that only find out how much of a time limit is left, which is the same in requests that do the same."""


def _is_noticed(frame: FrameType | None) -> bool:
    """Whether the function that is called from this frame has another caller than these packages."""
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        frame = frame.f_back
    if frame is not None and frame.f_code is asyncio.BaseEventLoop.time.__code__:
        frame = frame.f_back
    return frame is None or str(frame.f_globals.get("__name__")).partition(".")[0] not in _MEASURING


def _functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for suffix, unit in (("", float), ("_ns", _nanoseconds)):
        for name, ask in _BY_NAME.items():
            yield name + suffix, partial(_read, unit, ask, getattr(MACHINE, name + suffix, None))
        yield f"clock_gettime{suffix}", partial(_read_by_number, unit, getattr(MACHINE, f"clock_gettime{suffix}", None))
    yield "sleep", _sleep


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _read(unit: Callable[[float], Any], ask: Ask, otherwise: Any, *arguments: Any) -> Any:
    clock = _clocks.get(get_ident())
    seconds = None if clock is None else ask(clock)
    return otherwise(*arguments) if seconds is None else unit(seconds)


def _read_by_number(unit: Callable[[float], Any], otherwise: Any, number: Any) -> Any:
    return _read(unit, _BY_NUMBER.get(number, lambda _: None), otherwise, number)


def _sleep(seconds: Any) -> None:
    clock = _clocks.get(get_ident())
    if not isinstance(seconds, Real) or seconds < 0:
        MACHINE.sleep(seconds)  # a negative length, or none at all, is refused in the machine's words
    elif (strand := current()) is not None:
        strand.scheduler.sleep(strand, float(seconds))
    elif clock is None or not clock.sleep(float(seconds)):
        MACHINE.sleep(seconds)


def _let_pass(seconds: float) -> bool:
    clock = _clocks.get(get_ident())
    return clock is not None and clock.sleep(seconds)


def _selectors() -> Iterator[Any]:
    for kind in vars(selectors).values():
        if isinstance(kind, type) and issubclass(kind, selectors.BaseSelector) and "select" in vars(kind):
            yield kind


def _in_vain(wait: Wait) -> Wait:
    @wraps(wait)
    def waited(self: Any, timeout: float | None = None) -> Any:
        found = wait(self, timeout)
        if not found and timeout is not None and timeout > 0 and current() is None:
            _let_pass(timeout)
        return found

    return waited
