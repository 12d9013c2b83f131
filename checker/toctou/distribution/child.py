"""A process of its own for each thread that explores.

An open laboratory takes the clock, the random numbers and the DynamoDB clients of its whole process, and a handler may end
its process or never come back from it.  So whoever explores on behalf of others does it in a child process, which may
be lost without harm.  Parent and child speak through the child's standard input and output: the length of a pickle, then
the pickle.  What a handler prints goes to standard error.

All children hash strings alike, so that a set that decides what a handler does next decides the same in each of them.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import traceback
from typing import IO, Any

from toctou.distribution.assignment import Source, Workplace
from toctou.errors import BadInput, InternalError, ToctouError

_LENGTH = struct.Struct(">Q")
_PROTOCOL = pickle.HIGHEST_PROTOCOL
_CHILDREN: dict[_Child, None] = {}
_OF_THREAD = threading.local()


class WorkerLost(Exception):
    """A process that was exploring has ended; whatever it was at is lost."""


class _Child:
    """A child process, from its parent's side."""

    def __init__(self) -> None:
        environment = {"PYTHONHASHSEED": "0", **os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "toctou.distribution.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        _CHILDREN[self] = None

    def ask(self, request: bytes) -> bytes:
        """Let the child do something, and wait for it."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: PT018, S101 - both are pipes
        try:
            _send(self._process.stdin, request)
            return _receive(self._process.stdout)
        except (OSError, EOFError):
            self.end()
            raise WorkerLost(_ending(self._process.returncode)) from None

    @property
    def number(self) -> int:
        """Its process number."""
        return self._process.pid

    def end(self) -> None:
        """End the process, whatever it does."""
        _CHILDREN.pop(self, None)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    """What was left to write has nobody to read it."""


def in_child(request: bytes) -> bytes:
    """Let the child of this thread do what :func:`packed` says; :func:`unpacked` tells what it answered.

    Both stay packed on their way, because only the first and the last process can be expected to know the classes in them.

    Raises:
        WorkerLost: the child has ended meanwhile; the next call starts another one.
    """
    child = getattr(_OF_THREAD, "child", None)
    if child is None or child not in _CHILDREN:
        child = _OF_THREAD.child = _Child()
    return child.ask(request)


def packed(method: str, source: Source, *arguments: Any) -> bytes:
    """What a child is to do: a method of :class:`~toctou.distribution.assignment.Workplace`.

    Raises:
        BadInput: the arguments cannot be sent.
    """
    try:
        return pickle.dumps((source, method, pickle.dumps(arguments, _PROTOCOL)), _PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError) as fault:
        raise _unsuitable(fault) from None


def unpacked(answer: bytes) -> Any:
    """What a child has answered.

    Raises:
        ToctouError: what it raised.
    """
    content = pickle.loads(answer)  # noqa: S301 - from our own child
    if isinstance(content, BaseException):
        raise content
    return content


def children() -> list[int]:
    """Process numbers of this process's children, oldest first."""
    return [child.number for child in _CHILDREN]


def end_children() -> None:
    """End all children of this process; whoever waits for one is told that it is lost."""
    for child in list(_CHILDREN):
        child.end()


def main() -> None:
    """Do what the parent says until it says no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    workplace = Workplace()
    while True:
        try:
            request = _receive(requests)
        except EOFError:
            return
        answer = _answer(workplace, request)
        try:
            content = pickle.dumps(answer, _PROTOCOL)
        except (pickle.PicklingError, TypeError, AttributeError) as fault:
            content = pickle.dumps(_unsuitable(fault), _PROTOCOL)
        _send(answers, content)


def _answer(workplace: Workplace, request: bytes) -> Any:
    try:
        source, method, arguments = pickle.loads(request)  # noqa: S301 - from our own parent
        workplace.stand_in(source)
        return getattr(workplace, method)(source, *pickle.loads(arguments))  # noqa: S301
    except ToctouError as fault:
        return fault
    except Exception:
        return InternalError(traceback.format_exc())


def _unsuitable(fault: Exception) -> BadInput:
    return BadInput(
        f"an argument or an answer of a handler cannot be sent to another process: {fault}",
        expected="plain values: strings, numbers, lists, mappings, or objects of classes at the top of a module",
        cause="a value that holds a lock, a function, or an object of a class defined inside a function",
        remedy="check this model with one job",
    )


def _send(stream: IO[bytes], content: bytes) -> None:
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _ending(status: int) -> str:
    if status < 0:
        return f"the process was ended by {signal.Signals(-status).name}"
    return f"the process ended with status {status}"


if __name__ == "__main__":
    main()
