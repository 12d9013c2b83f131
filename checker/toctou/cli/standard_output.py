"""Decides who writes to standard output: the command its document, and code under test nothing.

A document must be parseable whatever code under test writes and by whatever means: Python's ``print``, C code, another process,
at import, in a thread, or while the program exits.  So while models can run, file descriptor 1 is standard error, and the
command keeps a private duplicate of what it was.  Children inherit that.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from toctou.scheduling.output import routed

_OUTPUT = 1
_STANDARD_ERROR = 2
_reserved: list[TextIO] = []


def standard_output() -> TextIO:
    """Where the command prints."""
    return _reserved[-1] if _reserved else sys.stdout


@contextmanager
def reserved(*, for_good: bool) -> Iterator[None]:
    """Keep standard output to :func:`standard_output`; what others write there becomes standard error.

    Args:
        for_good: also afterwards, because the process ends then, and what it prints last belongs to no document.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    before = _duplicate(_OUTPUT)
    if before is not None:
        _point_at_standard_error()
    try:
        # The streams that models find are those that know which request writes to them.
        with _own(before) as own, _redirected(own), routed():
            _reserved.append(own)
            try:
                yield
                own.flush()
            finally:
                _reserved.pop()
    finally:
        if before is not None:
            if not for_good:
                _flush(sys.stdout)
                os.dup2(before, _OUTPUT)
            os.close(before)


@contextmanager
def _own(before: int | None) -> Iterator[TextIO]:
    """The stream of the command: the process's own, or what somebody, such as pytest, has put in its place."""
    if sys.stdout is None:  # it was closed before the process started
        with open(os.devnull, "w") as nothing:
            yield nothing
    elif before is None or not _is_the_descriptor(sys.stdout):
        yield sys.stdout
    else:
        own = open(before, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)  # noqa: SIM115
        try:
            yield own
        finally:
            with suppress(OSError):  # a reader that has gone was told of already
                own.close()


@contextmanager
def _redirected(own: TextIO) -> Iterator[None]:
    # The process's own stream follows its descriptor; that of somebody else has to be replaced.
    if own is sys.stdout:
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    if isinstance(sys.stdout, io.TextIOWrapper):  # in the order in which things are written to standard error
        sys.stdout.reconfigure(line_buffering=True)
    yield


def _is_the_descriptor(stream: TextIO) -> bool:
    try:
        return stream.fileno() == _OUTPUT
    except (OSError, ValueError):  # it has none, or is closed
        return False


def _point_at_standard_error() -> None:
    if sys.__stderr__ is not None:
        os.dup2(_STANDARD_ERROR, _OUTPUT)
        return
    nothing = os.open(
        os.devnull, os.O_WRONLY
    )  # it was closed before the process started: nobody reads what others write
    os.dup2(nothing, _OUTPUT)
    os.close(nothing)


def _duplicate(descriptor: int) -> int | None:
    """A duplicate that is none of the three standard streams, even if some of those are closed."""
    too_low: list[int] = []
    try:
        while (copy := os.dup(descriptor)) <= _STANDARD_ERROR:
            too_low.append(copy)
    except OSError:
        return None
    finally:
        for one in too_low:
            os.close(one)
    return copy


def _flush(stream: TextIO | None) -> None:
    if stream is not None:
        with suppress(OSError, ValueError):
            stream.flush()
