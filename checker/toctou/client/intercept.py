"""Routes every DynamoDB call of every boto3 client through a scheduling point to a backend.

While :func:`intercepted` is open, ``botocore.client.BaseClient._make_api_call`` is replaced: clients, resources, paginators,
waiters and ``batch_writer`` all end there, whenever they were created; clients whose calls are awaited override it
(:mod:`toctou.client.asynchronous`).  What callers rely on besides the operation is kept (:mod:`toctou.client.client_method`).
Nothing is serialised, signed or sent.  Calls to other services take the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, Protocol, cast

from botocore.client import BaseClient

from toctou.client import asynchronous
from toctou.client.access_tracker import AccessTracker, untracked
from toctou.client.backend import UNASKED, Backend, Performed
from toctou.client.dynamodb_calls import DynamoDBMethod
from toctou.client.patched_calls import Patched
from toctou.client.patches import Patches
from toctou.client.seam import SEAM, call_service
from toctou.client.service_calls import ServiceMethod
from toctou.client.source import Callers
from toctou.client.users_moto import users_moto_is_active
from toctou.engine import Division, joined
from toctou.errors import InternalError, ToctouError, UndeclaredService, UnsupportedAction
from toctou.history.operation import Operation
from toctou.history.request import SourceLine
from toctou.scheduling.choices import Choices
from toctou.scheduling.scheduling_point import SchedulingPoint, Turn

Record = Callable[[Operation], None]


class Setup(Protocol):
    """Performs calls to other services while a model is set up."""

    in_setup: bool

    def perform(self, action: str, parameters: Mapping[str, Any]) -> Performed:
        """Perform a call of no request."""


_MOST_METHODS = 256
"""Actions of clients that are cached; each keeps its client, and a handler may make a client for each request."""


def calls_are_answered() -> bool:
    """Whether calls of clients end in this process: they are intercepted, or the user has patched this or started moto."""
    return users_moto_is_active() or getattr(BaseClient, SEAM) is not call_service


@contextmanager
def intercepted(
    point: SchedulingPoint,
    backend: Backend,
    record: Record,
    tracker: AccessTracker | None = None,
    choices: Choices = UNASKED,
    *,
    setup: Setup | None = None,
    division: Division | None = None,
    patches: Patches | None = None,
) -> Iterator[None]:
    """Send calls through ``point`` to ``backend`` while inside, and ``record`` each.

    Args:
        point, backend, record: see there.
        tracker: tracks the results of DynamoDB.
        choices: picks results.
        setup: performs calls to other services that belong to no request.
        division: divides batches into steps.
        patches: a remedy that is tried.
    """
    original = getattr(BaseClient, SEAM)
    tracker = tracker or AccessTracker()
    division = division or Division()
    call, awaited_call = _interceptors(
        point, backend, record, tracker, choices, division=division, setup=setup, patches=patches, original=original
    )
    setattr(BaseClient, SEAM, call)
    try:
        with asynchronous.replaced(SEAM, awaited_call):
            yield
    finally:
        setattr(BaseClient, SEAM, original)


def _interceptors(
    point: SchedulingPoint,
    backend: Backend,
    record: Record,
    tracker: AccessTracker,
    choices: Choices,
    *,
    division: Division,
    setup: Setup | None,
    patches: Patches | None,
    original: Callable[..., Any],
) -> tuple[Callable[..., Any], asynchronous.Replacing]:
    callers = Callers()
    line = callers.line
    method_of = lru_cache(maxsize=_MOST_METHODS)(_method)
    # By the user, as moto's documentation says to for what moto does not perform.
    patched = not str(getattr(original, "__module__", "")).startswith(("botocore.", "toctou."))

    def call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> dict[str, Any]:
        method = method_of(client, operation_name)
        other = isinstance(method, ServiceMethod)
        if isinstance(method, ServiceMethod) and (patched or method.stubbed):
            return cast("dict[str, Any]", original(client, operation_name, api_params))
        asked = method.prepared(untracked(api_params) if tracker.on else api_params)
        if other and setup is not None and setup.in_setup:
            return method.answered(setup.perform(method.action, asked))
        source = line(sys._getframe(1))
        stack = callers.stack(sys._getframe(1)) if tracker.on else ()
        action = method.action
        steps = _Steps(division.steps(action, asked))
        for step in steps:
            steps.done(*performed_in(point.reach(action, step, source), action, step, source, stack))
        performed = steps.joined()
        answer = method.answered(performed)
        return tracker.tracked(steps.operations, performed.result, answer) if tracker.on and not other else answer

    def performed_in(
        turn: Turn, action: str, asked: Mapping[str, Any], source: SourceLine | None, stack: tuple[SourceLine, ...]
    ) -> tuple[Operation, Performed]:
        instead = _instead(patches, turn, action, asked, source)
        performed = perform(point, backend, choices, instead.action, instead.parameters, source=source)
        operation = _operation(turn, instead.action, instead.parameters, performed, source)
        if tracker.on:
            tracker.called(operation, stack)
        record(operation)
        return operation, instead.answered(performed)

    def replaced(own: asynchronous.Coroutine) -> asynchronous.Coroutine:
        async def awaited_call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> dict[str, Any]:
            method, source = method_of(client, operation_name), line(sys._getframe(1))
            stack = callers.stack(sys._getframe(1)) if tracker.on else ()
            other = isinstance(method, ServiceMethod)
            if isinstance(method, ServiceMethod) and method.stubbed:
                return cast("dict[str, Any]", await own(client, operation_name, api_params))
            asked: dict[str, Any] = await asynchronous.done(
                method.preparing(untracked(api_params) if tracker.on else api_params)
            )
            if other and setup is not None and setup.in_setup:
                done_before: dict[str, Any] = await asynchronous.done(
                    method.answering(setup.perform(method.action, asked))
                )
                return done_before
            action = method.action
            steps = _Steps(division.steps(action, asked))
            for step in steps:
                perform_it = partial(performed_in, action=action, asked=step, source=source, stack=stack)
                steps.done(*await point.reach_awaited(action, step, source, perform_it))
            performed = steps.joined()
            answer = await asynchronous.done(method.answering(performed))
            return tracker.tracked(steps.operations, performed.result, answer) if tracker.on and not other else answer

        return awaited_call

    return call, replaced


def _instead(
    patches: Patches | None, turn: Turn, action: str, asked: Mapping[str, Any], source: SourceLine | None
) -> Patched:
    """The call as it is made with a remedy, or as it is."""
    found = None if patches is None else patches.patched(turn.request, action, asked, source)
    return found or Patched(action, asked, _as_it_is)


def _as_it_is(performed: Performed) -> Performed:
    return performed


def _operation(
    turn: Turn, action: str, asked: Mapping[str, Any], performed: Performed, source: SourceLine | None
) -> Operation:
    request, number, slept, reads_clock = turn
    made = Operation(request, number, action, asked, *performed[:4], source, performed.missed)
    made.slept, made.reads_clock = slept, reads_clock
    return made


class _Steps:
    """The steps of a call, one unless it is a batch; it ends at the first that fails.

    Attributes:
        operations: those performed.
    """

    def __init__(self, parameters: Sequence[Mapping[str, Any]]) -> None:
        self.operations: list[Operation] = []
        self._parameters = parameters
        self._last: Performed

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for one in self._parameters:
            yield one
            if self._last.error is not None:
                return

    def done(self, operation: Operation, performed: Performed) -> None:
        """Note the outcome of the current step."""
        self.operations.append(operation)
        self._last = performed

    def joined(self) -> Performed:
        """The outcome of the call."""
        if len(self.operations) == 1 or self._last.error is not None:
            return self._last
        results = [one.result for one in self.operations if one.result is not None]
        return self._last._replace(result=joined(results))


def _method(client: BaseClient, action: str) -> DynamoDBMethod | ServiceMethod:
    of_dynamodb = client.meta.service_model.service_name == "dynamodb"
    return DynamoDBMethod(client, action) if of_dynamodb else ServiceMethod(client, action)


def perform(
    point: SchedulingPoint,
    backend: Backend,
    choices: Choices,
    action: str,
    parameters: Mapping[str, Any],
    *,
    source: SourceLine | None = None,
) -> Performed:
    """Perform an operation whose turn it is; an error of the checker ends the request instead of reaching its handler."""
    point.suspend_monitoring()
    try:
        return backend.perform(action, parameters, choices)
    except UndeclaredService as fault:
        point.fail(fault.called_at(source))
    except ToctouError as fault:
        point.fail(fault)
    except UnicodeEncodeError as half:
        point.fail(_no_text(action, half))
    except Exception as bug:  # the handler must not mistake it for an error of DynamoDB
        point.fail(_broken_backend(backend.name, action, parameters, bug))
    finally:
        point.resume_monitoring()


def _no_text(action: str, half: UnicodeEncodeError) -> UnsupportedAction:
    return UnsupportedAction(
        f"{action} with a text that has no encoding: {half}",
        expected="texts that UTF-8 can encode",
        cause="half of a pair of surrogates, from text that was cut in two or decoded carelessly",
        remedy="decode the text with errors='replace', or leave such values out of the model",
    )


def _broken_backend(backend: str, action: str, parameters: Mapping[str, Any], bug: Exception) -> InternalError:
    fault = InternalError(
        f"the backend {backend} failed at {action} {dict(parameters)}: {type(bug).__name__}: {bug}",
        remedy="please report this text; another --backend may do meanwhile",
    )
    fault.__cause__ = bug
    return fault


Answer = Callable[[BaseClient, str, Mapping[str, Any]], Any]
"""Answers a call as its client does: given that, the name of the operation, and its parameters."""


@contextmanager
def performed_at_once(
    perform: Callable[[str, Mapping[str, Any]], Performed], other: Answer | None = None
) -> Iterator[None]:
    """While inside, calls are performed where they are made, unscheduled and unrecorded.

    Args:
        perform: performs a call of DynamoDB, given its action and its parameters.
        other: answers one to another service; ``None`` for whatever answers it outside.
    """
    outer = getattr(BaseClient, SEAM)

    def call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "dynamodb":
            return (other or outer)(client, operation_name, api_params)
        method = _method_at_once(client, operation_name)
        return method.answered(perform(operation_name, method.prepared(api_params)))

    def replaced(own: asynchronous.Coroutine) -> asynchronous.Coroutine:
        async def awaited_call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:
            if client.meta.service_model.service_name != "dynamodb":
                if other is not None:
                    return other(client, operation_name, api_params)
                return await own(client, operation_name, api_params)
            method = _method_at_once(client, operation_name)
            asked = await asynchronous.done(method.preparing(api_params))
            return await asynchronous.done(method.answering(perform(operation_name, asked)))

        return awaited_call

    setattr(BaseClient, SEAM, call)
    try:
        with asynchronous.replaced(SEAM, replaced):
            yield
    finally:
        setattr(BaseClient, SEAM, outer)


_method_at_once = lru_cache(maxsize=16)(DynamoDBMethod)
