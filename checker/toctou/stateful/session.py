"""A growing execution: the caller decides which requests join it and which steps they take.

It keeps a log of these decisions, which determines the execution and allows it to be repeated.

Where requests run in one process, its memory is compared after each step.  A step that has left something there is run once more,
from the start of the execution: a cache or a client is there by then, and changes nothing; anything else requests share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toctou.declaration.scenario import Scenario
from toctou.errors import SilentHandler, ThreadStarted
from toctou.execution.laboratory import Laboratory
from toctou.execution.process_memory import ProcessMemory
from toctou.execution.shared_memory import left_in_memory
from toctou.history.operation import Execution, idle_steps
from toctou.history.request import Request, Response
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling.polling import Polls

PENDING = Response(102)
"""The response of a request that has not responded yet (102 is "Processing")."""


@dataclass(frozen=True, slots=True)
class _Started:
    request: Request


class Session:
    """A growing execution in an open laboratory.

    Args:
        laboratory: where it runs.
        memory: compared after each step, while requests run in one process; ``None`` to compare nothing.
    """

    def __init__(self, laboratory: Laboratory, memory: ProcessMemory | None = None) -> None:
        self.laboratory = laboratory
        self._memory = memory
        self.requests: list[Request] = []
        self._log: list[_Started | int] = []
        self.begin()

    def begin(self) -> None:
        """Start anew from the initial items, without requests."""
        self._log = []
        self._restore()

    @property
    def pending(self) -> list[int]:
        """Indexes of the requests that have not responded."""
        return self._runner.enabled()

    @property
    def able(self) -> list[int]:
        """Those of them that are not held back because they poll (:mod:`toctou.scheduling.polling`)."""
        pending = self.pending
        return list(self._polls.allowed(pending, self._runner.tasks)) if pending else []

    def start(self, request: Request) -> int:
        """Run a new request to its first scheduling point; returns its index.

        Raises:
            UncontrolledHandler: see :meth:`toctou.scheduling.runner.Runner.step`.
            SharedMemory: requests share memory of their process, which is not compared any more.
        """
        self._log.append(_Started(request))
        self._separating(lambda: self._start(request))
        self._separate_numbers()
        self._compare_memory()
        return len(self.requests) - 1

    def advance(self, index: int) -> None:
        """Let a pending request perform one operation and continue to its next scheduling point, or to its response.

        Raises:
            UncontrolledHandler: see :meth:`toctou.scheduling.runner.Runner.step`.
            SharedMemory: requests share memory of their process, which is not compared any more.
        """
        self._log.append(index)
        self._separating(lambda: self._advance(index))
        self._separate_numbers()
        self._compare_memory()

    def finish(self) -> None:
        """Run every pending request to its end, one after the other as far as they can go on."""
        while able := self.able:
            self.advance(able[0])

    def give_up(self) -> None:
        """Abort the requests that have not responded."""
        self._runner.end()

    def resume(self) -> None:
        """Repeat the execution, after the laboratory was used for another one."""
        self._restore()
        for entry in self._log:
            if isinstance(entry, _Started):
                self._start(entry.request)
            elif entry in self.pending:
                self._advance(entry)

    def execution(self) -> Execution:
        """The execution so far; pending requests have the response :data:`PENDING`."""
        # They end after everything else, so that no request counts as starting after them.
        operations, responses, stored = self.laboratory.progress()
        count, open_end = len(self.requests), len(operations) + 1
        return Execution(
            requests=tuple(self.requests),
            initial=self.laboratory.initial,
            operations=operations,
            responses=tuple(responses.get(index, PENDING) for index in range(count)),
            final=stored,
            schedule=Schedule(tuple(self._choices)),
            endings=tuple(self._endings.get(index, open_end) for index in range(count)),
            idle=idle_steps(self._choices, self._idle, operations),
            isolated=self.laboratory.isolated,
            output=self.laboratory.written(),
        )

    def _restore(self) -> None:
        self._runner = self.laboratory.begin(Scenario(()))
        if self._memory is not None and not self.laboratory.isolated:
            self.laboratory.begin_memory(self._memory)
        self.requests = []
        self._polls = Polls()
        self._choices: list[Choice] = []
        self._idle: list[int] = []
        self._endings: dict[int, int] = {}

    def _start(self, request: Request) -> int:
        index = self.laboratory.admit(request)
        self.requests.append(request)
        self._runner.start(index)
        # Without operations its start is its only step; one whose threads go on after its answer has answered by that step.
        if self.laboratory.answered(index) is not None:
            self._stepped(index, performed=False)
        return index

    def _advance(self, index: int) -> None:
        before = len(self.laboratory.performed())
        self._runner.step(index)
        performed = self.laboratory.performed()[before:]
        for operation in performed:
            self._polls.performed(operation)
        self._stepped(index, performed=bool(performed))

    def _stepped(self, index: int, *, performed: bool) -> None:
        if not performed:
            self._idle.append(len(self._choices))
        self._choices.append(Choice(index))
        if self.laboratory.answered(index) is not None:
            self._endings.setdefault(index, self.laboratory.answered_after(index))

    def _separating(self, act: Callable[[], object]) -> None:
        """Do what has been logged last; again in processes, with all that is logged, where one process does not do."""
        try:
            act()
        except (SilentHandler, ThreadStarted) as fault:
            if not self.laboratory.separate(fault.observed):
                raise
            self.resume()

    def _separate_numbers(self) -> None:
        # Requests that share a generator are not repeatable; the control gives each its own now, from the start.
        if self._runner.random_was_shared():
            self.resume()

    def _compare_memory(self) -> None:
        if self._memory is None or self.laboratory.isolated or not (left := self._memory.changed()):
            return
        before = self._behaviour()
        self.resume()
        again = self._memory.changed()
        if again or self._behaviour() != before:
            self._memory = None
            raise left_in_memory(again or left)

    def _behaviour(self) -> object:
        """What requests have done so far, as far as a cache must not change it."""
        calls = [(one.request, one.action, one.parameters) for one in self.laboratory.performed()]
        answers = [self.laboratory.answered(index) for index in range(len(self.requests))]
        return calls, answers, self.pending
