"""Lets sets of threads and of futures iterate alike in runs that do the same.

``concurrent.futures`` keeps both in sets: a pool joins its threads, and ``as_completed`` and ``wait`` return what is done, in the
order of their hashes.  These come from addresses, which differ from run to run.  While this is installed, what the strands of a
request make is numbered, and its number is its hash.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from toctou.scheduling.strand import current

_NUMBER = "_toctou_number"

_numbers: Iterator[int] = itertools.count(1)


def begin() -> None:
    """Number what another request makes, from the same number on: sets are in the order of the numbers modulo their size."""
    global _numbers  # noqa: PLW0603
    _numbers = itertools.count(1)


@contextmanager
def numbered() -> Iterator[None]:
    """While inside, number the threads and futures that strands make."""
    begin()
    kinds: tuple[Any, ...] = (threading.Thread, Future)
    before = [kind.__init__ for kind in kinds]
    for kind in kinds:
        kind.__init__ = _numbering(kind.__init__)
        kind.__hash__ = _hash
    try:
        yield
    finally:
        for kind, made in zip(kinds, before, strict=True):
            kind.__init__ = made
            del kind.__hash__


def _numbering(made: Callable[..., None]) -> Callable[..., None]:
    def make(self: Any, *arguments: Any, **options: Any) -> None:
        if current() is not None:
            vars(self)[_NUMBER] = next(_numbers)  # first: a thread is put into a set while it is made
        made(self, *arguments, **options)

    return make


def _hash(numbered: Any) -> int:
    number: int | None = vars(numbered).get(_NUMBER)
    return object.__hash__(numbered) if number is None else number
