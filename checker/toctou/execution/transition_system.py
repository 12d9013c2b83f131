"""What requests and calls did in executions that were run, so that a memoised step need not be run again.

Two functions are learned: a request's next call or response is decided by its inputs and the responses it has received; the
response and the changes of a call are decided by what is stored.  A :class:`Walk` takes steps that are known without running
a handler, and without the engine where the same items were stored before.  It stops at the first unknown step, and the
schedule is then run and compared with what is known.

A walk also stops where evidence is missing that requests are separate processes without common memory:

- a request that ends as it has ended in fewer than :data:`ENOUGH` executions that were run;
- a request that continues after another one has reached a local state that it had not reached before this step in any
  execution that was run: what the other one left in memory would show in this one.

A request does the same at any index in a scenario, until it reads the clock or a random number, which depend on the index;
from then on it is another request at each index.

Two states are the same if the same items have the same contents, attributes in the same order, and the same transaction tokens
have been used.  Versions are left out: only stale reads see them, and these are not memoised.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from toctou.client.other_services import is_service_call
from toctou.client.service_names import touches_whole_thing
from toctou.declaration.scenario import Scenario
from toctou.engine import Kind, actions_of
from toctou.errors import NondeterministicHandler
from toctou.history.operation import Operation, StoredImages
from toctou.history.request import Request, Response, SourceLine
from toctou.scheduling.polling import Waiting
from toctou.scheduling.strategies.strategy import Step, nondeterministic

ENOUGH = 2
"""Executions in which a request must have ended like this before its end is memoised."""

MOST = 5_000
"""Calls, transitions and states that are memoised, about 4 kB each; then all are forgotten."""

MOST_ALIKE = 50
"""Requests with equal text that differ; of more, nothing is memoised."""

KNOWN_ACTIONS = actions_of(Kind.READS, Kind.WRITES)
"""Actions that depend on stored items, and on used transaction tokens, only."""

_REWRITTEN = "rewritten"
_TOKEN = "ClientRequestToken"  # noqa: S105 - the name of a parameter


@dataclass(slots=True, eq=False)
class State:
    """What is stored."""

    contents: Mapping[object, bytes]  # what changed since the start: items, used tokens with payload, the last rewrite
    stored: StoredImages | None = None  # all items, once needed


@dataclass(slots=True, eq=False)
class Answered:
    """A request that has ended."""

    response: Response
    reads_clock: bool = False  # whether it has read the clock or a random number
    runs: int = 0  # executions that were run in which it ended like this
    after: set[LocalState] = field(default_factory=set)  # as for a call, if it ends without having made any


@dataclass(slots=True, eq=False)
class Call:
    """A request that is about to make its call of some number, from 0."""

    number: int
    action: str
    parameters: Mapping[str, Any]
    source: SourceLine | None
    slept: float = 0.0
    reads_clock: bool = False
    following: LocalStates = field(default_factory=dict)  # the next local state, by the result of the call
    after: set[LocalState] = field(default_factory=set)  # reached by other requests since the last step of this one
    transitions: dict[State, dict[int, Transition]] = field(default_factory=dict)  # by state and index of the request


LocalState = Call | Answered
"""The local state of a request, which is decided by its inputs and the results it has received."""

LocalStates = dict[object, LocalState]


@dataclass(slots=True, eq=False)
class Transition:
    """What a step does in a state."""

    operation: Operation | None  # `None` for a request that makes no call
    step: Step  # the operation as strategies see it
    then: LocalState
    state: State


Taken = tuple[int, Operation | None]
"""A step: the request that took it, and the call that it made, if any."""

MakeStep = Callable[[Operation | None, Response | None], Step]
"""What strategies see of a call, and of the response if the request has ended with it."""

Perform = Callable[[Sequence[Operation], int, Call], Operation | None]
"""Performs the call of a request, by index, after other calls, from the start; ``None`` if that fails."""

Stored = Callable[[Sequence[Operation]], StoredImages]
"""What is stored after some operations."""


class TransitionSystem:
    """What is known of one model's requests."""

    def __init__(self, make_step: MakeStep, perform: Perform, stored: Stored) -> None:
        self.make_step = make_step
        self.perform = perform
        self.stored = stored
        self._requests: dict[str, list[Request]] = {}
        self._nameless = 0
        self._clock_readers: set[tuple[str, int]] = set()
        self.forget()

    def forget(self) -> None:
        """Forget everything but the names of requests."""
        self.initial = State({})
        self._states: dict[frozenset[tuple[object, bytes]], State] = {frozenset(): self.initial}
        self._rewritten: dict[tuple[State, bytes], bytes] = {}
        self._beginnings: LocalStates = {}
        self._size = 0
        self._named: tuple[tuple[Request, ...], tuple[object, ...]] = (), ()

    def walk(self, scenario: Scenario) -> Walk:
        """Begin an execution of a scenario."""
        self.trim()
        names = self._names(scenario.requests)
        return Walk(self, [self._beginnings.get(name) for name in names])

    def learn(
        self,
        scenario: Scenario,
        steps: Sequence[Taken],
        responses: Mapping[int, Response],
        reads_clock: Collection[int],
    ) -> None:
        """Memoise an execution that was run.

        Args:
            scenario: its scenario.
            steps: in order.
            responses: by request; of some requests, if others did not run.
            reads_clock: the requests that have read the clock or a random number.

        Raises:
            NondeterministicHandler: a request behaved differently than before with the same inputs and responses.
        """
        if any(one is not None and not _is_known(one.action) for _, one in steps):
            return
        calls, ends = self.compare(scenario, steps, responses, reads_clock)
        moved, before = _Moved(), self.initial
        for (request, operation), call in zip(steps, calls, strict=True):
            local_state = call or ends[request]
            local_state.after.update(moved.since(request))
            if call is None or operation is None:
                moved.to(request, local_state)
                continue
            after, then = self._after(before, operation), call.following[_result(operation)]
            moved.to(request, then)
            if request not in call.transitions.get(before, ()):
                self.note(call, before, operation, then, after)
            before = after

    def compare(
        self,
        scenario: Scenario,
        steps: Sequence[Taken],
        responses: Mapping[int, Response],
        reads_clock: Collection[int],
    ) -> tuple[list[Call | None], dict[int, Answered]]:
        """Compare an execution that was run with the local states that are known, and add those that are not.

        The arguments, and what is raised, are those of :meth:`learn`; returns the call of each step, and how requests ended.
        """
        for request in reads_clock:
            self._tell_apart(scenario.requests[request])
        names = self._names(scenario.requests)
        places: list[tuple[LocalStates, object]] = [(self._beginnings, name) for name in names]
        calls: list[Call | None] = []
        for request, operation in steps:
            calls.append(None if operation is None else self._call(*places[request], operation))
            if operation is not None and (call := calls[-1]) is not None:
                places[request] = call.following, _result(operation)
        ends = {request: self._end(*places[request], response) for request, response in responses.items()}
        for request, end in ends.items():  # the last run counts: the first may draw a number for what is made only once
            end.reads_clock = request in reads_clock
        return calls, ends

    def trim(self) -> None:
        """Forget everything if too much is known; not while a walk is under way."""
        if self._size > MOST:
            self.forget()

    def note(
        self, call: Call, before: State, operation: Operation, then: LocalState, after: State | None = None
    ) -> Transition:
        """Memoise what a call does in a state."""
        response = then.response if isinstance(then, Answered) else None
        after = after or self._after(before, operation)
        transition = Transition(operation, self.make_step(operation, response), then, after)
        call.transitions.setdefault(before, {})[operation.request] = transition
        self._size += 1
        return transition

    def _names(self, requests: tuple[Request, ...]) -> tuple[object, ...]:
        if self._named[0] is not requests:
            known = [self._name(request) for request in requests]
            names = tuple((at, name) if name in self._clock_readers else name for at, name in enumerate(known))
            self._named = requests, names
        return self._named[1]

    def _name(self, request: Request) -> tuple[str, int]:
        """The text of the request, and its number among the requests with this text."""
        text = repr(request)
        alike = self._requests.setdefault(text, [])
        for at, one in enumerate(alike):
            if same(one.arguments, request.arguments):
                return text, at
        if len(alike) >= MOST_ALIKE:
            self._nameless += 1
            return text, -self._nameless  # never the same name twice, so nothing is memoised
        alike.append(request)
        return text, len(alike) - 1

    def _tell_apart(self, request: Request) -> None:
        name = self._name(request)
        if name not in self._clock_readers:
            self._clock_readers.add(name)
            self._named = (), ()

    def _call(self, local_states: LocalStates, key: object, operation: Operation) -> Call:
        known = local_states.get(key)
        if known is None:
            known = Call(operation.number, operation.action, operation.parameters, operation.source, operation.slept)
            local_states[key] = known
            self._size += 1
        elif (
            not isinstance(known, Call) or known.action != operation.action or known.parameters != operation.parameters
        ):
            raise _differs(known, f"{operation.action} {dict(operation.parameters)}")
        known.reads_clock = operation.reads_clock  # the last run counts here too
        return known

    def _end(self, local_states: LocalStates, key: object, response: Response) -> Answered:
        known = local_states.get(key)
        if known is None:
            known = local_states[key] = Answered(response)
        elif not isinstance(known, Answered) or known.response != response:
            raise _differs(known, f"answers {response}")
        known.runs += 1
        return known

    def _after(self, state: State, operation: Operation) -> State:
        # Moto may deliver to one queue of a topic, and then refuse because the next one is gone.
        wrote = (operation.error is None or bool(operation.changes)) and operation.footprint.writes_something
        token = None if operation.error else operation.parameters.get(_TOKEN)
        if not wrote and token is None:
            return state
        contents = dict(state.contents)
        for change in operation.changes:
            contents[change.item] = _packed(change.after)
        if wrote and (not operation.changes or touches_whole_thing(operation.footprint)):
            # An equal item may have its attributes in another order now, and of another service not all shows in what is
            # stored (who has received a message); no change reports that: a state of its own.
            path = state, _packed(operation.parameters)
            contents[_REWRITTEN] = self._rewritten.setdefault(path, str(len(self._rewritten)).encode())
        if token is not None:
            contents[operation.action, token] = _packed(operation.parameters)
        key = frozenset(contents.items())
        known = self._states.get(key)
        if known is None:
            known = self._states[key] = State(contents)
            self._size += 1
        return known


