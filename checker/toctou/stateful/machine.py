"""Decides what a Hypothesis state machine may do with a model: start a request, advance one, change ownership.

Hypothesis chooses, shrinks and stores the steps; :mod:`toctou.stateful.choices` interprets them, and
:mod:`toctou.stateful.judgement` judges the outcome.
"""

from __future__ import annotations

import random
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import wraps
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, rule

from toctou.analysis.explain import explain, unexplained
from toctou.client.backends import backend_named
from toctou.counterexample.violation import Violation
from toctou.declaration.isolation import check_isolation, isolation_of
from toctou.declaration.loading import LoadedModel, named
from toctou.declaration.model import Model
from toctou.errors import BadInput, SharedMemory, ToctouError, contained
from toctou.execution.kept_memory import CAN_FORK, may_separate, memory_kept, remember_separated
from toctou.execution.laboratory import Laboratory
from toctou.execution.process_memory import ProcessMemory
from toctou.history.request import Request
from toctou.scheduling.runner import Limits
from toctou.stateful.choices import Named, Number, Shown, interpret_in, names, pending_numbers
from toctou.stateful.failure import Abandoned, RaceFound
from toctou.stateful.judgement import Judge, KnownRuns
from toctou.stateful.session import Session

# How often each rule is chosen, relative to the others: most steps should be operations, with several requests pending.
_WEIGHTS = {"start_request": 3, "let_advance": 4, "change_ownership": 1}


