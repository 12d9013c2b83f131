"""Runs the handler of one request to its answer, on this process."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from toctou.client.escapes import escaped
from toctou.declaration.dispatch import dispatched
from toctou.declaration.model import Handler, Model
from toctou.declaration.response import response_of, response_to
from toctou.errors import ToctouError
from toctou.history.request import Request, Response
from toctou.scheduling import event_loop
from toctou.scheduling.scheduling_point import SchedulingPoint
from toctou.scheduling.watchdog import Interrupted

Sent = Callable[[Any], Any]
"""Turns what a handler of a service model has returned, the request to send, into the service's response."""


def answer(
    handler: Handler, model: Model, request: Request, point: SchedulingPoint, sent: Sent | None = None
) -> Response:
    """The response to a request, whether the handler returns or raises it; faults are raised at the scheduling point."""
    run = partial(event_loop.run, fail=point.fail)
    try:
        returned: Any = handler.call(model, request)
        if inspect.iscoroutine(returned):
            returned = run(returned)
        returned = dispatched(model, request.principal, returned)
        if inspect.iscoroutine(returned):
            returned = run(returned)
        if sent is not None:
            returned = sent(returned)
        return response_of(returned, request.handler, run)
    except (Interrupted, KeyboardInterrupt, ToctouError):
        raise
    except BaseException as raised:  # asyncio.CancelledError and SystemExit are responses of the handler too
        if (fault := escaped(raised)) is not None:
            point.fail(fault)
        return response_to(raised, run)
