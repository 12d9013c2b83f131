"""The machine's clock, for the checker itself, whatever the clock of a request shows.

On the thread that runs a request, the functions of ``time`` are the request's own, wherever they were imported
(:mod:`toctou.scheduling.clock_functions`), and the checker's limits, budgets and waits are on that thread too.  They go by a
second instance of the module, which nothing replaces; ``tests/architecture`` sees to it that they do.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from types import ModuleType


def _second_instance() -> ModuleType:
    spec = importlib.util.find_spec("time")
    assert spec is not None and spec.loader is not None  # noqa: PT018, S101 - it is imported long since
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MACHINE = _second_instance()
"""``time``, with functions of its own; those that return the date are under control all the same."""

seconds: Callable[[], float] = MACHINE.perf_counter
"""Seconds since an arbitrary moment."""

thread_seconds: Callable[[], float] = MACHINE.thread_time
"""Processor time that the calling thread has used, in seconds."""

sleep: Callable[[float], None] = MACHINE.sleep
"""Wait for so many seconds."""
