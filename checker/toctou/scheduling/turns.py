"""Decides where a thread has nothing to do until the next turn of its loop, as a heartbeat between two beats.

That is where it sleeps, or waits for an event, and calls nothing else from there to the end of a turn, or from the beginning of
one to there: in the condition of a ``while``, in the first or last statement of its body that calls something, and in that of an
``if`` or a ``try`` that is the first or last itself, or of a function that is called there.  Between a read and the write that
follows from it, it is in the middle of something, whatever it waits for there.

Loops are those that end when something happens: ``while``, and ``for`` over an iterator without an end, not over so many items.

Where that cannot be seen, it shows when a thread comes back to the same place with the same in its variables, but for what a
clock has told it (:func:`memory`): then it carries nothing from one turn to the next, and could do so for ever.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from types import FrameType
from typing import Any, NamedTuple

from toctou.scheduling.origin import is_of_a_program

_MOST_FILES = 256
_ENDLESS = frozenset({"count", "cycle", "repeat"})
"""Functions of ``itertools`` over which a loop does not end by itself."""

_OF_CLOCKS = frozenset({float, datetime, timedelta})
_PLAIN = frozenset({int, str, bytes, bool, type(None)})

Memory = tuple[Sequence[object], Sequence[object]]
"""Where a thread is, and what it holds in its variables."""

_Part = ast.expr | ast.stmt
_CALLS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom)


class _Edges(NamedTuple):
    """Lines of a file, of what is first or last in a turn of some loop, or in a function."""

    first_of_turns: frozenset[int]
    last_of_turns: frozenset[int]
    first_of_functions: frozenset[int]
    last_of_functions: frozenset[int]


def is_between_turns(frame: FrameType | None) -> bool:
    """Whether the code that has called this, through the standard library, is about to begin another turn."""
    first = last = True  # in each function that was called within the turn
    while frame is not None and (first or last):
        if is_of_a_program(frame.f_code.co_filename):
            edges, line = _edges_of(frame.f_code.co_filename), frame.f_lineno
            if (first and line in edges.first_of_turns) or (last and line in edges.last_of_turns):
                return True
            first, last = first and line in edges.first_of_functions, last and line in edges.last_of_functions
        frame = frame.f_back
    return False


def memory(frame: FrameType | None) -> Memory:
    """Where the functions of a program are that have called this, and what they hold in their variables; see :data:`Memory`."""
    found = []
    while frame is not None:
        if is_of_a_program(frame.f_code.co_filename):
            found.append((frame.f_code, frame.f_lineno, {name: _held(one) for name, one in frame.f_locals.items()}))
        frame = frame.f_back
    return [one[:2] for one in found], [one[2] for one in found]


def _held(value: Any, *, within: bool = True) -> object:
    """What stands for a value, the same for values that are alike."""
    kind = type(value)
    if kind in _OF_CLOCKS:
        return kind
    if kind in _PLAIN:
        return value
    if within and kind is dict:
        return [(_held(key, within=False), _held(one, within=False)) for key, one in value.items()]
    if within and kind in (list, tuple):
        return [_held(one, within=False) for one in value]
    return id(value)


@lru_cache(maxsize=_MOST_FILES)
def _edges_of(file: str) -> _Edges:
    try:
        nodes = list(ast.walk(ast.parse("".join(linecache.getlines(file)))))
    except SyntaxError:  # it is not Python
        nodes = []
    turns = [one.body for one in nodes if isinstance(one, ast.While) or (isinstance(one, ast.For) and _is_endless(one))]
    functions = [one.body for one in nodes if isinstance(one, ast.FunctionDef)]
    conditions = [one.test for one in nodes if isinstance(one, ast.While)]
    return _Edges(
        _lines(conditions) | _lines(part for body in turns for part in _first(body)),
        _lines(part for body in turns for part in _last(body)),
        _lines(part for body in functions for part in _first(body)),
        _lines(part for body in functions for part in _last(body)),
    )


def _is_endless(loop: ast.For) -> bool:
    if not isinstance(loop.iter, ast.Call):
        return False
    name = ast.unparse(loop.iter.func).rpartition(".")[2]
    return name in _ENDLESS or (name == "iter" and len(loop.iter.args) > 1)


def _first(body: Sequence[ast.stmt]) -> Iterator[_Part]:
    """What is executed first of a body, as far as it calls something."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield statement.test
            yield from (part for branch in (statement.body, statement.orelse) for part in _first(branch))
        elif isinstance(statement, ast.Try):
            yield from _first(statement.body)
        elif _is_simple(statement):
            yield statement
        if _calls(statement):
            break


def _last(body: Sequence[ast.stmt]) -> Iterator[_Part]:
    """What is executed last of a body, as far as it calls something."""
    for statement in reversed(body):
        if isinstance(statement, ast.If):
            yield statement.test
            yield from (part for branch in (statement.body, statement.orelse) for part in _last(branch))
        elif isinstance(statement, ast.Try):
            handled = [part for one in statement.handlers for part in _last(one.body)]
            yield from [*handled, *_last([*statement.body, *statement.orelse, *statement.finalbody])]
        elif _is_simple(statement):
            yield statement
        if _calls(statement):
            break


def _is_simple(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr | ast.Assign | ast.Return)


def _calls(statement: ast.stmt) -> bool:
    return any(isinstance(node, _CALLS) for node in ast.walk(statement))


def _lines(parts: Iterable[_Part]) -> frozenset[int]:
    return frozenset(line for part in parts for line in range(part.lineno, (part.end_lineno or part.lineno) + 1))
