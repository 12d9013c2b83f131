"""What stands around a request in its test, and would be gone after it: environment variables, patches, the working directory.

Patches are those of pytest's ``monkeypatch`` and of :mod:`unittest.mock` that are in force at that moment.  Each is a place (an
attribute of an object, or a key of a mapping) and the value that the test has put there, so that it can be put there again.
"""

from __future__ import annotations

import os
import sys
import unittest.mock
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any, ClassVar

import pytest

_MISSING = object()
_OF_PYTEST = frozenset({"PYTEST_CURRENT_TEST"})
_OWN = (
    "moto.",
    "toctou.",
    "responses",
    "requests.adapters",
    "botocore.awsrequest",
    "unittest.mock",
    "mock.",
    "_pytest.",
    "pytest",
    "py.",
    "legacypath",
)


@dataclass(frozen=True, slots=True)
class Patch:
    """A value in a place: an attribute (``is_item`` false) or a key of ``target``.

    Attributes:
        everywhere: whether another process that runs tests of the session has the same.
    """

    everywhere: ClassVar[bool] = False

    target: Any
    name: Any
    value: Any
    is_item: bool = False

    @property
    def place(self) -> tuple[int, Any, bool]:
        """The same for patches of the same place."""
        return id(self.target), self.name, self.is_item

    def __str__(self) -> str:
        if self.is_item:
            return f"a mapping's {self.name!r}"
        return f"{getattr(self.target, '__name__', type(self.target).__name__)}.{self.name}"

    def now(self) -> Any:
        """What is there now."""
        if self.is_item:
            return self.target.get(self.name, _MISSING)
        return vars(self.target).get(self.name, _MISSING) if hasattr(self.target, "__dict__") else _MISSING

    def put(self, value: Any) -> None:
        """Put a value there; nothing for what was not there."""
        if value is _MISSING:
            with suppress(KeyError, AttributeError):
                if self.is_item:
                    del self.target[self.name]
                else:
                    delattr(self.target, self.name)
        elif self.is_item:
            self.target[self.name] = value
        else:
            setattr(self.target, self.name, value)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of one request.

    Attributes:
        environment: all variables, shared by requests that have the same.
        patches: those in force, in the order in which they were made.
        folder: the working directory.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    patches: tuple[Patch, ...] = ()
    folder: str = ""

    def clash(self, other: Surroundings) -> str:
        """The first thing in which two requests cannot be run side by side; ``""`` if they can."""
        own = {one.place: one for one in self.patches}
        for one in other.patches:
            if one.place in own and not _alike(own[one.place].value, one.value):
                return f"their tests replace {one} by different things"
        return ""

    @contextmanager
    def restored(self, other: Surroundings | None = None) -> Iterator[None]:
        """While inside, it is as it was; with what only ``other`` has besides."""
        patches = {one.place: one for one in (other.patches if other else ())}
        patches.update((one.place, one) for one in self.patches)
        environment = {**(other.environment if other else {}), **self.environment}
        with ExitStack() as stack:
            stack.enter_context(_environment(environment))
            if self.folder and os.path.isdir(self.folder):
                before = os.getcwd()
                os.chdir(self.folder)
                stack.callback(os.chdir, before)
            for one in patches.values():
                stack.callback(one.put, one.now())
                one.put(one.value)
            yield


