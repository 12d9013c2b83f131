"""Runs one schedule of one scenario and records what happened.

The laboratory joins what lower floors keep apart: the runner that switches between requests, the interception of their
DynamoDB calls, and a backend.  It judges nothing and chooses nothing.

Memoised steps (:mod:`toctou.execution.memoised_steps`) are compared with what is run, and taken without running a request if
asked for.  Once they are tainted, the caller has to give them up and to begin the scenario again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial

from toctou.analysis.edits import Edit
from toctou.client.access_tracker import AccessTracker
from toctou.client.backend import Backend
from toctou.client.environment import client_environment
from toctou.client.intercept import intercepted
from toctou.client.other_services import is_service_call
from toctou.client.patches import Patches
from toctou.declaration.model import Model
from toctou.declaration.remote import under_test
from toctou.declaration.scenario import Scenario
from toctou.declaration.services import services_of
from toctou.engine import Schema
from toctou.errors import ScheduleDiverged
from toctou.execution.earlier_threads import Undone
from toctou.execution.isolation import Isolation
from toctou.execution.judging import observed
from toctou.execution.kept_memory import CAN_FORK, remember_separated, separated_before
from toctou.execution.long_lived import long_lived_set_aside
from toctou.execution.memoised_steps import MemoisedSteps
from toctou.execution.observation import operation_of, step_of
from toctou.execution.patched_requests import PatchedRequests
from toctou.execution.process_memory import ProcessMemory
from toctou.execution.recording import Recording
from toctou.execution.serial_steps import one_after_the_other
from toctou.execution.serving import answer
from toctou.execution.set_up import SetUp
from toctou.execution.shared_memory import sharing as memory_shared
from toctou.execution.states_after import StatesAfter
from toctou.execution.transition_system import Taken, Transition, Walk
from toctou.gate.mailbox import HeldCall
from toctou.gate.relay import Patience, Relay
from toctou.history.item import Image, ItemId
from toctou.history.operation import Accessed, Execution, Operation, StoredImages, idle_steps
from toctou.history.output import Written
from toctou.history.request import Request, Response
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling import data_files
from toctou.scheduling.choices import Choices, Script, plain_choice
from toctou.scheduling.control import Readings
from toctou.scheduling.output import warn_again
from toctou.scheduling.polling import Polls, Waiting
from toctou.scheduling.restart import Reason, Restart
from toctou.scheduling.runner import Limits, Runner
from toctou.scheduling.scheduling_point import Turn
from toctou.scheduling.strategies.replay import Replay
from toctou.scheduling.strategies.strategy import Step, Strategy

SHORT_SECONDS = 2.0
"""How long a request may be silent in the memory of this process, before it gets a process of its own."""


class Laboratory:
    """Executes scenarios of one model on one backend, inside :meth:`opened`.

    Args:
        isolation: one of :data:`~toctou.declaration.isolation.ISOLATIONS`; a service has processes of its own anyway.
        edits: a remedy to apply to the calls of handlers.

    Attributes:
        initial: the items stored at the start.
        sharing: what requests share besides DynamoDB, as text for the user; ``""`` unless something has shown that they do.
        left: names of what requests were seen to leave in memory by then.
        schemas: of the tables at the start.
        isolated: whether each request has a process of its own.
        because: why, if they had not at first.
        undone: what requests leave to do to threads and tasks that were there before.
        polls_awake: whether requests that poll without sleep are held back, too.
        asks_services: whether requests may ask other services, which make up identifiers.
        patches: applies the remedy.
    """

    def __init__(
        self,
        model: type[Model],
        backend: Backend,
        limits: Limits,
        isolation: str = "memory",
        edits: Sequence[Edit] = (),
    ) -> None:
        self.model = model
        self.initial: StoredImages = {}
        self.sharing = ""
        self.polls_awake = self._held_back = self._walk_read_clock = False
        self.left: Sequence[str] = ()
        self._left_out: StoredImages = {}
        self.schemas: Mapping[str, Schema] = {}
        self._services = services_of(model, backend)
        self._backend = backend = backend if self._services is None else self._services
        self._setting_up = nullcontext if self._services is None else self._services.setup
        self._drawing = nullcontext if self._services is None else self._services.drawing
        self.asks_services = self._services is not None and self._services.in_use
        # Where requests can be separated, a doubt costs little; a process of its own gets all the time.
        auto = isolation == "auto" and CAN_FORK
        own = replace(limits, seconds=min(limits.seconds, SHORT_SECONDS)) if auto else limits
        self._runner = Runner(own)
        self._set_up = SetUp(model, self._runner.set_up)
        self._handlers = model.handlers()
        self._recording = Recording()
        self.patches = Patches(edits, self.performed, lambda: self.schemas, remote=model.service is not None)
        self._instance: Model  # a new one for each schedule
        self._observes = observed(model)
        self._states = StatesAfter(backend, self._complete)
        self._tracker = AccessTracker()
        self._remote = under_test(model)
        self.undone = Undone(model)
        self._known: MemoisedSteps | None = None
        self._choices = Choices()
        self._patched = PatchedRequests(self.patches, self._runner, backend, self._choices, self._record)
        perform = self._patched.perform
        if self._remote is not None:
            patience, division = Patience(limits.seconds, self._remote.settle_seconds), self._set_up.division
            self._relay = Relay(
                self._runner,
                perform,
                self._choices,
                patience=patience,
                diagnostics=self._remote.diagnostics,
                division=division,
            )
        self.isolated, self.because = False, ""
        self._isolation: Isolation | None = None
        if self._remote is None and isolation != "memory" and CAN_FORK:
            self._isolation = Isolation(
                model, limits, self._runner, perform, self._choices, services=self._services, undone=self.undone
            )
            self.because = (separated_before(model) or self.undone.may_be()) if isolation == "auto" else ""
            self.isolated = self._runner.separated = isolation == "processes" or bool(self.because)

    @contextmanager
    def opened(self) -> Iterator[Laboratory]:
        """Store the initial items, intercept DynamoDB clients and control clock and numbers while inside."""
        self._store_initial({})
        data_files.begin()
        calls = self._runner, self._backend, self._record, self._tracker, self._choices
        served = nullcontext() if self._remote is None else self._remote.opened(self._read)
        with (
            nullcontext() if self._isolation is None else self._isolation.opened(),
            served,
            client_environment(),
            nullcontext() if self._services is None else self._services.opened(),
            intercepted(*calls, setup=self._services, division=self._set_up.division, patches=self.patches),
            self._runner.installed(),
            long_lived_set_aside(),
        ):
            with self._setting_up():
                stored = self._set_up.run_first()
            if stored or self.asks_services:
                self._store_initial({})
            yield self

    def _store_initial(self, left_out: StoredImages) -> None:
        (tables, images), more = self._set_up.initial, self.patches.tables
        if missing := self.by_name(left_out).keys():
            images = {
                table: [one for one in stored if self.schemas[table].item_id(one) not in missing]
                for table, stored in images.items()
            }
        self._backend.load([*tables, *more] if more else tables, images)
        self.schemas = {table["TableName"]: Schema.of(table) for table in (*tables, *more)}
        self.initial, self._left_out = self._backend.stored(), left_out

    def by_name(self, stored: StoredImages) -> dict[ItemId, Image]:
        """Stored items by their names."""
        # What is in another service has no name here.
        own = [(self.schemas[table], images) for table, images in stored.items() if table in self.schemas]
        return {schema.item_id(one): one for schema, images in own for one in images}

    def tracking(self) -> AbstractContextManager[None]:
        """While inside, executions record what handlers access (:mod:`toctou.client.access_tracker`); nothing for a service."""
        return self._tracker.tracking() if self._remote is None else nullcontext()

    def memoise(self, *, taken: bool = True) -> None:
        """From now on compare what is run with what was run before.

        Args:
            taken: take memoised steps without running them, where only requests and stored items decide.
        """
        if self._remote is None:
            taken = taken and self._backend.repeatable
            memory = None if self.isolated else ProcessMemory(self.model)
            self._known = MemoisedSteps(memory, step_of, self._states.perform, self._states.stored, taken=taken)

    @property
    def stores_more_than_declared(self) -> bool:
        """Whether something at the start was stored by calls outside of requests."""
        return self._set_up.stores_more_than_declared

    @property
    def concurrent(self) -> bool:
        """Whether threads of one request were seen to wait for their turns at once, or after its answer."""
        return self._isolation is not None and self._isolation.concurrent

    @property
    def tainted(self) -> bool:
        """Whether something has shown that requests share memory."""
        return self._known is not None and self._known.tainted

    def repeat_first_runs(self) -> None:
        """Run again what has left something in memory when it was run first: a cache stays as it is from then on.

        Raises:
            UncontrolledHandler: see :meth:`execute`.
            Restart: see :meth:`execute`.
        """
        while self._known is not None and self._known.to_repeat:
            execution = self._known.to_repeat.pop()
            strategy = Replay(execution.schedule)
            strategy.begin()
            try:
                self._run(Scenario.of(execution), strategy, self._known)
            except ScheduleDiverged:
                self._known.tainted = True
            self.take_clock_reads()  # those of the exploration are taken already

    def run_every_step(self, sharing: str = "") -> MemoisedSteps | None:
        """From now on take and compare no memoised steps; returns them; ``None`` if that was so already.

        Args:
            sharing: what requests share, if that is known already.
        """
        known, self._known = self._known, None
        self.left = self.left or ([] if known is None else list(known.left))
        self.sharing = (
            self.sharing or sharing or ("" if known is None else memory_shared(self.model, known, self._watch))
        )
        return known

    def separate(self, because: str = "") -> bool:
        """From now on serve each request in a process of its own; ``False`` if that is so already, or cannot be.

        Args:
            because: what has shown that it matters; else what requests share is found out.
        """
        if self.isolated or self._isolation is None:
            return False
        known, self._known = self._known, None
        self._runner.end()
        because = because or ("" if known is None else memory_shared(self.model, known, self._watch))
        because = because or "in one process a schedule did not repeat"
        self.isolated, self.because, self._runner.separated = True, because, True
        remember_separated(self.model, because)
        if known is not None:
            self.memoise(taken=known.taken)
        return True

    def _watch(
        self, scenario: Scenario, order: Sequence[int], begin: Callable[[Model], None], look: Callable[[], None]
    ) -> None:
        runner = self.begin(scenario)
        begin(self._instance)
        for request in order:
            if request in runner.enabled():
                self._take(request, [], {})
                look()
        runner.end()

    def execute(self, scenario: Scenario, strategy: Strategy, *, afresh: bool = False) -> Execution | None:
        """Run the schedule that the strategy chooses; ``None`` if it gave the execution up.

        Args:
            scenario: whose requests.
            strategy: chooses.
            afresh: run every step, memoised or not.

        Raises:
            UncontrolledHandler: the execution left the checker's control, or differs from what was observed before.
            Restart: begin the scenario again; requests have generators of their own from then on.
        """
        # A walk takes memoised steps only; at the first unknown one, the schedule is run from its beginning.
        known = None if afresh else self._known_of(scenario)
        if known is None or not known.taken:
            return self._run(scenario, strategy, known)
        walk, polls = self._walk(known, scenario), Polls(awake=self.polls_awake)
        while walk.enabled:
            chosen = self._chosen(strategy, polls, walk.enabled, walk.waiting)
            if chosen is None:
                return None
            step = walk.step(chosen)
            if step is None:
                return self._run(scenario, strategy, known, walk.taken, chosen, polls=polls)
            strategy.performed(chosen, step)
            polls.performed(walk.taken[-1][1].operation)
        return self._walked(scenario, walk)

    def serial(
        self, scenario: Scenario, order: Sequence[int], *, afresh: bool = False
    ) -> tuple[tuple[Response, ...], StoredImages]:
        """Responses, in that order of indexes, and stored items when only these requests run, one after the other.

        Args:
            scenario, afresh: see :meth:`execute`.
            order: those that run.
        """
        known = None if afresh else self._known_of(scenario)
        if known is not None and known.taken:
            walk = self._walk(known, scenario)
            while (following := next((one for one in order if one in walk.enabled), None)) is not None:
                if walk.step(following) is None:
                    break
            else:
                responses = walk.responses()
                self._recording = Recording(walk.operations(), responses)
                self._walk_read_clock = self._walk_read_clock or walk.reads_clock
                return tuple(responses[request] for request in order), walk.stored()
        answers, stored, _ = self.serial_run(scenario, order, (), known)
        return answers, stored

    def serial_run(
        self, scenario: Scenario, order: Sequence[int], script: Sequence[int], known: MemoisedSteps | None = None
    ) -> tuple[tuple[Response, ...], StoredImages, Sequence[int]]:
        """One of the serial runs of requests with threads; see :mod:`toctou.execution.serial_steps`.

        Args:
            scenario, order: see :meth:`serial`.
            script: answers to the questions which thread, or which request, goes on; 0 for those that follow.
            known: memoises what is run.

        Returns:
            Responses, in that order, stored items, and how many alternatives there were at each question.
        """
        while True:
            runner, asked = self.begin(scenario), Script(script)
            self._choices.script = asked
            steps: list[Taken] = []
            for following in one_after_the_other(order, runner.enabled, self._recording.responses, asked):
                self._take(following, steps, {})
            reads_clock = runner.clock_readers()
            runner.end()
            if not self._random_was_shared():
                break
        self._check_concurrent()
        if known is not None:
            known.learn(scenario, steps, self._recording.responses, reads_clock)
        return tuple(self._recording.responses[request] for request in order), self._backend.stored(), asked.counts

    def _known_of(self, scenario: Scenario) -> MemoisedSteps | None:
        return None if scenario.left_out or self._tracker.on else self._known

    def _walk(self, known: MemoisedSteps, scenario: Scenario) -> Walk:
        if self._left_out:
            self._store_initial({})
        return known.walk(scenario)

    def _walked(self, scenario: Scenario, walk: Walk) -> Execution:
        self._walk_read_clock = self._walk_read_clock or walk.reads_clock
        self._recording = Recording(walk.operations(), walk.responses())
        schedule, stored = Schedule(tuple(map(plain_choice, walk.order()))), (self.initial, walk.stored())
        return self._recording.execution(scenario, schedule, walk.endings(), stored, isolated=self.isolated)

    def _run(
        self,
        scenario: Scenario,
        strategy: Strategy,
        known: MemoisedSteps | None = None,
        taken: Sequence[tuple[int, Transition]] = (),
        chosen: int | None = None,
        *,
        polls: Polls | None = None,
    ) -> Execution | None:
        # The strategy, and `polls`, have seen the memoised steps `taken`; then it chose a request whose step is unknown.
        runner, polls = self.begin(scenario), polls or Polls(awake=self.polls_awake)
        self._choices.bind(strategy)
        if known is not None and known.memory is not None:
            known.memory.begin(self._instance)
        steps: list[Taken] = []
        choices: list[Choice] = []
        endings: dict[int, int] = {}
        for request, transition in taken:
            again = self._take(request, steps, endings)
            if known is not None:
                known.check(scenario, steps, transition.step, again)
            choices.append(plain_choice(request))
        while enabled := runner.enabled():
            if chosen is None:
                chosen = self._chosen(strategy, polls, enabled, runner.tasks)
            if chosen is None:
                self._check_concurrent()
                if known is not None:  # what is left may be redundant only because a request behaved differently
                    known.compare(scenario, steps, self._recording.responses, runner.clock_readers())
                runner.end()
                return None
            self._choices.settled = polls.settled(chosen, runner.tasks[chosen])
            strategy.performed(chosen, self._take(chosen, steps, endings))
            polls.performed(steps[-1][1])
            choices.append(self._choices.taken(chosen))
            chosen = None
        if self._random_was_shared():
            raise Restart(Reason.NUMBERS_SHARED)
        self._check_concurrent()
        idle = idle_steps(choices, [at for at, (_, one) in enumerate(steps) if one is None], self._recording.operations)
        schedule = Schedule(tuple(choices))
        stored = self.initial, self._backend.stored()
        execution = self._recording.execution(
            scenario, schedule, endings, stored, idle=idle, output=runner.written(), isolated=self.isolated
        )
        if self._tracker.on:
            accessed = tuple([replace(one, accessed=self._accessed(one)) for one in execution.operations])
            execution = replace(execution, operations=accessed)
        if known is not None:
            known.learn(scenario, steps, self._recording.responses, runner.clock_readers())
            known.end(execution)
        return execution

    def _chosen(
        self, strategy: Strategy, polls: Polls, unfinished: Sequence[int], waiting: Sequence[Waiting | None]
    ) -> int | None:
        """What the strategy chooses among the requests that are not held back from it."""
        if not strategy.fair:
            return strategy.choose(unfinished)
        allowed = polls.allowed(unfinished, waiting)
        if polls.held:
            self._held_back = True
            strategy.held_back()
        return strategy.choose(allowed)

    def _take(self, request: int, steps: list[Taken], endings: dict[int, int]) -> Step:
        """Run and record a request's next step, and whether the request has ended with it."""
        before = len(self._recording.operations)
        self._runner.step(request)
        response = self._recording.responses.get(request)
        if response is not None:
            endings.setdefault(request, self.answered_after(request))  # its threads may go on after that
        (operation,) = self._recording.operations[before:] or (None,)  # a step performs one operation at most
        steps.append((request, operation))
        return step_of(operation, response)

    def _check_concurrent(self) -> None:
        """Memoised steps know of requests that make one call after the other.

        Raises:
            Restart: they were relied on, but the requests are of another kind.
        """
        if self._known is not None and self._isolation is not None and self._isolation.concurrent:
            self._known = None
            raise Restart(Reason.CONCURRENT_CALLS)

    def _random_was_shared(self) -> bool:
        shared = self._runner.random_was_shared()
        if shared:
            self._forget()
        return shared

    def _forget(self) -> None:
        if self._known is not None:  # requests have other random numbers from now on
            self._known.forget()

    def begin_memory(self, memory: ProcessMemory) -> None:
        """From now on compare memory with what it is now, in the current execution; requests must run in this process."""
        memory.begin(self._instance)

    def admit(self, request: Request) -> int:
        """Add a request, not started, to the current execution; returns its index."""
        return self._runner.add(partial(self._serve, len(self._runner.tasks), request))

    def take_clock_reads(self) -> bool:
        """Whether a handler has read its clock or a random number since the last call."""
        walked, self._walk_read_clock = self._walk_read_clock, False
        return self._runner.take_clock_reads() or walked

    def take_held_back(self) -> bool:
        """Whether a request that polls was held back from a strategy since the last call."""
        held_back, self._held_back = self._held_back, False
        if self._isolation is not None:
            held_back, self._isolation.held_back = held_back or self._isolation.held_back, False
        return held_back

    def take_remarks(self) -> Mapping[str, None]:
        """What has been noted since the last call: on calls while importing, and see :attr:`Isolation.remarks`."""
        remarks: dict[str, None] = {}
        if self._isolation is not None:
            remarks, self._isolation.remarks = self._isolation.remarks, {}
        return {**dict.fromkeys(self._set_up.remarks), **remarks}

    def note_clock_reads(self, *, read: bool) -> None:
        """Put back what :meth:`take_clock_reads` has taken."""
        self._runner.note_clock_reads(read=read)

    @contextmanager
    def reading(self, readings: Readings) -> Iterator[None]:
        """While inside, requests have these clocks and random numbers, and services other identifiers; run them afresh."""
        with self._runner.reading(readings), self._drawing(readings.seed):
            yield

    def draw_afresh(self) -> None:
        """Requests draw as they would have drawn next, whatever others have done to the global generator since."""
        self._runner.draw_afresh()

    def own_numbers(self) -> None:
        """See :meth:`toctou.scheduling.runner.Runner.own_numbers`."""
        if self._runner.own_numbers():
            self._forget()

    def progress(self) -> tuple[tuple[Operation, ...], dict[int, Response], StoredImages]:
        """Operations so far, responses by request, and the items stored now."""
        return tuple(self._recording.operations), dict(self._recording.responses), self._backend.stored()

    def written(self) -> tuple[Written, ...]:
        """What the requests of the current execution have written, if they have run."""
        return self._runner.written()

    def performed(self) -> Sequence[Operation]:
        """Operations so far."""
        return self._recording.operations

    def answered_after(self, request: int) -> int:
        """How many operations there were when a request answered, now at the latest."""
        return self._recording.answered_after(request)

    def answered(self, request: int) -> Response | None:
        """The response of a request; ``None`` if it has not answered."""
        return self._recording.responses.get(request)

    def stored(self) -> StoredImages:
        """The items stored now."""
        return self._backend.stored()

    def store(self, table: str, key: Image, image: Image | None) -> None:
        """Put an item under a key, or delete it for ``None``, between two operations of the current execution."""
        if image is None:
            self._backend.perform("DeleteItem", {"TableName": table, "Key": key})
        else:
            self._backend.perform("PutItem", {"TableName": table, "Item": image})

    def isolate(self) -> bool:
        """From now on start what serves requests anew for each schedule; ``False`` if that is so already, or it is we."""
        if self._remote is not None:
            return self._remote.isolate()
        if not self.isolated or self._isolation is None or not self._isolation.use_once():
            return False
        if self._known is not None:
            self.memoise(taken=self._known.taken)
        return True

    def begin(self, scenario: Scenario) -> Runner:
        """Restore the initial items; returns the runner with the scenario's tasks, none of them started."""
        self._choices.bind(None)  # a request that was given up still runs to its end
        if self._remote is not None:
            self._runner.end()
            self._remote.prepare(len(scenario.requests))
        if scenario.left_out != self._left_out:
            self._store_initial(scenario.left_out)
        self._backend.restore()
        self._recording = Recording()
        self.patches.begin(scenario.requests)
        self._tracker.begin()
        self._runner.begin([partial(self._serve, index, request) for index, request in enumerate(scenario.requests)])
        if self.isolated and self._isolation is not None:
            self._isolation.begin()
            return self._runner
        with self._setting_up():
            self._instance = self._set_up.run()
        return self._runner

    def _serve(self, index: int, request: Request) -> None:
        if self.isolated and self._isolation is not None:
            answered = self._patched.answering(index, self._recording.answered)
            self._isolation.serve(index, request, self._runner.readings, tracked=self._tracker.on, answered=answered)
            return
        if self._tracker.on:  # what is written now is going to be shown
            warn_again()
        sent = None
        if self._remote is not None:
            sent = partial(self._remote.serve, index, request, relay=self._relay, point=self._runner)
        response = answer(self._handlers[request.handler], self._instance, request, self._runner, sent)
        self._recording.responses[index] = self._patched.response(index, response)
        if self._remote is None:
            self.undone.look(request.handler)

    def _read(self, call: HeldCall) -> Operation:
        return operation_of(Turn(0, 0), call, self._backend.perform(call.action, call.parameters))

    def _record(self, operation: Operation) -> None:
        self._complete(operation)
        self._recording.operations.append(operation)

    def _complete(self, operation: Operation) -> None:
        operation.footprint = self._observes.extended(operation.footprint, operation.changes)

    def _accessed(self, operation: Operation) -> Accessed | None:
        if is_service_call(operation.action):
            return None
        if self.isolated and self._isolation is not None:
            return self._isolation.accessed.get((operation.request, operation.number), {})
        return self._tracker.accessed(operation)
