"""Detects what a handler reaches behind the intercepted client: sockets, files, folders, locks, other programs, threads.

Python reports such events to audit hooks (PEP 578), before they happen, so that a lock that another request holds is noticed
instead of waited for.  A hook cannot be removed, so one is added when the first execution starts, and it is inactive unless code
under test is running.  Reading program files (installed packages, AWS configuration) is no input of the handler and is allowed,
and so is what Python does to its cache of compiled modules.  Reading any other file is noted, and allowed as long as it does not
change (:mod:`toctou.scheduling.data_files`).  What a request has made with ``tempfile`` is its own
(:mod:`toctou.scheduling.scratch_files`).

What is written to a file, or asked of a connection, that was opened before a request began is not reported, nor is what a library
does in C without Python's functions.
"""

from __future__ import annotations

import mmap
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from toctou.scheduling import data_files
from toctou.scheduling.scratch_files import ScratchFiles

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # there is none on Windows
    fcntl = None

Reached = Callable[[str], None]
"""Called with what was reached, such as ``a socket to ('10.0.0.1', 443)``; may raise to prevent it."""

_watcher: Reached | None = None
_scratch = ScratchFiles()
_noting: str = ""
_threads_allowed = False

THREAD = "a thread of its own"
"""How what was reached begins, if it is a thread."""
_installed = False
_PROGRAM_SUFFIXES = (".pyc", ".so")
_LOCKING = tuple(getattr(fcntl, name, None) for name in ("F_SETLK", "F_SETLKW", "F_OFD_SETLK", "F_OFD_SETLKW"))
_MAPPED_FOR_READING = (mmap.ACCESS_READ, mmap.ACCESS_COPY)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def _program_folders() -> tuple[str, ...]:
    folders = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()}
    aws = os.path.join(os.path.expanduser("~"), ".aws")
    machine = "/dev/", "/usr/share/zoneinfo/", "/proc/cpuinfo", "/sys/devices/system/cpu/", "/sys/fs/cgroup/cpu"
    return (*(os.path.realpath(folder) + os.sep for folder in folders), aws + os.sep, *machine)


_PROGRAM_FOLDERS = _program_folders()
_LIBRARIES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
"""Also of other environments, which this one may see."""


def watch(watcher: Reached | None, scratch: ScratchFiles | None = None) -> None:
    """From now on report to ``watcher``; ``None`` to suspend monitoring.  What is in ``scratch`` is not reported."""
    global _watcher, _scratch  # noqa: PLW0603
    if watcher is not None:
        _install()
        _scratch = scratch or ScratchFiles()
    _watcher = watcher


def is_watched() -> bool:
    """Whether what is reached is reported: a handler runs, and not the checker in its place."""
    return _watcher is not None


def allow_threads() -> None:
    """From now on a handler may start threads, which are controlled."""
    global _threads_allowed  # noqa: PLW0603
    _threads_allowed = True


@contextmanager
def reading(when: str) -> Iterator[None]:
    """While inside, note which data files are read, without reporting anything; ``when`` is ``import`` or ``setup``."""
    global _noting  # noqa: PLW0603
    _install()
    before, _noting = _noting, when
    try:
        yield
    finally:
        _noting = before


def _install() -> None:
    global _installed  # noqa: PLW0603
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watcher is None:
        if _noting and event == "open":
            _file(arguments)
        return
    describe = _EVENTS.get(event)
    if describe is not None and (reached := describe(arguments)):
        _watcher(reached)


def _socket(arguments: tuple[Any, ...]) -> str:
    return f"a socket to {arguments[1]!r}"


def _name_service(arguments: tuple[Any, ...]) -> str:
    return f"the name service for {_name(arguments[0])!r}"


def _addresses(arguments: tuple[Any, ...]) -> str:
    host, port, *_ = arguments  # without a port nobody wants to connect
    return "" if _name(host) == "127.0.0.1" and not port else _name_service(arguments)


def _program(arguments: tuple[Any, ...]) -> str:
    return f"another program, {arguments[0]!r}"


def _file(arguments: tuple[Any, ...]) -> str:
    path, _, flags = arguments
    if isinstance(path, int) or path is None:
        return ""
    name = os.fsdecode(path)
    writing = isinstance(flags, int) and bool(flags & _WRITING)
    if name == os.devnull or _is_cache(name) or os.path.isdir(name) or _scratch.hold(name):
        # A folder can only be listed; where `tempfile` opens one for writing it gets a file that has no name.
        return ""
    if not writing and (name.endswith(_PROGRAM_SUFFIXES) or _is_of_a_program(os.path.realpath(name))):
        return ""
    how = "for writing" if writing else _noted(name)
    return f"the file {name!r} ({how})" if how else ""


def _noted(name: str) -> str:
    """Note that a file is read; returns what is wrong with that."""
    global _watcher, _noting
    before = _watcher, _noting
    _watcher, _noting = None, ""  # what it opens itself is none of the handler's
    try:
        return data_files.note(name, once=before[0] is None and before[1] == "import")
    finally:
        _watcher, _noting = before


def _name(path: Any) -> str:
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)


