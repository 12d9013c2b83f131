"""Makes a thread that a strand starts a strand, and lets its end be waited for.

``threading.Thread.start`` calls ``_thread.start_new_thread`` until Python 3.12, and ``_thread.start_joinable_thread`` since.
The end of a thread is seen later than its last line of Python: until 3.12 a lock is released, since 3.13 a handle tells.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from threading import get_ident
from typing import Any

from toctou.scheduling.built_in_functions import OfAttribute, OfMethod, Replacement
from toctou.scheduling.event_loop import callers
from toctou.scheduling.strand import Strand, current
from toctou.scheduling.watchdog import Interrupted

_start: Callable[..., int] = _thread.start_new_thread
_start_joinable: Callable[..., Any] | None = getattr(_thread, "start_joinable_thread", None)
_make_ending: Callable[[], Any] | None = getattr(_thread, "_set_sentinel", None)
"""Makes a lock that is released at the end of the calling thread; until Python 3.12."""

_HANDLE: type | None = getattr(_thread, "_ThreadHandle", None)
_join: Callable[..., None] | None = vars(_HANDLE)["join"] if _HANDLE else None
_acquire: Callable[..., bool] = vars(type(_thread.allocate_lock()))["acquire"]

_STARTS = {
    "start_new_thread": (_thread, threading),
    "start_new": (_thread,),
    "start_joinable_thread": (_thread, threading),
}


@cache
def replacements() -> tuple[Replacement, ...]:
    """Of what threads are started and joined by."""
    starts: dict[str, Callable[..., Any]] = {
        "start_new_thread": _started,
        "start_new": _started,
        "start_joinable_thread": _started_joinable,
    }
    found: list[Replacement] = [
        OfAttribute(module, known, starts[name])
        for name, modules in _STARTS.items()
        for module in modules
        for known in (name, f"_{name}")
        if hasattr(module, known)
    ]
    if _HANDLE is not None:
        found.append(OfMethod(_HANDLE, "join", _joined))
    return tuple(found)


@contextmanager
def announced(starts: Callable[[Callable[..., Any]], None]) -> Iterator[None]:
    """While inside, call ``starts`` with what a thread is about to run; it may raise to prevent that.

    Python reports it to audit hooks since 3.12 only.
    """
    name = "_start_new_thread" if hasattr(threading, "_start_new_thread") else "_start_joinable_thread"
    before = getattr(threading, name)

    def start(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        starts(function)
        return before(function, *arguments, **keywords)

    setattr(threading, name, start)
    try:
        yield
    finally:
        setattr(threading, name, before)


@contextmanager
def silent(raised: Callable[[BaseException], None]) -> Iterator[None]:
    """While inside, ``raised`` is called in a thread that ends by an exception, instead of what prints it.

    It would print that for each schedule, and those that the checker itself has ended would as well.  What handlers, or a
    framework of tests, have said to do then is done all the same.
    """
    before = threading.excepthook

    def end(what: Any) -> None:
        if issubclass(what.exc_type, Interrupted):
            return
        if before is not threading.__excepthook__:
            before(what)
        if what.exc_value is not None and not issubclass(
            what.exc_type, SystemExit
        ):  # such a thread ends without a word
            raised(what.exc_value)

    threading.excepthook = end
    try:
        yield
    finally:
        threading.excepthook = before


def _started(function: Callable[..., Any], arguments: Sequence[Any], *keywords: Mapping[str, Any]) -> int:
    strand = current()
    if strand is None:
        return _start(function, arguments, *keywords)
    body = partial(function, *arguments, **(keywords[0] if keywords else {}))
    child = strand.scheduler.child(strand, function)
    child.begun = callers(sys._getframe(1))
    try:
        if _start_joinable is None:
            return _start(partial(_live, child, body), ())
        handle = _start_joinable(partial(_live, child, body))
    except BaseException:
        strand.scheduler.disown(child)
        raise
    child.over = partial(_over_by_handle, handle)
    return int(handle.ident)


def _started_joinable(function: Callable[..., Any], handle: Any = None, daemon: bool = True) -> Any:  # noqa: FBT001, FBT002
    assert _start_joinable is not None  # noqa: S101 - it has been replaced
    strand = current()
    if strand is None:
        return _start_joinable(function, handle, daemon)
    child = strand.scheduler.child(strand, function)
    child.begun = callers(sys._getframe(1))
    try:
        handle = _start_joinable(partial(_live, child, function), handle, daemon)
    except BaseException:
        strand.scheduler.disown(child)
        raise
    child.over = partial(_over_by_handle, handle)
    return handle


def _live(strand: Strand, body: Callable[[], Any]) -> None:
    strand.scheduler.live(strand, partial(_watched, strand, body))


def _watched(strand: Strand, body: Callable[[], Any]) -> None:
    """Run a strand's function; before it ends, find out how its thread's end will be seen."""
    thread = getattr(strand.started_with, "__self__", None)
    ending = None
    if _make_ending is not None and not isinstance(thread, threading.Thread):
        ending = _make_ending()
        _acquire(ending)
    try:
        body()
    finally:
        if _make_ending is not None:
            ending = ending or getattr(thread, "_tstate_lock", None)
            strand.over = partial(_over_by_lock, ending) if ending else None


def _over_by_lock(ending: Any) -> None:
    _acquire(ending)
    ending.release()


def _over_by_handle(handle: Any) -> None:
    assert _join is not None  # noqa: S101 - there are handles
    _join(handle)


def _joined(handle: Any, timeout: float | None = None) -> None:
    assert _join is not None  # noqa: S101 - there are handles
    strand = current()
    if strand is None or handle.is_done() or handle.ident in (0, get_ident()):
        _join(handle, timeout)
        return
    scheduler = strand.scheduler
    strand.wants = handle
    scheduler.wait(strand, handle.is_done, scheduler.deadline(timeout))
