"""Decides where a thread has nothing to do until the next turn of its loop, as a heartbeat between two beats.

That is where it sleeps, or waits for an event, in the condition of a ``while``, or in the first or last statement of its body.
Between a read and the write that follows from it, it is in the middle of something, whatever it waits for there.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import FrameType

from toctou.scheduling.origin import is_of_a_program

_MOST_FILES = 256


def is_between_turns(frame: FrameType | None) -> bool:
    """Whether the code that has called this, through the standard library, is about to begin another turn."""
    while frame is not None and not is_of_a_program(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and frame.f_lineno in _ends_of_turns(frame.f_code.co_filename)


@lru_cache(maxsize=_MOST_FILES)
def _ends_of_turns(file: str) -> frozenset[int]:
    """Lines between two turns of some loop."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:  # it is not Python
        return frozenset()
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    return frozenset(line for loop in loops for part in _parts(loop) for line in range(part.lineno, _end(part) + 1))


def _parts(loop: ast.While) -> Iterator[ast.expr | ast.stmt]:
    yield loop.test
    for statement in (loop.body[0], loop.body[-1]):
        if isinstance(statement, ast.If):
            yield statement.test
        elif isinstance(statement, ast.Expr | ast.Assign):
            yield statement


def _end(part: ast.expr | ast.stmt) -> int:
    return part.lineno if part.end_lineno is None else part.end_lineno