def _is_cache(name: str) -> bool:
    """Whether Python keeps compiled modules there, which it writes when a handler imports something."""
    return "__pycache__" in name or (sys.pycache_prefix is not None and name.startswith(sys.pycache_prefix))


def _changed(how: str, *, folder: int | None = None, follow: bool = True) -> Callable[[tuple[Any, ...]], str]:
    """Describes a change of what stands under a path, or of an open file given by its number.

    Args:
        how: what is done to it.
        folder: the place of the argument that is an open folder, from which the path leads.
        follow: whether a link at the end of the path is followed.
    """

    def describe(arguments: tuple[Any, ...]) -> str:
        name = _name(arguments[0])
        if isinstance(arguments[0], int):
            return "" if _scratch.hold_open(arguments[0]) else f"the open file {name!r} ({how})"
        start = -1 if folder is None else arguments[folder]
        own = _is_cache(name) or _scratch.hold(name, follow=follow, folder=start)
        return "" if own else f"the path {name!r} ({how})"

    return describe


def _moved(how: str) -> Callable[[tuple[Any, ...]], str]:
    def describe(arguments: tuple[Any, ...]) -> str:
        source, target = map(_name, arguments[:2])
        own = _is_cache(target) or all(
            _scratch.hold(name, follow=False, folder=start)
            for name, start in zip((source, target), arguments[2:4], strict=True)
        )
        return "" if own else f"the path {target!r} ({how} {source!r})"

    return describe


def _linked(arguments: tuple[Any, ...]) -> str:
    source, target, start = arguments
    own = _scratch.hold(_name(target), follow=False, folder=start)  # what is reached through it is looked at then
    return "" if own else f"the path {_name(target)!r} (linked to {_name(source)!r})"


def _locked(arguments: tuple[Any, ...]) -> str:
    return "" if _scratch.hold_open(arguments[0]) else f"a lock on the open file {arguments[0]}"


def _record_lock(arguments: tuple[Any, ...]) -> str:
    return _locked(arguments) if arguments[1] in _LOCKING else ""


def _mapped(arguments: tuple[Any, ...]) -> str:
    file, _, access = arguments[:3]
    if file == -1 or access in _MAPPED_FOR_READING or _scratch.hold_open(file):
        return ""
    return f"the open file {file} (mapped for writing)"


def _is_of_a_program(path: str) -> bool:
    return path.startswith(_PROGRAM_FOLDERS) or any(folder in path for folder in _LIBRARIES)


def _temporary(arguments: tuple[Any, ...]) -> str:
    _scratch.note(arguments[0])
    return ""


def _database(arguments: tuple[Any, ...]) -> str:
    return "" if _scratch.hold(_name(arguments[0])) else f"the database {arguments[0]!r}"


def _thread(arguments: tuple[Any, ...]) -> str:
    return "" if _threads_allowed else f"{THREAD}, for {arguments[0]!r}"


_EVENTS: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "open": _file,
    "tempfile.mkstemp": _temporary,
    "tempfile.mkdtemp": _temporary,
    "sqlite3.connect": _database,
    "socket.connect": _socket,
    "socket.sendto": _socket,
    "socket.sendmsg": _socket,
    "socket.bind": lambda arguments: f"a socket at {arguments[1]!r}",
    "socket.getaddrinfo": _addresses,
    "socket.gethostbyname": _name_service,
    "socket.gethostbyaddr": _name_service,
    "socket.getnameinfo": _name_service,
    "os.mkdir": _changed("made", folder=2, follow=False),
    "os.rmdir": _changed("removed", folder=1, follow=False),
    "os.remove": _changed("removed", folder=1, follow=False),
    "os.truncate": _changed("truncated"),
    "os.chmod": _changed("mode changed", folder=2),
    "os.chown": _changed("owner changed", folder=3),
    "os.chflags": _changed("flags changed"),
    "os.utime": _changed("times changed", folder=3),
    "os.setxattr": _changed("attribute set"),
    "os.removexattr": _changed("attribute removed"),
    "os.rename": _moved("renamed from"),
    "os.link": _moved("linked to"),
    "os.symlink": _linked,
    "os.chdir": lambda arguments: f"the working directory, changed to {_name(arguments[0])!r}",
    "os.lockf": _locked,
    "fcntl.flock": _locked,
    "fcntl.lockf": _locked,
    "fcntl.fcntl": _record_lock,
    "msvcrt.locking": _locked,
    "mmap.__new__": _mapped,
    "os.kill": lambda arguments: f"the process {arguments[0]}, by a signal",
    "os.killpg": lambda arguments: f"the process group {arguments[0]}, by a signal",
    "subprocess.Popen": _program,
    "os.system": _program,
    "os.exec": _program,
    "os.posix_spawn": _program,
    "os.spawn": lambda arguments: _program(arguments[1:]),
    "os.startfile": _program,
    "os.fork": lambda _: "a forked process",
    "os.forkpty": lambda _: "a forked process",
    "_thread.start_new_thread": _thread,
    "_thread.start_joinable_thread": _thread,
}
"""By audit event (https://docs.python.org/3/library/audit_events.html), what was reached; an empty text allows it."""
