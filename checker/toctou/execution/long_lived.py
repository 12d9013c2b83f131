"""Leaves what lives long out of garbage collections, while many short executions come and go.

The modules, classes and service descriptions of a program that uses botocore are some hundred thousand objects, which Python's
collector would go through again and again (https://docs.python.org/3/library/gc.html#gc.freeze).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def long_lived_set_aside() -> Iterator[None]:
    """While inside, what is in memory now is taken to stay; nothing changes for a program that has frozen objects itself."""
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
