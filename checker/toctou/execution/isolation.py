"""Serves each concurrent request in a process of its own, as production does.

Requests share the memory of their process only if one process serves both, so that a guard kept there (an in-flight set, a
lock) guards one process against itself.  Here every request finds the memory that there was after import and ``setup``: its
process was forked for it, or has served requests of other schedules that left nothing in memory
(:mod:`toctou.execution.process_memory`).

The request remains a task of the checker's runner, which decides when its calls are performed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from toctou import real_time
from toctou.client.backend import Performed
from toctou.client.services_backend import ServicesBackend
from toctou.declaration.model import Model
from toctou.errors import OperationLimit, ServiceCrashed, SilentHandler, ToctouError
from toctou.execution import own_process
from toctou.execution.earlier_threads import Undone
from toctou.execution.kept_memory import forked, give_back, memory_kept, take_back
from toctou.gate.mailbox import HeldCall
from toctou.gate.request_process import Ended, Failed, GiveUp, Proceed, RequestProcess, Serve, Waiting
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

_OUTPACED = (
    "threads that sleep, or wait for an event, between two turns of a loop took at most one turn before each call of another "
    "thread, which is assumed to take less time"
)
_MOST_QUESTIONS = 32  # of a serial run, after which no thread takes turns while others do nothing
_SLICE = 0.2  # seconds
_GRACE = 5.0  # seconds after the limit, at which the process itself notices a silent handler


class Isolation:
    """The processes of one model's requests, inside :meth:`opened`.

    Attributes:
        concurrent: whether threads of one request were seen to wait for their turns at once, or after its answer.
        held_back: whether a thread that polls was held back from a choice.
        remarks: what a reader of the verdict should know of threads of requests, as sentences.
        accessed: what handlers have accessed in the results of the current execution, by request and number of the operation.
    """

    def __init__(
        self,
        model: type[Model],
        limits: Limits,
        runner: Runner,
        perform: Perform,
        choices: Choices,
        *,
        services: ServicesBackend | None = None,
        undone: Undone | None = None,
    ) -> None:
        self.concurrent = self.held_back = False
        self.remarks: dict[str, None] = {}
        self._undone = Undone(model) if undone is None else undone
        self.accessed: dict[tuple[int, int], Accessed] = {}
        self._model = model
        self._limits = limits
        self._runner = runner
        self._perform = perform
        self._choices = choices
        self._services = services
        self._busy: dict[int, RequestProcess] = {}
        self._abandoning: list[RequestProcess] = []
        self._idle: list[RequestProcess] = []
        self._reused = True
        self._polls = PollingThreads()

    @contextmanager
    def opened(self) -> Iterator[Isolation]:
        """Serve requests while inside, with the memory that was kept, or else as it is now."""
        with memory_kept([self._model]):
            self._idle, self._abandoning = take_back(self._model, self._limits)
            try:
                yield self
                if self._reused:
                    self.begin()
                    give_back(self._model, self._limits, (self._idle, self._abandoning))
                    self._idle, self._abandoning = [], []
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
            self._note(index, message)
            if message.response is not None:
                answered(message.response)
            if isinstance(message, Ended):
                self._ended(message, index)
                self._undone.note(request.handler, message.undone)
                return
            self._send(process, self._taken(message, index, tracked=tracked), index)

    def _taken(self, waiting: Waiting, index: int, *, tracked: bool) -> Proceed:
        """Wait for the request's turn, and let one of its threads take it."""
        places = self._awake(waiting)
        held = [waiting.held[place] for place in places]
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
        action, parameters, source, unit, _ = held[at]
        if not action:
            self._runner.tasks[index].operations -= 1  # it has taken a lock, and called nothing
            if self._polls.took_lock(index, calls[at]) > self._limits.operations:
                self._runner.fail(_too_many_locks(index, self._limits.operations))
            return Proceed(places[at], None)
        operation = self._perform(turn, HeldCall(action, parameters, _unused, source, unit))
        self._polls.performed(operation)
        footprint = operation.footprint if tracked else EMPTY
        return Proceed(places[at], Performed(operation.result, operation.error, footprint, ()))

    def _awake(self, waiting: Waiting) -> Sequence[int]:
        """Places of the threads that may take their turn: in a serial run also of one that beats often before others do anything.

        Not the threads: two of them may wait to make the same call.
        """
        self.remarks.update(dict.fromkeys(waiting.remarks))
        script = self._choices.script
        patient = script is None or len(script.counts) >= _MOST_QUESTIONS
        places = [at for at, one in enumerate(waiting.held) if not (patient and one.is_early)]
        if len(places) < len(waiting.held):
            self.remarks[_OUTPACED] = None
        return places

    def _picked(self, calls: Sequence[ThreadsCall], index: int) -> int:
        allowed = self._polls.allowed(index, calls)
        self.held_back = self.held_back or self._polls.held
        return allowed[self._choices.pick_thread(index, [calls[at].unit for at in allowed])]

    def _ended(self, ended: Ended, index: int) -> None:
        self.accessed.update({(index, number): one for number, one in ended.accessed.items()})
        self.remarks.update(dict.fromkeys(ended.remarks))
        data_files.adopt(ended.files)
        with self._unmonitored():
            self._keep(self._busy.pop(index), ended)

    def _note(self, index: int, message: Waiting | Ended) -> None:
        task = self._runner.tasks[index]
        task.slept = message.slept
        for piece in message.written:
            self._runner.output_of(task).write(*piece)
        if message.reads_clock:
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
        return forked(self._model, self._limits, {} if self._services is None else self._services.set_up)

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
        self._runner.suspend_monitoring(unhurried=True)
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