def _is_known(action: str) -> bool:
    return action in KNOWN_ACTIONS or is_service_call(action)


class _Moved:
    """The local states that the requests of an execution have reached."""

    def __init__(self) -> None:
        self._since: dict[int, LocalState] = {}  # in the order of their last steps

    def to(self, request: int, local_state: LocalState) -> None:
        """Record the step of a request."""
        self._since.pop(request, None)
        self._since[request] = local_state

    def since(self, request: int) -> Iterator[LocalState]:
        """The local states that others have reached since the last step of a request, or at all if it has taken none."""
        for other in reversed(self._since):
            if other == request:
                return
            yield self._since[other]


class Walk:
    """One execution of a scenario, as far as it is known.

    Attributes:
        enabled: requests that have not ended, ascending.
        taken: the steps so far.
        reads_clock: whether a request that has ended has read the clock or a random number.
    """

    __slots__ = ("_ended", "_local_states", "_moved", "_state", "_system", "enabled", "reads_clock", "taken")

    def __init__(self, system: TransitionSystem, local_states: list[LocalState | None]) -> None:
        self._system = system
        self._local_states = local_states
        self._moved = _Moved()
        self._state = system.initial
        self._ended: list[tuple[int, Answered]] = []
        self.enabled = list(range(len(local_states)))
        self.taken: list[tuple[int, Transition]] = []
        self.reads_clock = False

    def step(self, request: int) -> Step | None:
        """Take a request's next step; ``None`` if it has to be run."""
        local_state = self._local_states[request]
        if local_state is None:
            return None
        for other in self._moved.since(request):
            if other not in local_state.after:
                return None
        transition: Transition | None
        if type(local_state) is Call:
            by_index = local_state.transitions.get(self._state)
            transition = None if by_index is None else by_index.get(request)
            if transition is None:
                transition = self._perform(request, local_state, by_index)
        else:
            assert isinstance(local_state, Answered)  # noqa: S101 - there is nothing else
            transition = Transition(None, self._system.make_step(None, local_state.response), local_state, self._state)
        if transition is None:
            return None
        then = transition.then
        if type(then) is Answered:
            if then.runs < ENOUGH:
                return None
            self._ended.append((request, then))
            self.enabled = [one for one in self.enabled if one != request]
            self.reads_clock = self.reads_clock or then.reads_clock
        self._local_states[request] = then
        self._moved.to(request, then)
        self._state = transition.state
        self.taken.append((request, transition))
        return transition.step

    @property
    def waiting(self) -> Sequence[Waiting | None]:
        """The next calls of all requests by index; ``None`` where none is known, or none will be made."""
        return [one if type(one) is Call else None for one in self._local_states]

    def operations(self) -> list[Operation]:
        """Those that were performed so far."""
        return [transition.operation for _, transition in self.taken if transition.operation is not None]

    def responses(self) -> dict[int, Response]:
        """Of the requests that have ended."""
        return {request: end.response for request, end in self._ended}

    def order(self) -> list[int]:
        """The requests that took the steps so far, a request for each."""
        return [request for request, _ in self.taken]

    def endings(self) -> dict[int, int]:
        """By request, how many operations there were when it last took a step."""
        found: dict[int, int] = {}
        performed = 0
        for request, transition in self.taken:
            performed += transition.operation is not None
            found[request] = performed
        return found

    def stored(self) -> StoredImages:
        """What is stored now."""
        if self._state.stored is None:
            self._state.stored = self._system.stored(self.operations())
        return self._state.stored

    def _perform(self, request: int, call: Call, by_index: Mapping[int, Transition] | None) -> Transition | None:
        # The call is known, but not at this state from this request; what follows it must be known too.
        for like in (by_index or {}).values():
            if like.operation is not None:
                return self._system.note(
                    call, self._state, replace(like.operation, request=request), like.then, like.state
                )
        operation = self._system.perform(self.operations(), request, call)
        if operation is None:
            return None
        then = call.following.get(_result(operation))
        return None if then is None else self._system.note(call, self._state, operation, then)


