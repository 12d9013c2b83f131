"""Tells whether handlers have left something behind in the memory of their process.

Looked at is what the code of a model can reach by name: global variables of its modules, the containers, objects and classes
in them, what functions hold (defaults, closures, attributes, caches), and so on, as far as it is the user's own or built in.
What an installed library remembers is not seen, nor what is put back before the requests have ended.  So that nothing was
noticed proves nothing; and that something was is no fault, since a handler may count its calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from checker.exploration.code import modules_of
from checker.exploration.model import Model

MOST = 1_000
"""Things that are looked at; what more there is, is not."""

_CONTAINERS = (dict, list, set, frozenset, tuple)

Contents = list[Any]


class ProcessMemory:
    """Looks at what a model's code can reach."""

    def __init__(self, model: type[Model]) -> None:
        self._modules = modules_of(model)
        self._looks: list[Callable[[], Contents]] = []
        self._known: set[int] = set()
        self._held: list[object] = []  # so that nothing else gets their identities
        self._waiting: list[object] = [vars(sys.modules[name]) for name in self._modules]
        self._find()

    def contents(self, instance: Model) -> list[Contents]:
        """What is there now; equal to what was there before if nothing was changed, put in, or taken out.

        Args:
            instance: of the model, which is made anew for each schedule and shared by its requests.
        """
        own = vars(instance)
        return [[repr(own) if own else ""], *(look() for look in self._looks)]

    def differs(self, before: list[Contents], instance: Model) -> bool:
        """Whether something is otherwise than it was."""
        now = self.contents(instance)
        try:
            same = now == before
        except Exception:  # a comparison of the user's own
            return True
        if not same:
            self._waiting += [part for one, other in zip(now, before, strict=True) if one != other for part in one]
            self._find()
        return not same

    def _find(self) -> None:
        while self._waiting and len(self._looks) < MOST:
            found = self._waiting.pop()
            if id(found) in self._known:
                continue
            look = self._look(found)
            if look is None:
                continue
            self._known.add(id(found))
            self._held.append(found)
            self._looks.append(look)
            self._waiting += look()

    def _look(self, found: object) -> Callable[[], Contents] | None:
        """What looks at the contents of something, if it can have any that change."""
        if isinstance(found, _CONTAINERS):
            return partial(_mapped, found) if isinstance(found, dict) else partial(list, found)
        if hasattr(found, "cache_info"):
            return lambda: [found.cache_info().currsize]
        if isinstance(found, FunctionType):
            return partial(_of_function, found) if found.__module__ in self._modules else None
        if isinstance(found, ModuleType):
            return None
        if isinstance(found, type):
            own = found.__module__ in self._modules
            return partial(_mapped, vars(found)) if own else None
        if type(found).__module__ in self._modules and hasattr(found, "__dict__"):
            return partial(_mapped, vars(found))
        return None


def _mapped(found: Mapping[Any, Any]) -> Contents:
    return [*found, *found.values()]


def _of_function(function: FunctionType) -> Contents:
    return [*_parts(function)]


def _parts(function: FunctionType) -> Iterator[Any]:
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from function.__dict__.values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            """The name has not been given a value yet."""
