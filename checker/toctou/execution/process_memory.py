"""Detects what handlers have changed in the memory of their process, and what it is called.

Inspected is what the code of a model can reach by name: global variables of its modules, classes, handlers, the model itself,
the environment, and what these hold, as far as it is the user's own or built in: containers, attributes, defaults, closures,
caches, locks.  State of an installed library is not seen.  So an unchanged memory proves nothing.

No method of an inspected object is called, because it may be a proxy, a mock, or define its own equality: contents are read by
the methods of built-in types, and are the same if they are identical, or equal plain values.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from operator import is_
from types import FunctionType, MemberDescriptorType, MethodType, SimpleNamespace
from typing import Any

from toctou.declaration.fingerprint import modules_of
from toctou.declaration.model import Handler, Model

MOST = 1_000
"""Objects that are inspected at most."""

Contents = dict[Any, Any]
"""What an object holds, by name, by key, or by position."""

_PLAIN = frozenset({int, float, bool, str, bytes, Decimal, type(None)})
_SEQUENCES = (list, tuple, set, frozenset, deque)
_IMMUTABLE = frozenset({tuple, frozenset})
_CONTAINERS = (dict, *_SEQUENCES)
_LRU_CACHE = type(lru_cache(int))
_NAMED_CONTENTS = (SimpleNamespace, threading.local)
_SYNCHRONIZATION = frozenset({"asyncio.locks", "asyncio.queues", "queue", "threading"})
"""Modules of the standard library whose objects one request leaves for another."""


@dataclass(frozen=True, slots=True)
class _Look:
    """An inspected object: what it is called, and what returns its contents.

    Attributes:
        named: whether its contents are attributes, which have names of their own.
    """

    path: str
    named: bool
    contents: Callable[[], Contents]

    def name_of(self, key: object) -> str:
        """What a part of the contents is called: ``service.cache``; a part of a container is called like the container."""
        return f"{self.path}.{key}" if self.named and isinstance(key, str) else self.path


class ProcessMemory:
    """The objects that a model's code can reach, and their contents before requests run."""

    def __init__(self, model: type[Model]) -> None:
        self._modules = modules_of(model)
        self._looks: list[_Look] = []
        self._known: dict[int, object] = {}  # holds on to them, so that nothing else gets their identities
        self._of_instance: list[_Look] = []
        self._known_of_instance: dict[int, object] = {}
        self._before: list[Contents] = []
        modules = [(name, _Names(vars(sys.modules[name]))) for name in self._modules]
        classes = [(f"{one.__module__}.{one.__qualname__}", one) for one in model.__mro__]
        handlers = [(name, one.function) for name, one in model.handlers().items()]
        self._find(self._looks, self._known, [*modules, *classes, *handlers, ("os.environ", os.environ)])

    def begin(self, instance: Model) -> None:
        """Record the contents before requests run that share this instance of the model."""
        self._of_instance, self._known_of_instance = [], {}
        if vars(instance):
            self._find(self._of_instance, self._known_of_instance, [(type(instance).__name__, instance)])
        self._before = self._contents()

    def changed(self) -> list[str]:
        """Names of what differs from the beginning, besides clients and the like that were made meanwhile."""
        names, found = dict[str, None](), list[tuple[str, object]]()
        lasting = len(self._looks)
        looks = [*self._looks, *self._of_instance]
        for at, (look, before, now) in enumerate(zip(looks, self._before, self._contents(), strict=True)):
            if _all_same(before, now):
                continue
            names.update(dict.fromkeys(look.name_of(key) for key in before.keys() - now.keys()))
            new = {key: value for key, value in now.items() if key not in before or not _same(before[key], value)}
            names.update(dict.fromkeys(look.name_of(key) for key, one in new.items() if not self._of_library(one)))
            found += [(look.name_of(key), one) for key, one in new.items()] if at < lasting else []
        before_found = len(self._looks)
        self._find(self._looks, self._known, found)
        # They are compared with themselves until the next beginning.
        self._before[lasting:lasting] = [_looked(look.contents) for look in self._looks[before_found:]]
        return list(names)

    def _contents(self) -> list[Contents]:
        return [_looked(look.contents) for look in (*self._looks, *self._of_instance)]

    def _find(self, looks: list[_Look], known: dict[int, object], roots: Iterable[tuple[str, object]]) -> None:
        """From now on inspect everything that can be reached from these roots, by their names."""
        waiting = deque(roots)
        while waiting and len(self._looks) + len(self._of_instance) < MOST:
            path, found = waiting.popleft()
            if type(found) in _PLAIN or id(found) in self._known or id(found) in known:
                continue
            contents = self._look(found)
            if contents is not None:
                known[id(found)] = found
                look = _Look(path, not issubclass(type(found), _CONTAINERS), contents)
                looks.append(look)
                waiting += [(look.name_of(key), value) for key, value in _looked(contents).items()]

    def _look(self, found: Any) -> Callable[[], Contents] | None:
        """What returns the contents of an object, if it is of a kind that is inspected."""
        kind = type(found)
        if kind in _IMMUTABLE:
            contents = _sequence(found)
            return lambda: contents
        if issubclass(kind, dict):
            return partial(_mapping, found)
        if issubclass(kind, _SEQUENCES):
            return partial(_sequence, found)
        if kind in _TAKEN_APART:
            return partial(_TAKEN_APART[kind], found)
        if kind is FunctionType:
            return partial(_of_function, found) if found.__module__ in self._modules else None
        if issubclass(kind, type):
            return partial(_named, vars(found)) if found.__module__ in self._modules else None
        if kind in _NAMED_CONTENTS or kind.__module__ in self._modules or kind.__module__ in _SYNCHRONIZATION:
            return partial(_attributes, found)
        return None

    def _of_library(self, value: Any) -> bool:
        # Such as a client: not inspected, and made when it was first needed.
        package = type(value).__module__.partition(".")[0]
        return package not in sys.stdlib_module_names and self._look(value) is None