class ModelMachine(RuleBasedStateMachine):
    """The base of all machines; :func:`machine` makes one for a model.

    An example runs executions of up to ``limit`` requests, one execution after the other.

    Attributes:
        memory: of this process, once it was looked through, which takes longer than an example.
        laboratory: of all examples of a test, once it is open.
        opened: closes it at the end of a test; ``None`` outside of one, where each example has its own.
        because: why requests were separated; ``""`` if they were not.
        doubt: that requests share memory of their process where they cannot be separated; ``None`` unless that was seen.
    """

    loaded: ClassVar[LoadedModel]
    limit: ClassVar[int]
    backend: ClassVar[str]
    limits: ClassVar[Limits]
    isolation: ClassVar[str]
    known_runs: ClassVar[KnownRuns]
    memory: ClassVar[ProcessMemory | None]
    laboratory: ClassVar[Laboratory | None]
    opened: ClassVar[ExitStack | None]
    because: ClassVar[str]
    doubt: ClassVar[SharedMemory | None]

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self._session: Session | None = None
        self._judge: Judge | None = None
        self._numbers: dict[Number, int] = {}
        interpret_in(self)

    @property
    def pending(self) -> list[Number]:
        """The requests that have not responded and are not held back because they poll, by number."""
        if self._session is None:
            return []
        able = self._session.able
        return sorted(number for number, index in self._numbers.items() if index in able)

    @property
    def free(self) -> list[Number]:
        """Numbers available for one more request; empty if there is no room for one."""
        return [number for number in range(self.limit) if number not in self._numbers] if self.has_room else []

    @property
    def has_room(self) -> bool:
        """Whether one more request may be started in this execution."""
        return self._session is None or len(self._session.requests) < self.limit

    def start(self, name: Named, request: Request) -> None:
        """Start a request; it performs no operation yet."""
        with self._abandoned_on_fault():
            session = self._in_session()
            if name.anew and session.requests:
                session.begin()
                self._numbers = {}
            if name.number is not None:
                self._numbers[name.number] = self._start(session, request)

    def advance(self, number: Number | None) -> None:
        """Let a pending request perform one operation."""
        if number is not None:
            with self._abandoned_on_fault():
                session = self._in_session()
                with self._doubting():
                    session.advance(self._numbers[number])
                self._judge_now()

    def run(self, request: Request) -> None:
        """Start a request and run it to its end, or until it is held back, if there is room for one."""
        if self.has_room:
            with self._abandoned_on_fault():
                session = self._in_session()
                index = self._start(session, request)
                while index in session.able:
                    with self._doubting():
                        session.advance(index)
                    self._judge_now()

    def teardown(self) -> None:
        """Abort pending requests, and restore the clock, random numbers and clients."""
        if self._session is not None:
            self._session.give_up()
        self._session = self._judge = None
        self._opened.close()

    @classmethod
    @contextmanager
    def one_laboratory(cls) -> Iterator[None]:
        """While inside, examples share a laboratory."""
        # Hypothesis gives every example a state of `random`, and the laboratory is opened in one.
        drawn, cls.memory = random.getstate(), None
        try:
            with ExitStack() as cls.opened:
                yield
        finally:
            cls.laboratory = cls.opened = None
            random.setstate(drawn)

    @classmethod
    def separate(cls, because: str) -> None:
        """From the next example on serve each request in a process of its own."""
        cls.isolation, cls.because = "processes", because
        cls.known_runs.clear()  # they were run in memory
        remember_separated(cls.loaded.model, because)

    def _in_session(self) -> Session:
        if self._session is None:
            laboratory = self._in_laboratory()
            watched = self.loaded.model.service is None and not laboratory.isolated and self.doubt is None
            if watched and self.memory is None:
                type(self).memory = ProcessMemory(self.loaded.model)
            self._session = Session(laboratory, self.memory if watched else None)
            self._judge = Judge(self._session, self.known_runs)
        return self._session

    def _in_laboratory(self) -> Laboratory:
        if self.laboratory is not None:
            self.laboratory.draw_afresh()
            return self.laboratory
        # Open until the end of the test.  Hypothesis does not notice: between two steps `perf_counter` and `monotonic` are the
        # machine's, and it draws from its own generators.
        opened = self._opened if self.opened is None else self.opened
        backend = opened.enter_context(closing(backend_named(self.backend)))
        laboratory = Laboratory(self.loaded.model, backend, self.limits, self.isolation)
        opened.enter_context(laboratory.opened())
        if self.opened is not None:
            type(self).laboratory = laboratory
        return laboratory

    def _start(self, session: Session, request: Request) -> int:
        index = len(session.requests)
        with self._doubting():
            session.start(request)
        # One that waits to perform its first operation contradicts nothing that was right without it.
        if index not in session.pending:
            self._judge_now()
        return index

    def _judge_now(self) -> None:
        assert self._session is not None and self._judge is not None  # noqa: PT018, S101 - see _in_session
        finding = self._judge.finding()
        if finding is None:
            return
        self._session.finish()  # only a complete execution has a schedule that can be replayed
        finding, execution = self._judge.at_the_end(finding), self._session.execution()
        faults: list[str] = []
        plain = unexplained(execution, finding)
        explanation = contained("the explanation", lambda: explain(execution, finding), plain, faults)
        violation = Violation(finding, explanation, execution, self.backend, faults=tuple(faults))
        because = self._session.laboratory.because or self.because
        raise RaceFound(self.loaded, violation, self.limits, because)

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        try:
            yield
        except SharedMemory as fault:
            if may_separate(self.loaded.model, self.isolation) and CAN_FORK:
                raise
            # What is found in one process is a race anyway.
            type(self).doubt = fault

    @contextmanager
    def _abandoned_on_fault(self) -> Iterator[None]:
        try:
            yield
        except ToctouError as fault:
            raise Abandoned(self.loaded, fault) from None
        if self._session is not None and self._session.laboratory.isolated:
            type(self).isolation = "processes"  # of the examples that follow, too
            type(self).because = self._session.laboratory.because or self.because