@contextmanager
def _environment(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _alike(one: Any, other: Any, depth: int = 4) -> bool:
    """Whether two tests have put the same there: a fixture makes a function, or a mock, of the same kind for each."""
    if one is other:
        return True
    if depth == 0 or type(one) is not type(other):
        return False
    if isinstance(one, FunctionType):
        cells = [[cell.cell_contents for cell in each.__closure__ or ()] for each in (one, other)]
        return one.__code__ is other.__code__ and _all_alike(cells[0], cells[1], depth)
    if isinstance(one, unittest.mock.NonCallableMock):
        answers = [
            [getattr(each, name, None) for name in ("_mock_return_value", "side_effect")] for each in (one, other)
        ]
        names = [sorted(each._mock_children) for each in (one, other)]
        return names[0] == names[1] and _all_alike(answers[0], answers[1], depth)
    try:
        return bool(one == other)
    except Exception:
        return False


def _all_alike(ones: list[Any], others: list[Any], depth: int) -> bool:
    return len(ones) == len(others) and all(
        _alike(one, other, depth - 1) for one, other in zip(ones, others, strict=True)
    )


class Surrounding:
    """Knows what surrounds a request at any moment, inside :meth:`watched`.

    Attributes:
        others: ask for more patches that are in force, such as a framework's own.
    """

    def __init__(self) -> None:
        self.others: list[Callable[[], Iterable[Patch]]] = []
        self._monkeys: weakref.WeakSet[Any] = weakref.WeakSet()
        self._mocks: dict[int, Any] = {}
        self._last: Mapping[str, str] = {}
        self._replaced: list[tuple[type, str, Any]] = []
        self._watched: set[type] = set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While inside, patches are noted as they are made."""
        made, monkeys = pytest.MonkeyPatch.__init__, self._monkeys

        def noted(self: Any, *arguments: Any, **keywords: Any) -> None:
            made(self, *arguments, **keywords)
            monkeys.add(self)

        self._replace(pytest.MonkeyPatch, "__init__", noted)
        self._watch(unittest.mock._patch, unittest.mock._patch_dict)
        try:
            yield
        finally:
            while self._replaced:
                kind, name, original = self._replaced.pop()
                setattr(kind, name, original)

    def _replace(self, kind: type, name: str, new: Any) -> None:
        self._replaced.append((kind, name, vars(kind)[name]))
        setattr(kind, name, new)

    def _watch(self, patch: type, of_mapping: type) -> None:
        """Note what these two classes of a library of mocks put in place, and when they take it away."""
        mocks = self._mocks

        def begins(original: Any) -> Any:
            def begun(self: Any) -> Any:
                value = original(self)
                mocks[id(self)] = self
                return value

            return begun

        def ends(original: Any) -> Any:
            def ended(self: Any, *raised: Any) -> Any:
                mocks.pop(id(self), None)
                return original(self, *raised)

            return ended

        self._watched.add(patch)
        self._replace(patch, "__enter__", begins(vars(patch)["__enter__"]))
        self._replace(patch, "__exit__", ends(vars(patch)["__exit__"]))
        self._replace(of_mapping, "_patch_dict", begins(vars(of_mapping)["_patch_dict"]))
        self._replace(of_mapping, "_unpatch_dict", ends(vars(of_mapping)["_unpatch_dict"]))

    def now(self) -> Surroundings:
        """What surrounds a request now."""
        backport: Any = sys.modules.get("mock.mock")  # of PyPI, whose first patches are made before any request
        if backport is not None and backport._patch not in self._watched:
            self._watch(backport._patch, backport._patch_dict)
        environment = {name: value for name, value in os.environ.items() if name not in _OF_PYTEST}
        if environment == self._last:
            environment = self._last  # type: ignore[assignment] # shared, because most requests have the same
        self._last = environment
        try:
            folder = os.getcwd()
        except FileNotFoundError:
            folder = ""
        return Surroundings(environment, tuple(self._patches()), folder)

    def _patches(self) -> Iterator[Patch]:
        for others in self.others:
            yield from others()
        for monkey in list(self._monkeys):
            for target, name, _ in monkey._setattr:
                yield from _patch(Patch(target, name, None))
            for target, name, _ in monkey._setitem:
                if target is not os.environ:
                    yield from _patch(Patch(target, name, None, is_item=True))
        for mock in list(self._mocks.values()):
            if hasattr(mock, "in_dict"):
                target = mock.in_dict
                if target is os.environ or isinstance(target, str):
                    continue
                for name in mock.values:
                    yield from _patch(Patch(target, name, None, is_item=True))
            else:
                yield from _patch(Patch(mock.target, mock.attribute, None))


def _patch(place: Patch) -> Iterator[Patch]:
    """A patch with its value, unless it is one that moto, pytest or the like have made for themselves."""
    value, target = place.now(), place.target
    if isinstance(target, ModuleType):
        module = target.__name__
    else:
        module = getattr(target if isinstance(target, type) else type(target), "__module__", "")
    config: Any = sys.modules.get("moto.core.config")
    if value is _MISSING or str(module).startswith(_OWN) or target is getattr(config, "default_user_config", _MISSING):
        return
    if (module, place.name) != ("boto3", "DEFAULT_SESSION"):
        yield Patch(target, place.name, value, place.is_item)
