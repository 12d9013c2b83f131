"""Serves requests in a process of its own: runs their handlers here, and asks the checker to perform their calls.

What surrounds a handler (clock, random numbers, sockets, files, limits, interception of its clients) is what surrounds it in the
checker's process: the same runner, with this one request.  The process serves another request if its memory is as it was before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from traceback import walk_tb
from typing import Any

from toctou.client.access_tracker import AccessTracker
from toctou.client.backend import UNASKED, CreateTable, Performed
from toctou.client.environment import client_environment
from toctou.client.intercept import intercepted
from toctou.declaration.model import Model
from toctou.declaration.services import adopt_outcomes, services_of
from toctou.errors import OutsideControl, SilentHandler, ToctouError
from toctou.execution import earlier_threads
from toctou.execution.process_memory import ProcessMemory
from toctou.execution.serving import answer
from toctou.execution.set_up import SetUp
from toctou.gate.request_process import Begin, Channel, Ended, Failed, HeldThread, Proceed, Serve, Waiting
from toctou.gate.zygote import LOOK, end_here
from toctou.history.item import Image
from toctou.history.operation import Operation
from toctou.history.request import Response, label
from toctou.scheduling import boundary, data_files, set_order, thread_names, thread_starts, units
from toctou.scheduling.choices import Choices
from toctou.scheduling.deadlock import Deadlock, blocked
from toctou.scheduling.origin import is_handlers_file, is_of_the_handler, sites_of
from toctou.scheduling.output import warn_again
from toctou.scheduling.runner import Held, Limits, Runner
from toctou.scheduling.strand import Strand, current
from toctou.scheduling.strands import Strands, installed


def serve(models: Sequence[type[Model]], channel: Channel) -> None:
    """Serve requests of the model that is named first.

    Returns when the checker has closed the channel, or when a request has left something in memory.
    """
    parent = os.getppid()
    if isinstance(begin := _next(channel, parent), Begin):
        adopt_outcomes(models[begin.model], dict(begin.known))
        OwnProcess(models[begin.model], begin.limits, channel, parent).serve()


class OwnProcess:
    """A process that serves one request at a time."""

    def __init__(self, model: type[Model], limits: Limits, channel: Channel, parent: int) -> None:
        self._model = model
        self._handlers = model.handlers()
        self._undone = earlier_threads.Undone(model)
        self._channel = channel
        self._parent = parent
        self._runner = Runner(limits)
        self._set_up = SetUp(model, self._runner.set_up)
        self._runner.own_numbers()
        self._asked = _Asked()
        # What is set up the checker has, too; here it only has to be answered.
        self._services = services_of(model, self._asked)
        self._tracker = AccessTracker()
        self._operations: list[Operation] = []
        self._raised: dict[str, None] = {}
        self._files: dict[str, str] = {}
        self._begin_files()
        self._reused = True

    def serve(self) -> None:
        """See :func:`serve`."""
        with (
            client_environment(),
            nullcontext() if self._services is None else self._services.opened(),
            intercepted(
                self._runner,
                self._asked,
                self._operations.append,
                self._tracker,
                setup=self._services,
                division=self._set_up.division,
            ),
            self._runner.installed(),
            installed(),
            units.told_apart(),
            thread_names.restored(),
            thread_starts.silent(self._note_raised),
        ):
            boundary.allow_threads()
            earlier_threads.replace_workers()
            memory = ProcessMemory(self._model)
            while isinstance(message := _next(self._channel, self._parent), Serve | Begin):
                if isinstance(message, Begin):  # others ask, who know of no files yet
                    self._begin_files()
                    continue
                self._serve(message, memory)
                if not self._reused:
                    # Threads of the request may be left, for which its clean-up would wait.
                    self._runner.remove_scratch()
                    end_here()

    def _begin_files(self) -> None:
        data_files.begin()
        self._files = dict(data_files.noted())

    def _serve(self, message: Serve, memory: ProcessMemory) -> None:
        try:
            ended = self._ended(message, memory)
        except ToctouError as fault:
            self._reused = False
            self._channel.send(Failed(fault))
            return
        self._reused = not ended.left
        try:
            self._channel.send(ended)
        except OSError:
            self._reused = False
        except Exception as fault:
            self._reused = False
            self._channel.send(Failed(unsendable("the response", message.number, fault)))

    def _ended(self, message: Serve, memory: ProcessMemory) -> Ended:
        index, request = message.number, message.request
        runner, responses = self._runner, list[Response]()
        self._operations.clear()
        self._raised.clear()
        self._tracker.begin()
        self._tracker.on = message.tracked
        with runner.reading(message.readings), nullcontext() if self._services is None else self._services.setup():
            instance = self._set_up.run()
        earlier_threads.note_more()
        memory.begin(instance)
        if message.tracked:
            warn_again()
        handler = self._handlers[request.handler]
        # A request's clock, its numbers and its name go by its index.
        others = [_nothing] * index
        runner.begin([*others, lambda: responses.append(answer(handler, instance, request, runner))])
        units.begin()
        thread_names.begin()
        set_order.begin()
        with runner.reading(message.readings):
            strands = runner.start_with_threads(index)
            task = runner.tasks[index]
            while held := _choosable(runner, index, strands):
                threads = tuple(map(_held, held))
                response = responses[0] if responses else None
                remarks = tuple(map(_limited, strands.newly_limited()))
                written = runner.output_of(task).taken()
                self._send(Waiting(threads, response, task.slept, task.reads_clock, remarks, written), index)
                following = _next(self._channel, self._parent)
                if not isinstance(following, Proceed):
                    break
                self._asked.performed = following.performed
                strands.let(held[following.at])
                runner.go_on(index)
            if (deadlock := strands.deadlock()) is not None:
                raise _deadlocked(index, deadlock)
            if not any(one.path for one in strands.alive):
                runner.end()
        return Ended(
            responses[0] if responses and not held else None,
            task.slept,
            task.reads_clock,
            {one.number: self._tracker.accessed(one) for one in self._operations} if message.tracked else {},
            self._newly_read(),
            (*memory.changed(), *(f"a thread of {one.target}" for one in strands.alive if one.path)),
            () if held else (*map(_unfinished, strands.unfinished()), *self._raised),
            runner.output_of(task).taken(),
            tuple(self._undone.found()),
        )

    def _note_raised(self, raised: BaseException) -> None:
        if (strand := current()) is not None:
            self._raised[_raised(strand, raised)] = None

    def _send(self, waiting: Waiting, index: int) -> None:
        try:
            self._channel.send(waiting)
        except OSError:  # nobody is left to ask; what is received next says so
            return
        except Exception as fault:
            what = " or ".join(f"a parameter of {one.action}" for one in waiting.held if one.action)
            raise unsendable(what or "the response", index, fault) from None

    def _newly_read(self) -> Mapping[str, str]:
        found = data_files.noted()
        new = {path: digest for path, digest in found.items() if self._files.get(path) != digest}
        self._files.update(new)
        return new


def _choosable(runner: Runner, index: int, strands: Strands) -> Sequence[Strand]:
    """The threads among which the schedule chooses; one alone that wants a lock gets it."""
    while len(held := strands.held) == 1 and held[0].what is None:
        strands.let(held[0])
        runner.go_on(index)
    return held


def _held(strand: Strand) -> HeldThread:
    if isinstance(strand.what, Held):
        return HeldThread(*strand.what)
    return HeldThread(
        "", {}, None, (*strand.path, units.BETWEEN_TURNS) if strand.turn_is_over else strand.path, strand.has_beaten
    )


def _limited(strand: Strand) -> str:
    """The remark on a thread that waits with a time limit, while others can go on."""
    waits = blocked(strand)
    return (
        f"the time limit of {waits.waits_for} passed only where no other thread of the request could go on: what happens if "
        "those take longer was not explored" + (f", at {waits.at}" if waits.at else "")
    )


def _unfinished(strand: Strand) -> str:
    """The remark on a thread that only waited for so long after the answer that it was left."""
    return (
        f"a thread of {strand.target} only slept or waited for long after the answer, and was left then: what it may do after "
        "that was not explored"
    )


def _raised(strand: Strand, raised: BaseException) -> str:
    """The remark on a thread that an exception has ended."""
    frames = [one for one, _ in walk_tb(raised.__traceback__) if is_handlers_file(one.f_code.co_filename)]
    # The thread has forgotten by now what it was to run.
    function = f"{frames[0].f_globals.get('__name__', '')}.{frames[0].f_code.co_qualname}" if frames else strand.target
    lines = [one for one in sites_of(walk_tb(raised.__traceback__)) if is_of_the_handler(one)]
    message = str(raised).partition("\n")[0]
    return (
        f"a thread of {function} was ended by an exception, of which no request learns: {type(raised).__name__}"
        + (f": {message}" if message else "")
        + (f", at {lines[-1]}" if lines else "")
    )


def _deadlocked(index: int, deadlock: Deadlock) -> SilentHandler:
    return SilentHandler(
        f"request {label(index)} waits for something that will not come:\n{deadlock}",
        expected="handlers that wait for their own threads only, which end",
        cause="threads that wait for each other's locks, or for an event or a queue that nobody serves",
        remedy="look at the stacks; what another request, or a thread of the application, would have to serve is not there: "
        "requests are separate processes",
    )


def _next(channel: Channel, parent: int) -> Any:
    """The checker's next message; ``None`` if there is nobody to serve any more."""
    while os.getppid() == parent:
        try:
            message = channel.receive(LOOK)
        except EOFError:
            break
        if message is not None:
            return message
    return None


def _nothing() -> None:
    """The body of a task that is not run here."""


def unsendable(what: str, index: int, fault: Exception) -> OutsideControl:
    """The fault of a value that cannot leave its process."""
    return OutsideControl(
        f"{what} of request {label(index)} cannot be sent to another process: {type(fault).__name__}: {fault}",
        expected="plain values: strings, numbers, lists, mappings, or objects of classes at the top of a module",
        cause="a value that holds a lock, a function, or an object of a class defined inside a function",
        remedy="pass plain values, and make such objects inside the handler; or check with --isolation memory",
    )


class _Asked:
    """Instead of a backend: what the checker has performed."""

    name = "checker"
    repeatable = False

    def __init__(self) -> None:
        self.performed: Performed

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:  # noqa: ARG002
        """The outcome that was received."""
        return self.performed

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """See :class:`Backend`; nothing is stored here, nor by the methods that follow."""

    def restore(self) -> None:
        """See :class:`Backend`."""

    def stored(self) -> dict[str, list[Image]]:
        """See :class:`Backend`."""
        return {}

    def close(self) -> None:
        """See :class:`Backend`."""
