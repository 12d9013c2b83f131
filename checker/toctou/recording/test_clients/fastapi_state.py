"""Keeps what an application of Starlette or FastAPI has beside a request: its state, and the dependencies that a test replaces.

Tests take both away again.  Replaced dependencies are those of the request that asks for them, so that requests of two tests, of
which each replaces the caller by its own, can run at the same time; what they have returned is an argument of the request.
States are put back as a request begins.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from toctou.recording.requested import Arguments, Requested
from toctou.recording.test_clients.plain_values import NONE, data_of, with_data

DEPENDENCIES = "dependencies"
"""The argument: what replaced dependencies have returned, by their names."""

_OVERRIDES: ContextVar[Mapping[int, Mapping[Any, Any]] | None] = ContextVar("toctou_dependency_overrides", default=None)
"""Of the request that runs in this context, by the identity of the application."""

_NAME = "dependency_overrides"
_PREFIXES = ("_", "get_", "require_", "verify_", "fetch_")


@dataclass(frozen=True, slots=True)
class Part:
    """What one application has at the moment of a request.

    Attributes:
        application: it, or one that is mounted in it.
        own: what is in ``app.state``.
        overrides: dependencies that are replaced, by what.
    """

    application: Any
    own: Mapping[str, Any]
    overrides: Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class State:
    """At the moment of a request.

    Attributes:
        of_requests: what a startup has left for requests.
        parts: of the applications that may serve it.
        returned: what those replaced dependencies have returned that take nothing, by their names.
    """

    of_requests: dict[str, Any]
    parts: Sequence[Part]
    returned: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, applications: Iterable[Any], of_requests: Mapping[str, Any]) -> State:
        """What there is now."""
        parts = [Part(one, dict(_own(one)), dict(_overrides(one) or ())) for one in applications]
        return cls(dict(of_requests), parts)

    @contextmanager
    def noted(self, one: Requested) -> Iterator[None]:
        """While inside, what replaced dependencies return becomes an argument of the request of this context."""

        def note(name: str, value: Any) -> None:
            data = data_of(value)
            if data is not NONE:
                self.returned[name] = value
                one.arguments.setdefault(DEPENDENCIES, {})[name] = data

        with self._in_force(lambda dependency, instead: _noted(dependency, instead, note)):
            yield

    @contextmanager
    def restored(self, arguments: Arguments) -> Iterator[None]:
        """While inside, the request of this context has it, with what its arguments have of replaced dependencies."""
        for part in self.parts:
            own = _own(part.application)
            for name, value in part.own.items():
                if own.get(name) is not value:  # or it would look as if a request had changed it
                    own[name] = value
        given = arguments.get(DEPENDENCIES, {})

        def changed(dependency: Any, instead: Any) -> Any:
            name = _name(dependency)
            if name not in self.returned or data_of(self.returned[name]) == given.get(name):
                return instead
            return _returning(with_data(self.returned[name], given.get(name)))

        with self._in_force(changed):
            yield

    @contextmanager
    def _in_force(self, instead: Callable[[Any, Any], Any]) -> Iterator[None]:
        overrides: dict[int, Mapping[Any, Any]] = {}
        for part in self.parts:
            present = _overrides(part.application)
            if present is not None and (part.overrides or present):
                overrides[id(part.application)] = {one: instead(one, other) for one, other in part.overrides.items()}
                if not isinstance(present, OverridesByRequest):
                    setattr(part.application, _NAME, OverridesByRequest(present, id(part.application)))
                    _REPLACED.append(part.application)
        token = _OVERRIDES.set(overrides)
        try:
            yield
        finally:
            _OVERRIDES.reset(token)


class OverridesByRequest(dict[Any, Any]):
    """Replaced dependencies: a dictionary as any, which FastAPI finds to be that of the request that runs in this context."""

    def __init__(self, overrides: Mapping[Any, Any], application: int) -> None:
        super().__init__(overrides)
        self._application = application

    def _of_request(self) -> Mapping[Any, Any] | None:
        return (_OVERRIDES.get() or {}).get(self._application)

    def __len__(self) -> int:
        of_request = self._of_request()
        return super().__len__() if of_request is None else len(of_request)

    def get(self, dependency: Any, otherwise: Any = None) -> Any:
        """What is instead of a dependency."""
        of_request = self._of_request()
        return super().get(dependency, otherwise) if of_request is None else of_request.get(dependency, otherwise)


_REPLACED: list[Any] = []


def plain_again() -> None:
    """Give applications back a dictionary of Python's own."""
    while _REPLACED:
        application = _REPLACED.pop()
        present = getattr(application, _NAME)
        if isinstance(present, OverridesByRequest):
            setattr(application, _NAME, dict(present))


def _overrides(application: Any) -> dict[Any, Any] | None:
    overrides = getattr(application, _NAME, None)
    return overrides if isinstance(overrides, dict) else None


def _own(application: Any) -> dict[str, Any]:
    own = getattr(getattr(application, "state", None), "_state", None)
    return own if isinstance(own, dict) else {}


def _name(dependency: Any) -> str:
    """``current_user`` of ``get_current_user``."""
    name = str(getattr(dependency, "__name__", type(dependency).__name__))
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _noted(dependency: Any, instead: Any, note: Callable[[str, Any], None]) -> Any:
    """The function, whose result is noted; itself if it takes something or yields, of which FastAPI asks more than a call."""
    if (
        not isinstance(instead, FunctionType)
        or inspect.isgeneratorfunction(instead)
        or inspect.isasyncgenfunction(instead)
    ):
        return instead
    if inspect.signature(instead).parameters:
        return instead
    name = _name(dependency)
    if inspect.iscoroutinefunction(instead):

        @functools.wraps(instead)
        async def awaited() -> Any:
            value = await instead()
            note(name, value)
            return value

        return awaited

    @functools.wraps(instead)
    def called() -> Any:
        value = instead()
        note(name, value)
        return value

    return called


def _returning(value: Any) -> Callable[[], Any]:
    async def instead() -> Any:
        return value

    return instead
