"""Serves each concurrent request in a process of its own, as production does.

Requests share the memory of their process only if one process serves both, so that a guard kept there (an in-flight set, a
lock) guards one process against itself.  Here every request finds the memory that there was after import and ``setup``: its
process was forked for it, or has served requests of other schedules that left nothing in memory
(:mod:`toctou.execution.process_memory`).

The request remains a task of the checker's runner, which decides when its calls are performed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, NoReturn

from toctou import real_time
from toctou.client.backend import Performed
from toctou.declaration.isolation import isolation_of
from toctou.declaration.model import Model
from toctou.errors import OperationLimit, ServiceCrashed, SilentHandler, ToctouError
from toctou.execution import own_process
from toctou.execution.process_memory import ProcessMemory
from toctou.gate.mailbox import HeldCall
from toctou.gate.request_process import Begin, Ended, Failed, GiveUp, Proceed, RequestProcess, Serve, Waiting
from toctou.gate.zygote import CAN_FORK, Zygote
from toctou.history.footprint import EMPTY
from toctou.history.operation import Accessed, Operation
from toctou.history.request import Request, Response, label
from toctou.scheduling import data_files
from toctou.scheduling.choices import Choices
from toctou.scheduling.control import Readings
from toctou.scheduling.polling import ThreadsCall
from toctou.scheduling.polling_threads import PollingThreads
from toctou.scheduling.runner import Limits, Runner
from toctou.scheduling.scheduling_point import Turn

Perform = Callable[[Turn, HeldCall], Operation]
"""Performs a call on the backend, and records it."""

_KEPT: dict[type[Model], tuple[Zygote, int]] = {}
"""By model, who has kept its memory, and its place there."""

_SEPARATED: dict[type[Model], str] = {}
"""By model, why its requests were separated."""

_inside: list[Sequence[type[Model]]] = []
"""Models whose memory is kept for whoever is inside :func:`memory_kept`."""

_LASTING: list[_Lasting] = []
MOST_LASTING = 3
"""Memories that are kept after a check, the latest ones; each is a process that waits."""

if CAN_FORK:  # what is forked from here cannot reach the processes that have kept it
    for kept in (_KEPT, _SEPARATED, _inside, _LASTING):
        os.register_at_fork(after_in_child=kept.clear)

_NOBODY: Any = SimpleNamespace()  # in the place of an instance of a model

_SLICE = 0.2  # seconds
_GRACE = 5.0  # seconds after the limit, at which the process itself notices a silent handler

__all__ = ["CAN_FORK", "Isolation", "may_separate", "memory_kept", "remember_separated", "separated_before"]


def may_separate(model: type[Model], asked: str) -> bool:
    """Whether requests of a model may get processes of their own; a service has its own anyway.

    Args:
        model: the model.
        asked: what the user has asked for, one of :data:`~toctou.declaration.isolation.ISOLATIONS`.

    Raises:
        BadInput: they should, and processes cannot be forked here.
    """
    return model.service is None and isolation_of(model.isolation, asked) != "memory"


@contextmanager
def memory_kept(models: Iterable[type[Model]]) -> Iterator[None]:
    """Keep the memory as it is now for requests of these models, whatever runs here while inside; may be nested.

    Requests that run in memory first may fill caches there, of which a process that is forked later must know nothing.
    """
    models = list(dict.fromkeys(models))
    if not _inside:  # or its processes may be serving, and what runs here inside changes nothing for them
        # Whoever has changed something since, such as a test that replaces a part, wants to check that.
        for one in [one for one in _LASTING if any(memory.changed() for memory in one.memories)]:
            one.end()
    unkept = [model for model in models if model not in _KEPT]
    _inside.append(models)
    try:
        with _kept_from_now(unkept) if unkept and CAN_FORK else nullcontext():
            yield
    finally:
        _inside.pop()
        if not _inside:
            for one in _LASTING[:-MOST_LASTING]:
                one.end()


@contextmanager
def _kept_from_now(models: Sequence[type[Model]]) -> Iterator[None]:
    kept = _Lasting(Zygote(partial(own_process.serve, models)), models)
    _KEPT.update({model: (kept.zygote, place) for place, model in enumerate(models)})
    try:
        yield
    finally:
        if any(model in _SEPARATED for model in models):
            # Kept a while longer: here, their requests have left something in memory.
            kept.memories = [_looked_at(model) for model in models]
            _LASTING.append(kept)
        else:
            kept.end()


def _looked_at(model: type[Model]) -> ProcessMemory:
    memory = ProcessMemory(model)
    memory.begin(_NOBODY)
    return memory


@dataclass(eq=False)
class _Lasting:
    """Memory of models that is kept, and after a check what theirs was like here at the end of that."""

    zygote: Zygote
    models: Sequence[type[Model]]
    memories: Sequence[ProcessMemory] = ()

    def end(self) -> None:
        if self in _LASTING:
            _LASTING.remove(self)
        for model in self.models:
            del _KEPT[model]
            _SEPARATED.pop(model, None)
        self.zygote.close()


def separated_before(model: type[Model]) -> str:
    """Why requests of a model were separated before in this process, so that they are from the start; ``""`` if they were not."""
    return _SEPARATED.get(model, "") if model in _KEPT else ""


def remember_separated(model: type[Model], because: str) -> None:
    """Remember why requests of a model were separated; what they left in memory until then may hide it the next time."""
    _SEPARATED[model] = because


class Isolation:
    """The processes of one model's requests, inside :meth:`opened`.

    Attributes:
        concurrent: whether threads of one request were seen to wait for their turns at once, or after its answer.
        held_back: whether a thread that polls was held back from a choice.
        unfinished: the functions of threads that were left after an answer although they would have gone on.
        accessed: what handlers have accessed in the results of the current execution, by request and number of the operation.
    """

    def __init__(self, model: type[Model], limits: Limits, runner: Runner, perform: Perform, choices: Choices) -> None:
        self.concurrent = self.held_back = False
        self.unfinished: dict[str, None] = {}
        self.accessed: dict[tuple[int, int], Accessed] = {}
        self._model = model
        self._limits = limits
        self._runner = runner
        self._perform = perform
        self._choices = choices
        self._busy: dict[int, RequestProcess] = {}
        self._abandoning: list[RequestProcess] = []
        self._idle: list[RequestProcess] = []
        self._reused = True
        self._polls = PollingThreads()

    @contextmanager
    def opened(self) -> Iterator[Isolation]:
        """Serve requests while inside, with the memory that was kept, or else as it is now."""
        with memory_kept([self._model]):
            try:
                yield self
            finally:
                for process in [*self._busy.values(), *self._abandoning, *self._idle]:
                    process.end()
                self._busy, self._abandoning, self._idle = {}, [], []

    def begin(self) -> None:
        """Another execution begins: what is left of the last one is given up."""
        self.accessed, self._polls = {}, PollingThreads()
        for process in self._busy.values():
            try:
                process.channel.send(GiveUp())
                self._abandoning.append(process)
            except OSError:
                process.end()
        self._busy = {}

    def use_once(self) -> bool:
        """From now on no process serves a second request; ``False`` if that is so already."""
        before, self._reused = self._reused, False
        for process in self._idle:
            process.end()
        self._idle = []
        return before

    def serve(
        self, index: int, request: Request, readings: Readings, *, tracked: bool, answered: Callable[[Response], None]
    ) -> None:
        """Serve a request to the end of its last thread; the body of a task.

        Args:
            index: of the request in its scenario.
            request: what to serve.
            readings: what its clock and random numbers are like.
            tracked: whether to track what the handler accesses.
            answered: receives the response, as soon as the handler has answered.
        """
        with self._unmonitored():
            process = self._busy[index] = self._process()
        self._runner.still_served()
        self._send(process, Serve(index, request, readings, tracked), index)
        while True:
            message = self._receive(process, index)
            if isinstance(message, Failed):
                self._end(index)
                self._runner.fail(message.fault)
            self._note(index, message.slept, reads_clock=message.reads_clock)
            if message.response is not None:
                answered(message.response)
            if isinstance(message, Ended):
                self._ended(message, index)
                return
            self._send(process, self._taken(message, index, tracked=tracked), index)

    def _taken(self, waiting: Waiting, index: int, *, tracked: bool) -> Proceed:
        """Wait for the request's turn, and let one of its threads take it."""
        held = waiting.held
        if waiting.response is not None:
            self._runner.tasks[index].unhindered = False  # what comes after the answer is no part of a first step
        only = held[0] if len(held) == 1 else None
        calls = [ThreadsCall(one.unit, one.action, one.parameters, waiting.slept, waiting.reads_clock) for one in held]
        self._runner.tasks[index].threads = () if only else calls
        turn = self._runner.reach(
            " and ".join(one.action or "a lock" for one in held),
            only.parameters if only else None,
            only.source if only else None,
        )
        at = 0 if only else self._picked(calls, index)
        self.concurrent = self.concurrent or len(held) > 1 or waiting.response is not None or not held[at].action
        action, parameters, source, unit = held[at]
        if not action:
            self._runner.tasks[index].operations -= 1  # it has taken a lock, and called nothing
            if self._polls.took_lock(index, calls[at]) > self._limits.operations:
                self._runner.fail(_too_many_locks(index, self._limits.operations))
            return Proceed(at, None)
        operation = self._perform(turn, HeldCall(action, parameters, _unused, source, unit))
        self._polls.performed(operation)
        footprint = operation.footprint if tracked else EMPTY
        return Proceed(at, Performed(operation.result, operation.error, footprint, ()))

    def _picked(self, calls: Sequence[ThreadsCall], index: int) -> int:
        allowed = self._polls.allowed(index, calls)
        self.held_back = self.held_back or self._polls.held
        return allowed[self._choices.pick_thread(index, [calls[at].unit for at in allowed])]

    def _ended(self, ended: Ended, index: int) -> None:
        self.accessed.update({(index, number): one for number, one in ended.accessed.items()})
        self.unfinished.update(dict.fromkeys(ended.unfinished))
        data_files.adopt(ended.files)
        with self._unmonitored():
            self._keep(self._busy.pop(index), ended)

    def _note(self, index: int, slept: float, *, reads_clock: bool) -> None:
        task = self._runner.tasks[index]
        task.slept = slept
        if reads_clock:
            task.reads_clock = True
            self._runner.note_clock_reads(read=True)

    def _process(self) -> RequestProcess:
        while self._abandoning:
            process = self._abandoning.pop()
            try:
                ended = self._message(process, self._limits.seconds)
            except EOFError:
                ended = None
            if isinstance(ended, Ended):
                data_files.adopt(ended.files)
                self._keep(process, ended)
            else:
                process.end()
        if self._idle:
            return self._idle.pop()
        zygote, place = _KEPT[self._model]
        process = zygote.fork()
        with suppress(OSError):  # it has ended already, which shows when it is to serve
            process.channel.send(Begin(place, self._limits))
        return process

    def _keep(self, process: RequestProcess, ended: Ended) -> None:
        if self._reused and not ended.left:
            self._idle.append(process)
        else:
            process.end()

    def _send(self, process: RequestProcess, message: Any, index: int) -> None:
        try:
            process.channel.send(message)
        except OSError:
            self._crashed(index)
        except Exception as fault:
            what = "an argument" if isinstance(message, Serve) else "the result of a call"
            self._runner.fail(own_process.unsendable(what, index, fault))

    def _receive(self, process: RequestProcess, index: int) -> Any:
        try:
            message = self._message(process, self._limits.seconds + _GRACE)
        except EOFError:
            self._crashed(index)
        if message is not None:
            return message
        self._end(index)
        return self._runner.fail(
            SilentHandler(
                f"the process of request {label(index)} neither called DynamoDB nor answered for {self._limits.seconds:g} s",
                expected="handlers that perform their next operation, or answer, in time",
                cause="a call into C that does not return",
                remedy="raise --max-step-seconds if the handler is only slow",
            )
        )

    def _message(self, process: RequestProcess, seconds: float) -> Any:
        """The next message of a process; ``None`` if none arrives in time.  The runner does not take that for silence.

        Raises:
            EOFError: the process has ended.
        """
        message, until = None, real_time.seconds() + seconds
        while message is None and real_time.seconds() < until:
            message = process.channel.receive(_SLICE)
            self._runner.still_served()
        return message

    def _crashed(self, index: int) -> NoReturn:
        self._end(index)
        fault: ToctouError = ServiceCrashed(
            f"the process of request {label(index)} has ended before it answered",
            expected="handlers that return, or raise",
            cause="os._exit, a crash in a library written in C, or too little memory",
            remedy="run the handler by itself to see it fail",
        )
        self._runner.fail(fault)

    def _end(self, index: int) -> None:
        with self._unmonitored():
            self._busy.pop(index).end()

    @contextmanager
    def _unmonitored(self) -> Iterator[None]:
        # To make a process and to end it is what a handler may not do; here it is done in a handler's place.
        self._runner.suspend_monitoring()
        try:
            yield
        finally:
            self._runner.resume_monitoring()


def _too_many_locks(index: int, limit: int) -> OperationLimit:
    return OperationLimit(
        f"request {label(index)} took {limit} locks since its last operation and asks for another one, while others of its "
        "threads wait for their turns",
        expected="threads that wait for each other by joins, events, conditions or queues",
        cause="a loop without a sleep that asks, under a lock, whether another thread has done something",
        remedy="let that loop sleep, or wait for an event; raise --max-operations if the locks are no such loop",
    )


def _unused(_operation: Operation) -> None:
    """The outcome of a call is sent as a message."""
