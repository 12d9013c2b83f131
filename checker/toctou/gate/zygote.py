"""Forks processes that serve requests, each with the memory that there was before any request ran.

A zygote is a process that is forked from the checker before a handler runs, and that runs none itself.  Forking from it, and not
from the checker, gives each request a memory that no other has touched, and a process without the checker's threads.

Nothing is left behind.  The zygote and what it has forked are one process group, which the zygote ends when the checker closes
its channel or dies; a process whose zygote has died ends itself.  Ctrl-C reaches the checker only.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection
from typing import NoReturn, Protocol

from toctou.errors import InternalError
from toctou.gate.request_process import Channel, RequestProcess

PATIENCE = 60
"""Seconds that forking a process may take: nobody else limits it, because it is no handler's time."""

LOOK = 1.0
"""Seconds after which a process looks whether the one it serves still lives, should its channel not tell."""

CAN_FORK = hasattr(os, "fork") and sys.platform != "win32"
"""Whether processes can be forked here."""

_CHANNELS: weakref.WeakSet[Channel] = weakref.WeakSet()
"""The checker's ends.  A process that is forked later must not hold them, or nobody would notice that the checker has died."""

_kept: weakref.WeakSet[_File] = weakref.WeakSet()


class _File(Protocol):
    @property
    def closed(self) -> bool: ...

    def fileno(self) -> int: ...


def keep_from_children(file: _File) -> None:
    """Let no process that is forked here hold an open file, and with it the lock on it."""
    _kept.add(file)


def _let_go() -> None:
    for channel in list(_CHANNELS):
        channel.close()
    _CHANNELS.clear()
    nothing = os.open(os.devnull, os.O_RDWR)
    for file in [one for one in _kept if not one.closed]:
        os.dup2(nothing, file.fileno())
    os.close(nothing)


if CAN_FORK:
    os.register_at_fork(after_in_child=_let_go)


class Zygote:
    """A process that forks others; close it at the end.

    Args:
        serve: what a forked process does, given its channel; it returns when the other side closes that.
    """

    def __init__(self, serve: Callable[[Channel], None]) -> None:
        ours, theirs = Pipe()
        self._pid = forked()
        if self._pid == 0:
            ours.close()
            _run(lambda: _serve_checker(Channel(theirs), serve))
        theirs.close()
        self._channel = Channel(ours)
        _CHANNELS.add(self._channel)

    def fork(self) -> RequestProcess:
        """A new process.

        Raises:
            InternalError: the zygote has ended, or cannot fork.
        """
        ours, theirs = Pipe()
        try:
            self._channel.send("fork")
            reduction.send_handle(self._channel.connection, theirs.fileno(), self._pid)
            pid = self._channel.receive(PATIENCE)
        except (OSError, EOFError) as fault:
            ours.close()
            raise _lost(f"the process that forks others has ended ({type(fault).__name__})") from None
        finally:
            theirs.close()
        if pid is None:
            ours.close()
            raise _lost(f"the process that forks others has not answered for {PATIENCE} s")
        if isinstance(pid, str):
            ours.close()
            raise _lost(pid)
        channel = Channel(ours)
        _CHANNELS.add(channel)
        return RequestProcess(channel, pid, self._pid)

    def close(self) -> None:
        """End it, and all processes that it has forked."""
        self._channel.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _lost(what: str) -> InternalError:
    return InternalError(
        f"no process can be made for a request: {what}",
        cause="too many processes, too little memory, or something that ends processes of this program",
        remedy="look at the machine's limits; --isolation memory runs all requests in one process",
    )


def forked() -> int:
    """Fork this process: the number of the child, and 0 in it."""
    # What is buffered here must not be written once more by the child.
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    with warnings.catch_warnings():
        # Python warns where other threads run; the child runs the checker's own code only, which shares no lock with them.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _run(work: Callable[[], None]) -> NoReturn:
    """Do the work of a forked process and end it, without what the program has registered to do at its exit."""
    status = 1
    try:
        work()
        status = 0
    except (KeyboardInterrupt, SystemExit):
        pass
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        end_here(status)


def end_here(status: int = 0) -> NoReturn:
    """End a forked process at once, without what the program has registered to do at its exit."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(status)


def _serve_checker(channel: Channel, serve: Callable[[Channel], None]) -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets children that have ended
    gc.freeze()  # a collection here would copy what is shared with the checker
    checker = os.getppid()
    try:
        while os.getppid() == checker:
            if channel.receive(LOOK):
                _fork_one(channel, reduction.recv_handle(channel.connection), serve)
    except EOFError:
        pass
    finally:
        os.killpg(0, signal.SIGKILL)  # itself, too


def _fork_one(channel: Channel, handle: int, serve: Callable[[Channel], None]) -> None:
    try:
        pid = forked()
    except OSError as fault:
        channel.send(str(fault))
        return
    if pid == 0:
        channel.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _run(lambda: serve(Channel(Connection(handle))))
    os.close(handle)
    channel.send(pid)
