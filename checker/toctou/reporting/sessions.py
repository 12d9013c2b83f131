"""Where the reports of a test session go, so that sessions at the same time do not replace each other's.

The first one has the directory, and those that begin before it has ended have ``2``, ``3`` and so on in it.  A session is in
a directory for as long as one of its processes, such as pytest-xdist's workers, holds a shared lock on ``.session`` there,
which names it; the end of a process, whatever it is, lets go of its lock.
"""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path

_FILE = ".session"
_TRIES = 100
_SECONDS = 0.01

_held: dict[Path, Path] = {}
"""What this process has found out; the locks are held by descriptors that are never closed."""


def directory_of_session(directory: Path, session: str) -> Path:
    """The directory for the reports of a session; it is made, and this process is in it until it ends.

    Args:
        directory: where reports are to go.
        session: what all processes of the session, and no other's, are called.

    Raises:
        OSError: it cannot be made or written to.
    """
    wanted = directory.resolve()
    if wanted not in _held:
        places = (wanted if number == 1 else wanted / str(number) for number in count(1))
        _held[wanted] = next(place for place in places if _is_entered(place, session))
    return directory / _held[wanted].relative_to(wanted)


def _is_entered(directory: Path, session: str) -> bool:
    """Whether this process is in the directory now: it was free, or other processes of its session are in it."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none; there, sessions share the directory
    except ImportError:
        return True
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, session.encode(), 0)
        except BlockingIOError:
            pass  # another session is in it
        except OSError:
            return True  # a file system without locks
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_SECONDS)  # another process is about to write its session
            continue
        if os.pread(descriptor, 1000, 0) == session.encode():
            return True
        break
    os.close(descriptor)
    return False