def machine(
    model: type[Model],
    *,
    requests: int = 4,
    backend: str = "embedded",
    limits: Limits | None = None,
    isolation: str = "auto",
) -> type[RuleBasedStateMachine]:
    """A Hypothesis state machine for a model; ``machine(Model).TestCase`` is a test for pytest and unittest.

    The test's ``settings`` are Hypothesis' own for state machines, with 100 steps and without the ``explain`` phase.  Assign
    others as usual.

    Args:
        model: the model's class.
        requests: how many requests an execution has at most; at least 1.
        backend: ``embedded``, ``moto`` or ``endpoint=URL``.
        limits: of one request.
        isolation: ``processes`` for requests in processes of their own, ``memory`` for all in one, or ``auto``: what the model
            declares, and else memory until a request starts a thread, waits in vain, or shares memory with others.

    Raises:
        BadInput: the model, or an option, cannot be used.
    """
    if requests < 1:
        raise BadInput(f"a machine of {requests} concurrent requests", expected="at least 1")
    check_isolation(isolation)
    members: dict[str, Any] = {
        "__doc__": f"Explores the interleavings of the requests of {model.__name__}.",
        "__module__": model.__module__,
        "loaded": named(model),
        "limit": requests,
        "backend": backend,
        "limits": limits or Limits(),
        "isolation": isolation_of(model, isolation),
        "known_runs": {},
        "memory": None,
        "laboratory": None,
        "opened": None,
        "because": "",
        "doubt": None,
        **_rules(model, requests),
    }
    made: type[RuleBasedStateMachine] = types.new_class(
        f"{model.__name__}Machine", (ModelMachine,), exec_body=lambda body: body.update(members)
    )
    test_case: Any = made.TestCase
    test_case.runTest = _separating(test_case.runTest, made)
    made.TestCase.settings = settings(
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # Which lines only failing examples run takes long to find out, and says less than a schedule.
        phases=[phase for phase in settings().phases if phase is not Phase.explain],
        stateful_step_count=100,  # twice the default, because some steps do nothing
    )
    return made


def _separating(run: Callable[[Any], None], made: Any) -> Callable[[Any], None]:
    """Run all examples with the memory there was before the first, should requests get processes of their own.

    Where they share memory, all examples are run again in processes: what Hypothesis draws for an example must not depend on
    those before.
    """
    model: type[Model] = made.loaded.model

    @wraps(run)
    def run_test(self: Any) -> None:
        separable = may_separate(model, made.isolation)
        with memory_kept([model] if separable else []):
            try:
                with made.one_laboratory():
                    run(self)
            except Abandoned as abandoned:
                if not separable or not CAN_FORK or not isinstance(abandoned.fault, SharedMemory):
                    raise
                made.separate(abandoned.fault.observed)
                with made.one_laboratory():
                    run(self)
        if made.doubt is not None:
            raise Abandoned(made.loaded, made.doubt)

    return run_test


def _rules(model: type[Model], limit: int) -> dict[str, Any]:
    """The rules by their names in the class; a rule is repeated by its weight."""
    pool, handlers = [Shown(request) for request in model.requests()], model.handlers()
    rules = {"start_request": _start_request(pool, limit), "let_advance": _let_advance(limit)}
    if owner_changes := [one for one in pool if handlers[one.request.handler].changes_owner]:
        rules["change_ownership"] = _change_ownership(owner_changes)
    return {f"{name}_{copy}": made for name, made in rules.items() for copy in range(_WEIGHTS[name])}


# Hypothesis disables rules by their functions' names, at random for each example ("swarm testing", Groce et al., ISSTA 2012).
# Without starts, or without advances, nothing can happen; so all rules share one name, and differ in their arguments.


def _start_request(pool: list[Shown], limit: int) -> Any:
    @rule(name=names(limit), start=strategies.sampled_from(pool))
    def step(self: ModelMachine, name: Named, start: Shown) -> None:
        """Start a request."""
        self.start(name, start.request)

    return step


def _let_advance(limit: int) -> Any:
    @rule(advance=pending_numbers(limit))
    def step(self: ModelMachine, advance: Number | None) -> None:
        """Let one request perform one operation."""
        self.advance(advance)

    return step


def _change_ownership(owner_changes: list[Shown]) -> Any:
    @rule(change_ownership=strategies.sampled_from(owner_changes))
    def step(self: ModelMachine, change_ownership: Shown) -> None:
        """Run a request that transfers an item, from start to end."""
        self.run(change_ownership.request)

    return step
