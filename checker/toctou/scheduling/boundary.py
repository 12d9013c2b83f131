"""Detects what a handler reaches behind the intercepted client: sockets, files, other programs, threads.

Python reports such events to audit hooks (PEP 578).  A hook cannot be removed, so one is added when the first execution
starts, and it is inactive unless code under test is running.  Reading program files (modules, installed packages, AWS
configuration) is no input of the handler and is allowed.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Callable
from typing import Any

Reached = Callable[[str], None]
"""Called with what was reached, such as ``a socket to ('10.0.0.1', 443)``; may raise to prevent it."""

_watcher: Reached | None = None
_installed = False
_PROGRAM_SUFFIXES = (".py", ".pyc", ".so", ".pyi", ".zip")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def _program_folders() -> tuple[str, ...]:
    folders = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()}
    aws = os.path.join(os.path.expanduser("~"), ".aws")
    return (*(os.path.realpath(folder) + os.sep for folder in folders), aws + os.sep, "/dev/", "/usr/share/zoneinfo/")


_PROGRAM_FOLDERS = _program_folders()
_LIBRARIES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
"""Also of other environments, which this one may see."""


def watch(watcher: Reached | None) -> None:
    """From now on report to ``watcher``; ``None`` to suspend monitoring."""
    global _watcher, _installed  # noqa: PLW0603
    if watcher is not None and not _installed:
        sys.addaudithook(_hook)
        _installed = True
    _watcher = watcher


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watcher is None:
        return
    describe = _EVENTS.get(event)
    if describe is not None and (reached := describe(arguments)):
        _watcher(reached)


def _socket(arguments: tuple[Any, ...]) -> str:
    return f"a socket to {arguments[1]!r}"


def _program(arguments: tuple[Any, ...]) -> str:
    return f"another program, {arguments[0]!r}"


def _file(arguments: tuple[Any, ...]) -> str:
    path, _, flags = arguments
    if isinstance(path, int) or path is None:
        return ""
    name = os.fsdecode(path)
    writing = isinstance(flags, int) and bool(flags & _WRITING)
    if name == os.devnull or "__pycache__" in name:
        return ""
    if not writing and (name.endswith(_PROGRAM_SUFFIXES) or _is_of_a_program(os.path.realpath(name))):
        return ""
    return f"the file {name!r} ({'for writing' if writing else 'for reading'})"


def _is_of_a_program(path: str) -> bool:
    return path.startswith(_PROGRAM_FOLDERS) or any(folder in path for folder in _LIBRARIES)


_EVENTS: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "open": _file,
    "sqlite3.connect": lambda arguments: f"the database {arguments[0]!r}",
    "socket.connect": _socket,
    "socket.sendto": _socket,
    "socket.sendmsg": _socket,
    "socket.getaddrinfo": lambda arguments: f"the name service for {arguments[0]!r}",
    "socket.gethostbyname": lambda arguments: f"the name service for {arguments[0]!r}",
    "subprocess.Popen": _program,
    "os.system": _program,
    "os.exec": _program,
    "os.posix_spawn": _program,
    "os.fork": lambda _: "a process of its own",
    "_thread.start_new_thread": lambda arguments: f"a thread of its own, for {arguments[0]!r}",
}
"""By audit event (https://docs.python.org/3/library/audit_events.html), what was reached; an empty text allows it."""
