"""Decides whether code that waits in the background can come to call DynamoDB: whether it can reach a client, or make one.

Looked at is what the code holds on to: local variables, closures, attributes, methods, and the global variables that it names.
So it errs on the side of calls: what is reached may never be used.  No method of an object is called.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, CoroutineType, FrameType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any, NamedTuple

from botocore.client import BaseClient

from toctou.scheduling.origin import is_handlers_file, is_of_a_program

MOST = 5_000
"""Objects that are looked at at most."""

_PLAIN = frozenset({int, float, bool, str, bytes, type(None)})
_MAKES_CLIENTS = frozenset({"boto3", "botocore", "aioboto3", "aiobotocore"})


class Executed(NamedTuple):
    """A function that was being executed: its thread may be gone, and its frame with it."""

    code: CodeType
    variables: Mapping[str, Any]
    local: Mapping[str, Any]

    @staticmethod
    def by(frame: FrameType) -> Executed:
        """What a frame executes now."""
        return Executed(frame.f_code, frame.f_globals, dict(frame.f_locals))


def calls_dynamodb(executed: Iterable[Executed], held: Iterable[Any]) -> bool:
    """Whether code that is being executed, or that these objects are made of, reaches a client of DynamoDB."""
    return any(map(_is_client, _reached(executed, held)))


def _is_client(found: Any) -> bool:
    if issubclass(type(found), BaseClient):  # asked of its type, as of a proxy nothing is asked
        return bool(found.meta.service_model.service_name == "dynamodb")
    return type(found) is ModuleType and found.__name__.partition(".")[0] in _MAKES_CLIENTS


def _reached(executed: Iterable[Executed], held: Iterable[Any]) -> Iterator[Any]:
    waiting = deque(held)
    for one in executed:
        waiting.extend(_of_executed(one))
    known: dict[int, Any] = {}
    while waiting and len(known) < MOST:
        found = waiting.popleft()
        if type(found) in _PLAIN or id(found) in known:
            continue
        known[id(found)] = found
        yield found
        if not issubclass(type(found), BaseClient):
            waiting.extend(_parts(found))


def _parts(found: Any) -> Iterator[Any]:
    kind = type(found)
    if kind is FunctionType:
        yield from (found.__closure__, found.__defaults__, found.__kwdefaults__, found.__dict__)
        yield from _named(found.__code__, found.__globals__)
    elif kind is MethodType:
        yield from (found.__func__, found.__self__)
    elif kind in (CoroutineType, GeneratorType):
        frame = found.cr_frame if kind is CoroutineType else found.gi_frame
        if frame is not None:
            yield from _of_executed(Executed.by(frame))
    elif kind is not ModuleType and not issubclass(kind, type):
        yield from (one for one in gc.get_referents(found) if not issubclass(type(one), type | ModuleType | FrameType))
        yield from _methods(kind)


def _of_executed(executed: Executed) -> Iterator[Any]:
    if is_of_a_program(executed.code.co_filename):
        yield from executed.local.values()
        yield from _named(executed.code, executed.variables)


def _named(code: CodeType, variables: Mapping[str, Any]) -> Iterator[Any]:
    """The global variables that a function names; a module only where code of the user's does, and what that takes from it."""
    if not is_of_a_program(code.co_filename):
        return
    for name in code.co_names:
        value = variables.get(name)
        if type(value) is not ModuleType:
            yield value
        elif is_handlers_file(code.co_filename):
            yield value
            yield from (vars(value).get(one) for one in code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _named(inner, variables)


def _methods(kind: type) -> Iterator[Any]:
    for base in kind.__mro__:
        for one in vars(base).values():
            function = getattr(one, "__func__", one) if isinstance(one, staticmethod | classmethod) else one
            if type(function) is FunctionType and is_of_a_program(function.__code__.co_filename):
                yield function
