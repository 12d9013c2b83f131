"""Runs a remote request as a task: each of its calls waits at a scheduling point for its turn.

Between two scheduling points, the task reads the request's mailbox until the request is quiescent: it has responded, or made
all the calls it makes before the next response.  If several calls are waiting, the schedule chooses which one is performed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, Protocol

from toctou import real_time
from toctou.engine import Division, joined
from toctou.errors import LateCall, NondeterministicHandler, OutsideControl, SilentHandler, ToctouError
from toctou.gate.local_states import RESPONDS, LocalState, LocalStates, after, call_order
from toctou.gate.mailbox import READ_ONLY_ACTIONS, Broken, HeldCall, Mailbox, Responded
from toctou.history.operation import Operation
from toctou.history.picks.concurrent_call import CONCURRENT_CALL
from toctou.history.request import label
from toctou.scheduling.choices import Choices
from toctou.scheduling.scheduling_point import SchedulingPoint, Turn

_SLICE = 0.2  # seconds; the runner gives up a task that shows no sign of life for longer than its limit


class Perform(Protocol):
    """Performs a call on the backend immediately, and records it."""

    def __call__(self, turn: Turn, call: HeldCall) -> Operation:
        """The operation as performed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a request.

    Attributes:
        silence: seconds without any event after which the request is aborted.
        settle: seconds without another event after which a request is assumed to make no more concurrent calls; spent only
            at local states that have not been seen before.
    """

    silence: float = 10.0
    settle: float = 0.02


@dataclass(frozen=True, slots=True)
class Relay:
    """Schedules remote requests.

    Attributes:
        point: where a request waits for its turn.
        choices: pick which of several waiting calls to perform, in canonical order.
        local_states: memoised numbers of calls; keep them between executions.
        division: divides batches into steps.
        diagnostics: what is known of the process that serves a request, such as the end of its output.
    """

    point: SchedulingPoint
    perform: Perform
    choices: Choices
    local_states: LocalStates = field(default_factory=LocalStates)
    patience: Patience = Patience()
    diagnostics: Callable[[int], str] = lambda _: ""
    division: Division = field(default_factory=Division)

    def serve(self, index: int, mailbox: Mailbox, initial: LocalState) -> Any:
        """The response of the request with this index, after all its calls have been performed.

        Faults are raised at the scheduling point: ``SilentHandler``, ``OutsideControl``, ``LateCall``,
        ``NondeterministicHandler``, and whatever a ``Broken`` event holds.
        """
        return _Serving(self, index, mailbox, initial).until_response()


class _Serving:
    def __init__(self, relay: Relay, index: int, mailbox: Mailbox, initial: LocalState) -> None:
        self._relay = relay
        self._index = index
        self._mailbox = mailbox
        self._local_state = initial
        self._waiting: list[HeldCall] = []
        self._ended: Responded | None = None

    def until_response(self) -> Any:
        while True:
            self._receive()
            if self._ended is not None:
                # A read still waiting at the response is dropped: its result reaches no client.
                if any(call.action not in READ_ONLY_ACTIONS for call in self._waiting):
                    self._fail(self._unfinished())
                return self._ended.response
            self._take_a_turn()

    def _take_a_turn(self) -> None:
        only = self._waiting[0].parameters if len(self._waiting) == 1 else None
        turn = self._relay.point.reach(" and ".join(call.action for call in self._waiting), only)
        self._reject_late_calls()
        call = self._waiting.pop(self._chosen())
        operation = self._relay.perform(turn, call)
        self._local_state = after(self._local_state, operation)  # before the reply, which lets the request continue
        call.reply(operation)

    def _chosen(self) -> int:
        try:
            return self._relay.choices.pick(CONCURRENT_CALL, len(self._waiting))
        except ToctouError as fault:
            self._fail(fault)

    def _receive(self) -> None:
        """Wait until the request is quiescent."""
        known = self._relay.local_states.calls(self._local_state)
        arrived: list[HeldCall] = []
        if known is None:
            self._wait_until_settled(arrived)
            self._relay.local_states.learn(self._local_state, RESPONDS if self._ended is not None else len(arrived))
        else:
            self._wait_for(known, arrived)
        # A schedule names a call by its position here, so the order must not depend on arrival.
        self._waiting = sorted([*self._waiting, *arrived], key=lambda call: call_order(call.action, call.parameters))

    def _wait_until_settled(self, arrived: list[HeldCall]) -> None:
        settle = self._relay.patience.settle * self._relay.local_states.patience(self._local_state)
        if not self._waiting:  # or else it may do nothing until a call of its own returns
            self._next(arrived, self._relay.patience.silence) or self._fail(self._silent())
        while self._next(arrived, settle):
            pass

    def _wait_for(self, calls: int, arrived: list[HeldCall]) -> None:
        if not calls and self._waiting:  # known to wait for its earlier calls
            return
        self._next(arrived, self._relay.patience.silence) or self._fail(self._silent())
        while len(arrived) < calls and self._ended is None:
            # Generous, because these calls were seen before: giving up too early would be a false alarm.
            if not self._next(arrived, max(1.0, 10 * self._relay.patience.settle)):
                self._fail(self._fewer_calls(calls, len(arrived)))

    def _next(self, arrived: list[HeldCall], seconds: float) -> bool:
        """Take the next event; ``False`` if none arrives in time."""
        until = real_time.seconds() + seconds
        while True:
            left = until - real_time.seconds()
            event = self._mailbox.take(min(_SLICE, left))
            self._relay.point.still_served()
            match event:
                case HeldCall():
                    arrived.append(self._first_step(event))
                    if self._ended is not None:
                        self._fail(self._called_after_response(event))
                case Responded():
                    self._ended = event
                case Broken(fault):
                    self._fail(fault)
                case None if left > 0:
                    continue
            return event is not None

    def _first_step(self, call: HeldCall) -> HeldCall:
        steps = self._relay.division.steps(call.action, call.parameters)
        return call if len(steps) == 1 else self._step(call, steps, [])

    def _step(self, call: HeldCall, steps: Sequence[Mapping[str, Any]], done: list[Mapping[str, Any]]) -> HeldCall:
        """The next step of a batch; once it is performed, the one after it waits in its place."""

        def reply(operation: Operation) -> None:
            if operation.result is None:
                call.reply(operation)
                return
            done.append(operation.result)
            if len(done) < len(steps):
                self._waiting.append(self._step(call, steps, done))
            else:
                call.reply(replace(operation, parameters=call.parameters, result=joined(done)))

        return replace(call, parameters=steps[len(done)], reply=reply)

    def _reject_late_calls(self) -> None:
        # An event that arrives only now was missing when the schedule's choices were counted.
        event = self._mailbox.take(0)
        match event:
            case None:
                return
            case Broken(fault):
                self._fail(fault)
            case Responded() | HeldCall():
                again = self._relay.local_states.correct(self._local_state)
                self._fail(_late(self._index, event, again=again))

    def _fail(self, fault: ToctouError) -> NoReturn:
        self._relay.point.fail(fault)

    def _diagnostics(self) -> str:
        diagnostics = self._relay.diagnostics(self._index)
        return f"\n{diagnostics}" if diagnostics else ""

    def _silent(self) -> SilentHandler:
        return SilentHandler(
            f"request {label(self._index)} neither called DynamoDB nor responded for "
            f"{self._relay.patience.silence:g} s{self._diagnostics()}",
            expected="a service that makes its next call, or responds, in time",
            cause="an endless loop, a lock held by another request, or a call to another service that does not respond",
            remedy="look at the service's output; raise --max-step-seconds if it is only slow",
        )

    def _unfinished(self) -> OutsideControl:
        calls = " and ".join(call.action for call in self._waiting)
        return OutsideControl(
            f"request {label(self._index)} responded while its {calls} was waiting to be performed{self._diagnostics()}",
            expected="a handler that responds after its calls have ended",
            cause="background work after the response, or a call that the handler stopped waiting for",
            remedy="make the handler wait for it, or declare that work as a handler of its own",
        )

    def _called_after_response(self, call: HeldCall) -> OutsideControl:
        return OutsideControl(
            f"request {label(self._index)} called {call.action} after it had responded{self._diagnostics()}",
            expected="a handler that responds after its calls have ended",
            cause="background work after the response",
            remedy="make the handler wait for it, or declare that work as a handler of its own",
        )

    def _fewer_calls(self, before: int, now: int) -> NondeterministicHandler:
        return NondeterministicHandler(
            f"request {label(self._index)} made {before} concurrent calls, but {now} when given the same responses again"
            + self._diagnostics(),
            expected="a handler that behaves the same whenever it is given the same input and responses",
            cause="state kept between requests (a global, a cache), or a decision by clock or random number",
            remedy="keep that state in DynamoDB, and fix the clock and random numbers of the service for the check",
        )


def _late(index: int, event: HeldCall | Responded, *, again: bool) -> NondeterministicHandler:
    did = f"called {event.action}" if isinstance(event, HeldCall) else "responded"
    return (LateCall if again else NondeterministicHandler)(
        f"request {label(index)} {did} while its earlier call was waiting, but after the settling time",
        expected="concurrent calls of a handler to arrive within the settling time",
        cause="a busy machine, or a handler that computes between its concurrent calls",
        remedy="raise the service's settle_seconds",
    )
