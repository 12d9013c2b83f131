"""Routes calls of clients whose calls are awaited (aiobotocore, aioboto3) to the same backend as all others.

Such a client is a subclass of botocore's own, and overrides by a coroutine what :mod:`toctou.client.intercept` replaces.  It is
found by that: among the subclasses that there are, and among those that are made while inside, so that a library which a handler
imports when it runs is intercepted, and none is imported here.  Listeners to its events may be coroutines.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient

from toctou.client.access_tracker import AccessTracker, untracked
from toctou.client.backend import Performed
from toctou.history.operation import Operation
from toctou.history.request import SourceLine
from toctou.scheduling.scheduling_point import SchedulingPoint, Turn

Coroutine = Callable[..., Any]
Perform = Callable[[Turn, str, Any, SourceLine | None], tuple[Operation, Performed]]


@contextmanager
def awaited(seam: str, call: Coroutine) -> Iterator[None]:
    """While inside, this method of classes of clients is replaced by ``call`` where it is a coroutine of theirs."""
    replaced: list[tuple[type[BaseClient], Coroutine]] = []

    def replace(kind: type[BaseClient]) -> None:
        own = vars(kind).get(seam)
        if inspect.iscoroutinefunction(own):
            replaced.append((kind, own))
            setattr(kind, seam, call)

    def made(kind: type[Any], /, **keywords: Any) -> None:
        super(BaseClient, kind).__init_subclass__(**keywords)
        replace(kind)

    for kind in BaseClient.__subclasses__():
        replace(kind)
    before = vars(BaseClient).get("__init_subclass__")
    setattr(BaseClient, "__init_subclass__", classmethod(made))  # noqa: B010 - the class declares no such attribute
    try:
        yield
    finally:
        if before is None:
            delattr(BaseClient, "__init_subclass__")
        else:
            setattr(BaseClient, "__init_subclass__", before)  # noqa: B010
        for kind, own in replaced:
            setattr(kind, seam, own)


def interceptor(
    point: SchedulingPoint,
    method_of: Callable[[BaseClient, str], Any],
    line: Callable[[Any], SourceLine | None],
    perform: Perform,
    tracker: AccessTracker,
) -> Coroutine:
    """What such a client calls instead; the arguments are those of which :mod:`toctou.client.intercept` makes its own."""

    async def call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> dict[str, Any]:
        method, source = method_of(client, operation_name), line(sys._getframe(1))
        method.check_service(point, source)
        asked = await _done(method.preparing(untracked(api_params) if tracker.on else api_params))
        operation, performed = await point.reach_awaited(
            operation_name, asked, source, lambda turn: perform(turn, operation_name, asked, source)
        )
        answer: dict[str, Any] = await _done(method.answering(performed))
        return tracker.tracked(operation, answer) if tracker.on else answer

    return call


async def _done(steps: Any) -> Any:
    """What a generator returns that yields what listeners are to be notified of, once they have been."""
    notified: Any = None
    while True:
        try:
            emitted = steps.send(notified)
        except StopIteration as end:
            return end.value
        notified = await emitted if inspect.isawaitable(emitted) else emitted