def _result(operation: Operation) -> object:
    """What a request can see of the result of a call."""
    if operation.error is None:
        return _packed(operation.result)
    error = operation.error
    return error.code, error.message, _packed(error.fields)


def _packed(content: Any) -> bytes:
    """Bytes that are equal for equal contents in the same order."""
    try:
        return marshal.dumps(content, 2)  # later versions mark what is referred to twice
    except ValueError:  # not of a built-in type
        return repr(content).encode(errors="surrogatepass")


def same(one: Any, other: Any) -> bool:
    """Whether two arguments are the same; the user's own objects only if they are identical, regardless of ``==``."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) in (tuple, list):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is dict:
        return same(list(one.items()), list(other.items()))
    return type(one) in (str, int, float, bool, bytes, Decimal) and bool(one == other)


def same_request(one: Request, other: Request) -> bool:
    """Whether two requests are the same; equal ones may differ, in `1` and `True` or in what an object's ``==`` leaves out."""
    return (one.principal, one.handler) == (other.principal, other.handler) and same(one.arguments, other.arguments)


def _differs(known: LocalState, now: str) -> NondeterministicHandler:
    before = f"answers {known.response}" if isinstance(known, Answered) else f"{known.action} {dict(known.parameters)}"
    return nondeterministic(
        f"a request given the same inputs and responses did two things: the first time {before};\nthe second time {now}"
    )
