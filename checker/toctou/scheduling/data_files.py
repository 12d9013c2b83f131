"""Notes which data files the code under test reads and what was in them, and decides whether they are still the same.

A file that does not change is no input that a schedule would have to reproduce, so reading one is allowed.  What came out holds
for its contents only: a file that changes while it is read again and again is a doubt, and stored results are bound to it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

ABSENT = "absent"
"""Instead of a digest: there is no such file, which decides what a handler does just as contents do."""

_VOLATILE = ("/proc/", "/sys/")
"""Files that the system makes up when they are read."""

_Signature = tuple[int, ...]

_at_import: dict[str, str] = {}
_again_and_again: dict[str, str] = {}
_signatures: dict[str, tuple[_Signature, str]] = {}  # the last digest of each file, and what the file looked like then


def begin(*, imports: bool = False) -> None:
    """From now on other handlers run, or other modules are imported: what was read before may change."""
    _again_and_again.clear()
    if imports:
        _at_import.clear()


def note(path: str, *, once: bool = False) -> str:
    """Note that a file is read, by its path; returns what is wrong with that, or ``""``.

    Args:
        path: absolute, or from the working directory.
        once: when a module is imported, and not in every schedule.
    """
    path = os.path.abspath(path)
    if path.startswith(_VOLATILE) or not _is_plain(path):
        return "for reading"
    found = digest(path)
    known = (_at_import if once else _again_and_again).setdefault(path, found)
    return "" if once or found == known else "which has changed since it was first read"


def adopt(files: Mapping[str, str]) -> None:
    """Note what another process has read, by path the digests."""
    for path, found in files.items():
        _again_and_again.setdefault(path, found)


def noted() -> Mapping[str, str]:
    """The digest of each file that was read, by its absolute path."""
    return {**_at_import, **_again_and_again}


def changed() -> list[str]:
    """Paths of files that schedules have read, and that hold something else now."""
    return [path for path, known in _again_and_again.items() if digest(path) != known]


def digest(path: str) -> str:
    """A digest of a file's contents, :data:`ABSENT` if there is none.  A file that looks the same is not read again."""
    try:
        now = os.stat(path)
    except OSError:
        return ABSENT
    signature = now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_ino, now.st_dev
    known = _signatures.get(path)
    if known is None or known[0] != signature:
        known = _signatures[path] = signature, _digest(path)
    return known[1]


def _digest(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as fault:
        return f"unreadable: {fault.strerror}"
    return blake2b(content, digest_size=8).hexdigest()


def _is_plain(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True  # it is absent, or the handler will meet the same error


def shown(path: str) -> str:
    """A path from the working directory where it is below that."""
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return Path(path).as_posix()
