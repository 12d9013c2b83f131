"""Copies what moto holds of a service, so that it can be restored before each schedule.

Locks and conditions are made anew in a copy, and are free there; what else threads wait with consists of these.
"""

from __future__ import annotations

import copy
import copyreg
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from toctou.errors import UnsupportedAction


def state_of(backend: Any) -> dict[str, Any]:
    """A copy of what a backend of moto's holds.

    Raises:
        UnsupportedAction: something in it cannot be copied.
    """
    try:
        return copy_of(vars(backend), backend, backend)
    except Exception as failed:
        raise UnsupportedAction(
            f"what moto holds of {type(backend).__module__.split('.')[1]} cannot be restored between schedules: "
            f"{type(failed).__name__}: {failed}",
            expected="a model that makes what its handlers need in `setup`, or lists the service in `services`",
            remedy="make it in `setup` of the model",
        ) from failed


def copy_of(state: Mapping[str, Any], backend: Any, into: Any) -> dict[str, Any]:
    """A copy of such a state of a backend, for another one or itself."""
    with _copied_anew():
        return copy.deepcopy(dict(state), {id(backend): into})


@contextmanager
def _copied_anew() -> Iterator[None]:
    """While inside, copies of locks are new ones, and a dictionary of moto's own is copied by what it was made of."""
    known, table = {}, copyreg.dispatch_table
    kinds: dict[Any, Any] = {kind: lambda _, make=make: (make, ()) for kind, make in _LOCKS.items()}
    # It has methods of its lock as attributes, which `copy` would take over.
    kinds[threading.Condition] = lambda one: (threading.Condition, (one._lock,))
    if (parameters := _class("moto.ssm.models", "ParameterDict")) is not None:
        kinds[parameters] = lambda one: (
            type(one), (one.account_id, one.region_name), vars(one), None, iter(list(dict.items(one)))
        )  # fmt: skip
    for kind, reduce in kinds.items():
        known[kind] = table.get(kind)
        table[kind] = reduce
    try:
        yield
    finally:
        for kind, before in known.items():
            table.pop(kind) if before is None else table.__setitem__(kind, before)


_LOCKS = {type(make()): make for make in (threading.Lock, threading.RLock)}


def _class(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)
