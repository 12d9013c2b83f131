"""Where the requests of a model are served, if not by handlers that run in this process, in greenlets."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from toctou.declaration.model import Model
from toctou.errors import ToolMissing
from toctou.gate.building import tool_missing
from toctou.gate.relay import Relay
from toctou.gate.replica import Read
from toctou.gate.under_test import ServiceUnderTest
from toctou.history.request import Request, Response
from toctou.scheduling.scheduling_point import SchedulingPoint


class Remote(Protocol):
    """Serves requests in other threads or processes; see :class:`toctou.gate.under_test.ServiceUnderTest`."""

    settle_seconds: float
    """How far apart calls may be that a handler makes at once."""

    def opened(self, read: Read) -> AbstractContextManager[Any]:
        """Get ready; inside, requests can be served.  ``read`` performs a call at once, outside of any schedule."""

    def prepare(self, requests: int) -> None:
        """Let whatever an earlier execution left come to its end, and get ready for so many requests."""

    def serve(self, index: int, request: Request, call: Any, relay: Relay, point: SchedulingPoint) -> Response:
        """The answer to a request, as the body of its task; ``call`` is what the model's handler has returned for it."""

    def told(self, index: int) -> str:
        """What can be said of whoever serves a request, such as the last lines that it has printed."""

    def isolate(self) -> bool:
        """From now on serve each execution by code that has just been started; ``False`` if that is so already."""


def missing_tool(model: type[Model]) -> ToolMissing | None:
    """The fault, if what the model's service is built or run with is not installed."""
    return None if model.service is None else tool_missing(model.service)


def under_test(model: type[Model]) -> Remote | None:
    """What serves the requests of a model, if it has a service; folders are relative to the file that declares it."""
    if model.service is None:
        return None
    declaring = next(base for base in model.__mro__ if "service" in vars(base))
    return ServiceUnderTest(model.service, Path(inspect.getfile(declaring)).resolve())
