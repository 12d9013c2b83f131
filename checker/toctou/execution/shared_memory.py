"""Names what requests share besides DynamoDB, once something has shown that they do.

Requests are served by several processes in production.  What one request leaves in the memory of its process reaches only
those requests that the same process serves, so that a guard kept there (an in-flight set, a lock, a cache) guards one process
against itself.  Requests that run in one process are guarded all the time, and a race between processes stays hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.errors import SharedMemory, ToctouError, UncontrolledHandler
from toctou.execution.memoised_steps import MemoisedSteps
from toctou.gate.zygote import CAN_FORK
from toctou.scheduling.origin import is_handlers_file
from toctou.scheduling.restart import Restart

RunInOrder = Callable[[Scenario, Sequence[int], Callable[[Model], None], Callable[[], None]], None]
"""Runs the requests of a scenario in the order of these steps; calls one function before them, the other after each step."""


def sharing(model: type[Model], known: MemoisedSteps, run: RunInOrder) -> str:
    """The doubt as text for the user: what is shared, and what that means."""
    return str(_error(_watched(known, run) or list(known.left), model, known))


def left_in_memory(names: Sequence[str]) -> SharedMemory:
    """The error for requests that leave something in memory each time they run, or behave differently by that."""
    return _shared(_listed(names))


def unrepeatable(known_left: Sequence[str], fault: UncontrolledHandler) -> SharedMemory:
    """The error for executions that do not repeat, where requests have left something in memory."""
    return SharedMemory(
        f"requests leave something in the memory of their process, {_listed(known_left)}, and do not repeat: {fault.observed}",
        expected=_EXPECTED,
        cause=fault.cause,
        remedy="reset it in the model's `setup`, so that what one process remembers can be told from what DynamoDB stores",
    )


_EXPECTED = "requests that share nothing but DynamoDB, as in processes of their own"


def _error(names: Sequence[str], model: type[Model], known: MemoisedSteps) -> SharedMemory:
    return _shared(_listed(names) if names else f"something that {_places(model, known)} leaves there")


def _shared(what: str) -> SharedMemory:
    return SharedMemory(
        f"requests share memory of their process: {what}",
        expected=_EXPECTED,
        cause="it changes what a request does, or may; between processes it does not exist, so a race may be hidden here",
        remedy="let a condition on the write guard the data, and take what is kept in memory out of the handler under test"
        + (
            "; or check with --isolation processes"
            if CAN_FORK
            else "; processes of their own cannot be forked on this system"
        ),
    )


def _watched(known: MemoisedSteps, run: RunInOrder) -> list[str]:
    """Names of what differs from the beginning at any point of the steps that have shown a difference."""
    memory = known.memory
    if known.suspect is None or memory is None:
        return []
    names: dict[str, None] = {}
    with suppress(ToctouError, Restart):  # it is run for the names only
        run(*known.suspect, memory.begin, lambda: names.update(dict.fromkeys(memory.changed())))
    return list(names)


def _places(model: type[Model], known: MemoisedSteps) -> str:
    """Where the handlers are that behave differently."""
    handlers = model.handlers()
    requests = known.suspect[0].requests if known.suspect else ()
    names = dict.fromkeys(request.handler for request in requests) or dict.fromkeys(handlers)
    return " or ".join(f"{name} ({_place(model, name, handlers[name].function, known)})" for name in names)


def _place(model: type[Model], name: str, function: Callable[..., object], known: MemoisedSteps) -> str:
    """Where a handler is; of an operation of an application, which the checker's own function serves, where it was seen."""
    code = getattr(function, "__code__", None)
    if code is None:
        return getattr(function, "__module__", "")
    if is_handlers_file(code.co_filename):
        return f"{code.co_filename}:{code.co_firstlineno}"
    lines = (
        operation.source
        for execution in known.first_runs
        for operation in execution.operations
        if operation.source is not None and execution.requests[operation.request].handler == name
    )
    first = next(lines, None)
    return f"of {model.__module__}.{model.__qualname__}" if first is None else f"{first.file}:{first.line}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