class _Names:
    """The global variables of a module, as a type of its own for :data:`_TAKEN_APART`."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names


_TAKEN_APART: dict[type, Callable[[Any], Contents]] = {
    _Names: lambda found: _named(found.names),
    Handler: lambda found: {0: found.function},
    type(threading.Lock()): lambda found: {0: found.locked()},
    type(threading.RLock()): lambda found: {0: repr(found)},
    type(os.environ): lambda found: dict(found._data),
    bytearray: lambda found: {0: repr(found)},
    itertools.count: lambda found: {0: repr(found)},
    _LRU_CACHE: lambda found: dict(enumerate(one for one in gc.get_referents(found) if type(one) is dict)),
    staticmethod: lambda found: {0: found.__func__},
    classmethod: lambda found: {0: found.__func__},
    MethodType: lambda found: {0: found.__func__, 1: found.__self__},
    partial: lambda found: {0: found.func, 1: found.args, 2: found.keywords},
    property: lambda found: {0: found.fget, 1: found.fset},
}
"""The contents of objects that are no containers, by their exact type."""


def _looked(look: Callable[[], Contents]) -> Contents:
    try:
        return look()
    except Exception:  # the user's own objects may raise anything
        return {}


def _all_same(before: Contents, now: Contents) -> bool:
    if before is now:
        return True
    if len(before) != len(now):
        return False
    # Most often everything is what it was, which is seen ten times as fast without a line of Python for each part.
    if all(map(is_, before.values(), now.values())) and all(map(is_, before, now)):
        return True
    try:
        return all(name in before and _same(before[name], value) for name, value in now.items())
    except Exception:  # a key of the user's own
        return False


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and type(one) in _PLAIN and bool(one == other))


def _mapping(found: dict[Any, Any]) -> Contents:
    return found.copy() if type(found) is dict else dict(dict.items(found))


def _sequence(found: Any) -> Contents:
    kind = type(found)
    if kind not in _SEQUENCES:
        kind = next(one for one in _SEQUENCES if issubclass(kind, one))
    return dict(enumerate(kind.__iter__(found)))


def _named(names: Any) -> Contents:
    return {name: value for name, value in names.items() if not name.startswith("__")}


def _attributes(found: Any) -> Contents:
    contents: Contents = {}
    for base in type(found).__mro__:
        for name, value in vars(base).items():
            if type(value) is MemberDescriptorType:
                with suppress(AttributeError):  # the slot may be unset
                    contents[name] = value.__get__(found)
    with suppress(TypeError):  # it may have slots only
        contents.update(vars(found))
    return contents


def _of_function(function: FunctionType) -> Contents:
    cells = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # the name may be unset yet
            cells.append(cell.cell_contents)
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return {
        **dict(enumerate(defaults)),
        **{("closure", at): cell for at, cell in enumerate(cells)},
        **function.__dict__,
    }
