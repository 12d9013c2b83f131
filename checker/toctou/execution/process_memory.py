"""Detects whether handlers have left something in the memory of their process.

Inspected is what the code of a model can reach by name: global variables of its modules, classes, handlers, the model itself,
and what these hold, as far as it is the user's own or built in: containers, attributes, defaults, closures, caches.  State of an
installed library is not seen, nor what is reset before the requests have ended.  So an unchanged memory proves nothing; and
a changed one is no fault, since a handler may count its calls.

No method of an inspected object is called, because it may be a proxy, a mock, or define its own equality: contents are read by
the methods of built-in types, and are the same if they are identical, or equal plain values.
"""

from __future__ import annotations

import gc
import itertools
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache, partial
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
_LRU_CACHE = type(lru_cache(int))
_NAMED_CONTENTS = (SimpleNamespace, threading.local)


class ProcessMemory:
    """The objects that a model's code can reach, and their contents before requests run."""

    def __init__(self, model: type[Model]) -> None:
        self._modules = modules_of(model)
        self._looks: list[Callable[[], Contents]] = []
        self._known: dict[int, object] = {}  # holds on to them, so that nothing else gets their identities
        self._of_instance: list[Callable[[], Contents]] = []
        self._known_of_instance: dict[int, object] = {}
        self._before: list[Contents] = []
        modules = [_Names(vars(sys.modules[name])) for name in self._modules]
        handlers = [one.function for one in model.handlers().values()]
        self._find(self._looks, self._known, [*modules, *model.__mro__, *handlers])

    def begin(self, instance: Model) -> None:
        """Record the contents before requests run that share this instance of the model."""
        self._of_instance, self._known_of_instance = [], {}
        if vars(instance):
            self._find(self._of_instance, self._known_of_instance, [instance])
        self._before = self._contents()

    def changed(self) -> bool:
        """Whether contents differ from those at the beginning, besides clients and the like that were made meanwhile."""
        changed, found = False, list[object]()
        lasting = len(self._looks)
        for at, (before, now) in enumerate(zip(self._before, self._contents(), strict=True)):
            if not _all_same(before, now):
                new = [value for name, value in now.items() if name not in before or not _same(before[name], value)]
                changed = changed or len(before.keys() - now.keys()) > 0 or not all(map(self._of_library, new))
                found += new if at < lasting else []
        self._find(self._looks, self._known, found)
        return changed

    def _contents(self) -> list[Contents]:
        return [_looked(look) for look in (*self._looks, *self._of_instance)]

    def _find(self, looks: list[Callable[[], Contents]], known: dict[int, object], roots: Iterable[object]) -> None:
        """From now on inspect everything that can be reached from these roots."""
        waiting = deque(roots)
        while waiting and len(self._looks) + len(self._of_instance) < MOST:
            found = waiting.popleft()
            if type(found) in _PLAIN or id(found) in self._known or id(found) in known:
                continue
            look = self._look(found)
            if look is not None:
                known[id(found)] = found
                looks.append(look)
                waiting += _looked(look).values()

    def _look(self, found: Any) -> Callable[[], Contents] | None:
        """What returns the contents of an object, if it is of a kind that is inspected."""
        kind = type(found)
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
        if kind in _NAMED_CONTENTS or kind.__module__ in self._modules:
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
    if len(before) != len(now):
        return False
    try:
        return all(name in before and _same(before[name], value) for name, value in now.items())
    except Exception:  # a key of the user's own
        return False


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and type(one) in _PLAIN and bool(one == other))


def _mapping(found: dict[Any, Any]) -> Contents:
    return dict(dict.items(found))


def _sequence(found: Any) -> Contents:
    kind = next(one for one in _SEQUENCES if issubclass(type(found), one))
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
