"""Decides which files are a request's own: those that it has made with ``tempfile``, and what it puts there.

Their names are random and known to no other request, so they are no more shared than its memory is: it may write, rename and
remove there.  So is what has such a name with something appended, as boto3's ``download_file`` does, or with another suffix.
Python's audit events ``tempfile.mkstemp`` and ``tempfile.mkdtemp`` name them before they are made.  The names are drawn from a
request's own numbers, so that they are the same in each run of a schedule, and what a request leaves behind is removed with
its schedule, or the next one would find its names taken.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"
_LENGTH = 8

_OPEN_FILES = "/proc/self/fd/"
_DELETED = " (deleted)"
"""What Linux appends to the path of an open file that has been removed."""

_TEMPFILE = vars(tempfile)
"""Where the module keeps the iterator from which all its functions take names, and the folder that it has chosen."""


class ScratchFiles:
    """The files and folders that one request has made with ``tempfile``.

    Attributes:
        numbers: source of their names, once needed.
    """

    __slots__ = ("_drawn", "_made", "numbers")

    def __init__(self) -> None:
        self.numbers: random.Random | None = None
        self._drawn = ""
        self._made: dict[str, set[str]] = {}  # by the path up to the random name, what there may be that begins so

    def draw(self, numbers: random.Random) -> str:
        """A random name."""
        self._drawn = "".join(numbers.choices(_CHARACTERS, k=_LENGTH))
        return self._drawn

    def note(self, path: str | bytes) -> None:
        """Note that this is about to be made; a name that is taken is :meth:`disowned <disown>` again."""
        self._made[self._beginning(path)] = set()

    def disown(self, path: str | bytes) -> None:
        """Note that what was noted last was there already, and is another's."""
        self._made.pop(self._beginning(path), None)

    def _beginning(self, path: str | bytes) -> str:
        place = _place(os.fsdecode(path))
        at = place.rfind(self._drawn) if self._drawn else -1
        return place if at < 0 else place[: at + _LENGTH]

    def hold(self, path: str, *, follow: bool = True, folder: int = -1) -> bool:
        """Whether a path is one of them, or within one; of a link, where it leads, unless it is about the link itself.

        Args:
            path: absolute, or from the folder.
            follow: whether a link at the end of the path is followed.
            folder: an open one; a negative number for the working directory.
        """
        if not self._made:
            return False
        if folder >= 0:
            path = os.path.join(_path_of(folder), path)
        return self._within(os.path.realpath(path) if follow else _place(path))

    def hold_open(self, file: int) -> bool:
        """Whether an open file, by its number, is one of them, or within one."""
        return bool(self._made) and self._within(_path_of(file).removesuffix(_DELETED))

    def remove(self) -> None:
        """Remove those that are left."""
        left = [path for paths in self._made.values() for path in paths]
        self._made.clear()
        for path in left:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    os.unlink(path)

    def _within(self, path: str) -> bool:
        for beginning, made in self._made.items():
            if path.startswith(beginning):
                made.add(beginning + path[len(beginning) :].partition(os.sep)[0])
                return True
        return False


def _place(path: str) -> str:
    """Where a path leads, not following what is there."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _path_of(file: int) -> str:
    with suppress(OSError):
        return os.readlink(f"{_OPEN_FILES}{file}")
    return ""  # this system does not tell


class _Names:
    """Iterates over names; tempfile takes another one if that is taken."""

    def __init__(self, owner: Callable[[], ScratchFiles | None], others: Iterator[str]) -> None:
        self._owner = owner
        self._others = others

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        owner = self._owner()
        if owner is None or owner.numbers is None:
            return next(self._others)
        asking = sys._getframe(1).f_locals
        if (taken := asking.get("file")) is not None:  # the loop of tempfile's function has not ended with that one
            owner.disown(taken)
        return owner.draw(owner.numbers)


@contextmanager
def named_for(owner: Callable[[], ScratchFiles | None]) -> Iterator[None]:
    """While inside, names are drawn from the numbers of the request that runs, ``None`` if none does."""
    with suppress(FileNotFoundError):  # there is no folder for temporary files
        tempfile.gettempdir()  # which tries where it can write, the first time: that is none of a handler's doing
    before = _TEMPFILE["_name_sequence"]
    _TEMPFILE["_name_sequence"] = _Names(owner, before or _TEMPFILE["_RandomNameSequence"]())
    try:
        yield
    finally:
        _TEMPFILE["_name_sequence"] = before
