"""Decides where a call comes from: the handler's own lines, and the library that it asked.

A call that escapes interception shows deep inside of a library: in ``urllib3`` for ``requests``, in ``asyncio`` for ``httpx``.
What a reader knows is the line of the handler, and what that line calls.
"""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from types import FrameType
from typing import NamedTuple

MOST_LINES = 6
"""Lines of the handler that are shown, the innermost ones."""

_OWN_FOLDER = str(Path(__file__).parents[1]) + os.sep
_INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
_STANDARD = tuple({f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib")})
_BENEATH = ("botocore", "boto3", "urllib3")
"""Libraries that others are made of; named only if nothing else is between the handler and the call."""


class Site(NamedTuple):
    """A place that was being executed."""

    module: str
    file: str
    line: int
    function: str

    @property
    def package(self) -> str:
        """The top package of the module."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{_shown(self.file)}:{self.line} in {self.function}: {linecache.getline(self.file, self.line).strip()}"


def sites(frame: FrameType | None) -> list[Site]:
    """The places that are being executed, innermost first, without the checker's own."""
    return sites_of((one, one.f_lineno) for one in _outwards(frame))


def sites_between(frame: FrameType | None, end: FrameType) -> list[Site]:
    """The places that are being executed within a frame, innermost first, without the checker's own."""
    return sites_of((one, one.f_lineno) for one in takewhile(lambda one: one is not end, _outwards(frame)))


def sites_of(places: Iterable[tuple[FrameType, int]]) -> list[Site]:
    """Frames and their lines as places, without the checker's own."""
    return [
        Site(
            frame.f_globals.get("__name__") or "",
            frame.f_code.co_filename,
            line,
            frame.f_code.co_qualname.rpartition("<locals>.")[2],
        )
        for frame, line in places
        if not frame.f_code.co_filename.startswith(_OWN_FOLDER)
    ]


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


@lru_cache(maxsize=4096)
def is_standard(file: str) -> bool:
    """Whether code of this file is Python's own."""
    return file.startswith((*_STANDARD, "<frozen ")) and not _is_installed(file)


def _is_installed(file: str) -> bool:
    return any(folder in file for folder in _INSTALLED)


def is_of_the_handler(site: Site) -> bool:
    """Whether it is code of neither Python nor an installed library."""
    return not is_standard(site.file) and not _is_installed(site.file)


def is_of_a_program(file: str) -> bool:
    """Whether code of this file is neither Python's nor the checker's: the handler's, or that of a library that it uses."""
    return not file.startswith(_OWN_FOLDER) and not is_standard(file)


@lru_cache(maxsize=4096)
def is_handlers_file(file: str) -> bool:
    """Whether code of this file is the handler's: of neither Python, nor an installed library, nor the checker."""
    return is_of_a_program(file) and not _is_installed(file)


def library(called: Sequence[Site]) -> str:
    """What made the call for the handler, whose places are given innermost first; empty if it did so itself.

    It is the package that the handler called, or a method of the project's own that such a package has called back, as in a
    subclass of an AWS client.
    """
    between = list(takewhile(lambda site: not is_of_the_handler(site), called))
    own, caller = (*called[len(between) :], None, None)[:2]
    installed = [site.package for site in reversed(between) if not is_standard(site.file)]
    names = [name for name in installed if name not in _BENEATH]
    if names or not installed:
        return (names or [site.module for site in reversed(between)] or [""])[0]
    if own is not None and caller is not None and caller.package in _BENEATH:
        return f"{own.module}.{own.function}"
    return installed[0]


def described(called: Sequence[Site]) -> str:
    """The lines of the handler, innermost last; if there are none, those of libraries."""
    own = [site for site in called if is_of_the_handler(site)] or called
    return "\n".join(f"  {site}" for site in reversed(own[:MOST_LINES]))


def _shown(file: str) -> str:
    path = Path(file)
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name
