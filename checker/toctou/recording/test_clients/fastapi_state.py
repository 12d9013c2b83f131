"""Keeps what an application of Starlette or FastAPI has beside a request: its state, and the dependencies that a test replaces.

Tests take both away again.  Replaced dependencies are those of the request that asks for them, so that requests of two tests, of
which each replaces the caller by its own, can run at the same time.  States are put back as a request begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_OVERRIDES: ContextVar[Mapping[Any, Any] | None] = ContextVar("toctou_dependency_overrides", default=None)
_NAME = "dependency_overrides"


@dataclass(frozen=True, slots=True)
class State:
    """At the moment of a request.

    Attributes:
        application: that has it.
        of_requests: what its startup has left for requests.
        own: what is in ``app.state``.
        overrides: dependencies that are replaced, by what; ``None`` for an application without them.
    """

    application: Any
    of_requests: dict[str, Any]
    own: Mapping[str, Any]
    overrides: Mapping[Any, Any] | None

    @classmethod
    def of(cls, application: Any, of_requests: Mapping[str, Any]) -> State:
        """What there is now."""
        overrides = getattr(application, _NAME, None)
        replaced = dict(overrides) if isinstance(overrides, Mapping) else None
        return cls(application, dict(of_requests), dict(_own(application)), replaced)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """While inside, the request of this context has it."""
        own = _own(self.application)
        for name, value in self.own.items():
            if own.get(name) is not value:  # or it would look as if a request had changed it
                own[name] = value
        if self.overrides is None:
            yield
            return
        present = getattr(self.application, _NAME)
        if not isinstance(present, OverridesByRequest) and (self.overrides or present):
            setattr(self.application, _NAME, OverridesByRequest(present))
        token = _OVERRIDES.set(self.overrides)
        try:
            yield
        finally:
            _OVERRIDES.reset(token)


class OverridesByRequest(MutableMapping[Any, Any]):
    """Replaced dependencies of the request that runs in this context; of the application where none does."""

    def __init__(self, otherwise: MutableMapping[Any, Any]) -> None:
        self._otherwise = otherwise

    def _present(self) -> Mapping[Any, Any]:
        of_request = _OVERRIDES.get()
        return self._otherwise if of_request is None else of_request

    def __getitem__(self, dependency: Any) -> Any:
        return self._present()[dependency]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._present())

    def __len__(self) -> int:
        return len(self._present())

    def __setitem__(self, dependency: Any, value: Any) -> None:
        self._otherwise[dependency] = value

    def __delitem__(self, dependency: Any) -> None:
        del self._otherwise[dependency]


def _own(application: Any) -> dict[str, Any]:
    own = getattr(getattr(application, "state", None), "_state", None)
    return own if isinstance(own, dict) else {}
