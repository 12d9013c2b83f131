"""Decides what threads are called that have no name of their own, so that the threads of a request have the same names each time.

Python numbers threads and pools through the life of a process, and a handler may store the name of its thread, or log it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

_THREADING: Any = threading
_POOLS: Any = ThreadPoolExecutor
_FIRST_POOL = 100
"""Pools that modules have made are numbered from 0; those of a request are not mistaken for them."""


def begin() -> None:
    """Number the threads and pools of another request, from the same numbers on."""
    _THREADING._counter = itertools.count(1).__next__
    _POOLS._counter = itertools.count(_FIRST_POOL).__next__


@contextmanager
def restored() -> Iterator[None]:
    """Continue afterwards with the numbers that were next before."""
    before = _THREADING._counter, _POOLS._counter
    try:
        yield
    finally:
        _THREADING._counter, _POOLS._counter = before
