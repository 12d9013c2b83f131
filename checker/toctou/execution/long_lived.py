"""Excludes long-lived objects from garbage collection (https://docs.python.org/3/library/gc.html#gc.freeze).

A program that uses botocore holds some hundred thousand objects, which the collector would traverse again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def long_lived_set_aside() -> Iterator[None]:
    """While inside, what is in memory now is not collected; no change for a program that has frozen objects itself."""
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
