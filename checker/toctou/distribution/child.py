"""A child process for each thread that explores, because a handler may end its process or hang.

Parent and child communicate through the child's standard input and output: the length of a pickle, then the pickle.  What a
handler prints goes to standard error.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Any

from toctou.distribution.assignment import Source, Workplace
from toctou.errors import BadInput, InternalError, ToctouError
from toctou.scheduling.output import routed

_LENGTH = struct.Struct(">Q")
_PROTOCOL = pickle.HIGHEST_PROTOCOL
CHILDREN: dict[Child, None] = {}
"""The children of this process, oldest first."""

_OF_THREAD = threading.local()


class WorkerLost(Exception):
    """A process that was exploring has ended; its work is lost."""


class Child:
    """A child process, from its parent's side."""

    def __init__(self) -> None:
        # A handler may iterate over a set of strings, which must have the same order in every child.
        environment = {"PYTHONHASHSEED": "0", **os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "toctou.distribution.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        CHILDREN[self] = None

    def ask(self, request: bytes) -> bytes:
        """Send a request to the child, and wait for its response."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: PT018, S101 - both are pipes
        try:
            _send(self._process.stdin, request)
            return _receive(self._process.stdout)
        except (OSError, EOFError):
            self.end()
            raise WorkerLost(_ending(self._process.returncode)) from None

    @property
    def pid(self) -> int:
        """Its process identifier."""
        return self._process.pid

    def end(self) -> None:
        """Kill the process."""
        CHILDREN.pop(self, None)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # buffered bytes that no process will read
                    pipe.close()


def in_child(request: bytes) -> bytes:
    """Let the child of this thread perform a :func:`packed` request; returns a response for :func:`unpacked`.

    Raises:
        WorkerLost: the child has ended meanwhile; the next call starts another one.
    """
    # Both are bytes, because a Dask worker cannot be expected to know the classes in them.
    child = getattr(_OF_THREAD, "child", None)
    if child is None or child not in CHILDREN:
        child = _OF_THREAD.child = Child()
    return child.ask(request)


def packed(method: str, source: Source, *arguments: Any) -> bytes:
    """A request to a child: a method of :class:`~toctou.distribution.assignment.Workplace`, and arguments.

    Raises:
        BadInput: the arguments cannot be sent.
    """
    try:
        return pickle.dumps((source, method, pickle.dumps(arguments, _PROTOCOL)), _PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError) as fault:
        raise _unsuitable(fault) from None


def unpacked(answer: bytes) -> Any:
    """The response of a child.

    Raises:
        ToctouError: raised in the child.
    """
    content = pickle.loads(answer)  # noqa: S301 - from our own child
    if isinstance(content, BaseException):
        raise content
    return content


def end_children() -> None:
    """End all children of this process; threads that wait for one get :class:`WorkerLost`."""
    for child in list(CHILDREN):
        child.end()


def main() -> None:
    """Serve the requests of the parent until it closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Handlers must neither read requests from standard input, nor print into the responses.
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    workplace = Workplace()
    with routed():
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
        workplace.enter(source)
        return getattr(workplace, method)(source, *pickle.loads(arguments))  # noqa: S301
    except ToctouError as fault:
        return fault
    except Exception as fault:
        return InternalError.of("the exploration in another process", fault)


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
