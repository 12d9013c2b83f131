"""Decides whether a pass would be vacuous: every handler that is meant to write has written in some schedule."""

from __future__ import annotations

from toctou.declaration.model import Model
from toctou.errors import ModelError
from toctou.history.operation import Execution

_SHOWN = 3


class Reachability:
    """Collects over all schedules of a model which handlers have committed a write."""

    def __init__(self, model: type[Model]) -> None:
        handlers = model.handlers()
        self._read_only = {name for name, handler in handlers.items() if handler.read_only}
        self._missing = {name: dict[str, None]() for name, handler in handlers.items() if not handler.read_only}

    def see(self, execution: Execution) -> None:
        """Record which handlers one execution made write.

        Raises:
            ModelError: a handler that is declared read-only has written.
        """
        if not self._missing and not self._read_only:
            return
        for operation in execution.operations:
            name = execution.requests[operation.request].handler
            if operation.changes and name in self._read_only:
                raise ModelError(
                    f"the handler {name!r} is declared read-only, but its {operation.action} changed "
                    f"{operation.changes[0].item}",
                    expected="read_only=True for handlers that never write",
                    remedy="leave read_only=True out of its declaration",
                )
            if name not in self._missing:
                continue
            if operation.changes:
                del self._missing[name]
            elif operation.error is not None:
                self._missing[name].setdefault(f"{operation.action}: {operation.error.code}: {operation.error.message}")
        for request, response in zip(execution.requests, execution.responses, strict=True):
            if request.handler in self._missing:
                self._missing[request.handler].setdefault(f"answered {response}")

    def add(self, later: Reachability) -> None:
        """Merge what was seen of later executions."""
        # A handler that has written in either part has written.
        for name in list(self._missing):
            if name in later._missing:
                self._missing[name].update(later._missing[name])
            else:
                del self._missing[name]

    def unreached(self) -> tuple[tuple[str, str], ...]:
        """Each handler that never committed a write, and the errors, or else the answers, that were seen instead."""
        return tuple((name, _reasons(list(seen))) for name, seen in self._missing.items())


def _reasons(seen: list[str]) -> str:
    errors = [one for one in seen if not one.startswith("answered")]
    shown = (errors or seen)[:_SHOWN]
    return "; ".join(shown) if shown else "it was never called"
