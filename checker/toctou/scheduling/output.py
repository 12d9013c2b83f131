"""Decides where what code under test prints goes: to the request that is running, or else where it went before.

Streams that stand at ``sys.stdout`` and ``sys.stderr`` ask the runner about each text.  They are installed before models are
imported, so that what keeps a stream (handlers of ``logging``, loggers of libraries) keeps one of these.  What is written to a
file descriptor, or to ``sys.__stdout__``, does not come by here.
"""

from __future__ import annotations

import logging
import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

Take = Callable[[str, str], bool]
"""Takes a text that was written to ``stdout`` or ``stderr``, given the name; ``False`` if no request has written it."""

_takers: list[Take] = []

_stood: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
"""Streams that others have put at ``sys.stdout`` and ``sys.stderr``, some of which pytest exchanges several times in a test."""


@contextmanager
def routed() -> Iterator[None]:
    """While inside, what is written to ``sys.stdout`` and ``sys.stderr`` goes to the request that writes it, if one does."""
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    # A stream that was closed before the process started is None.
    installed = {
        name: _Stream(name, stream)
        for name, stream in before.items()
        if stream is not None and type(stream) is not _Stream
    }
    for name, stream in installed.items():
        setattr(sys, name, stream)
        with suppress(TypeError):  # no weak reference to it can be made
            _stood[before[name]] = name
    kept = [(one, one.stream) for one in _log_handlers() if _stood_at(one.stream)] if installed else []
    for handler, stream in kept:
        handler.stream = _Stream(_stood_at(stream), stream)
    try:
        yield
    finally:
        for handler, stream in kept:
            if type(handler.stream) is _Stream:
                handler.stream = stream
        for name, stream in installed.items():
            if getattr(sys, name) is stream:  # or somebody else has replaced it meanwhile
                setattr(sys, name, before[name])


def _stood_at(stream: Any) -> str:
    """The name under which :mod:`sys` has held a stream; ``""`` if it has not, as far as is known."""
    try:
        return _stood.get(stream, "")
    except TypeError:  # it has no hash
        return ""


def _log_handlers() -> Iterator[logging.StreamHandler[Any]]:
    """Those that keep a stream, which may be that of the time before."""
    loggers = [
        logging.root,
        *(one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)),
    ]
    for logger in loggers:
        # Others compute their stream each time, or write to a file.
        yield from [one for one in logger.handlers if isinstance(one, logging.StreamHandler) and "stream" in vars(one)]


@contextmanager
def taken_by(take: Take) -> Iterator[None]:
    """While inside, ``take`` is asked for each text that is written."""
    _takers.append(take)
    try:
        with routed():
            yield
    finally:
        _takers.remove(take)


def warn_again() -> None:
    """Let each line warn once more that has warned already, which Python would suppress."""
    with warnings.catch_warnings():  # entering and leaving it makes Python forget that
        pass


def _taken(name: str, text: str) -> bool:
    return bool(_takers) and _takers[-1](name, text)


class _Stream:
    """A text stream over another one, which is what it appears to be, also to ``isinstance``."""

    def __init__(self, name: str, beneath: TextIO) -> None:
        self._name = name
        self._beneath = beneath

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._beneath)

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError(f"cannot pickle {type(self._beneath).__name__!r} object")  # nor copy, as any stream

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        return len(text) if _taken(self._name, text) else self._beneath.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if not _taken(self._name, ""):
            self._beneath.flush()

    @property
    def buffer(self) -> Any:
        return _Buffer(self._name, self._beneath.buffer, self._beneath.encoding or "utf-8")

    def __enter__(self) -> TextIO:
        return cast("TextIO", self)

    def __exit__(self, *_: object) -> None:
        self.flush()

    def __iter__(self) -> Iterator[str]:
        return iter(self._beneath)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beneath, name)


class _Buffer:
    """The bytes of such a stream."""

    def __init__(self, name: str, beneath: Any, encoding: str) -> None:
        self._name = name
        self._beneath = beneath
        self._encoding = encoding

    def write(self, content: Any) -> int:
        whole = memoryview(content)
        if _taken(self._name, str(whole.tobytes(), self._encoding, "backslashreplace")):
            return whole.nbytes
        return int(self._beneath.write(content))

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if not _taken(self._name, ""):
            self._beneath.flush()

    def close(self) -> None:
        """Whoever wraps these bytes in a stream of their own closes them when that is forgotten."""
        self.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beneath, name)
