"""Serves a request that runs elsewhere as if it ran here: each of its calls waits at a scheduling point for its turn.

This is the body of a task.  It takes the events of one mailbox; between two of its scheduling points the request is waited
for until it has made its next calls, or has answered, and is not going to do more by itself.  When the request takes its next
step and several of its calls are waiting, which of them is performed is a choice of the schedule.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from toctou.errors import LateCall, NondeterministicHandler, OutsideControl, SilentHandler, ToctouError
from toctou.gate.local_states import ANSWERS, LocalState, LocalStates, after, call_order
from toctou.gate.mailbox import ONLY_READ, Answered, Broken, HeldCall, Mailbox
from toctou.history.operation import Operation
from toctou.history.picks.concurrent_call import CONCURRENT_CALL
from toctou.history.request import label
from toctou.scheduling.choices import Choices
from toctou.scheduling.scheduling_point import SchedulingPoint, Turn

_SLICE = 0.2
"""Seconds between two signs of life to the runner."""


class Perform(Protocol):
    """Performs a call on the backend at once, and records it."""

    def __call__(self, turn: Turn, call: HeldCall) -> Operation:
        """What became of it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is waited for.

    Attributes:
        silence: seconds without any event after which it is given up.
        settle: seconds without another event after which a request is taken to make no more calls at once.  Only a local state
            that has not been seen before costs them.
    """

    silence: float = 10.0
    settle: float = 0.02


@dataclass(frozen=True, slots=True)
class Relay:
    """Takes requests that are served elsewhere to their scheduling points.

    Attributes:
        point: where a request waits for its turn.
        perform: what is done with a call whose turn it is.
        choices: say which of several waiting calls to perform, in canonical order.
        local_states: what is known of the requests of this code; keep it between executions.
        told: what can be said of whoever serves a request, such as the last lines that it has printed.
    """

    point: SchedulingPoint
    perform: Perform
    choices: Choices
    local_states: LocalStates = field(default_factory=LocalStates)
    patience: Patience = Patience()
    told: Callable[[int], str] = lambda _: ""

    def serve(self, index: int, mailbox: Mailbox, asked: LocalState) -> Any:
        """The answer of the request with this index, after all its calls had their turn.

        A read that is still waiting when the request answers is left out: it shows nobody anything.

        Faults are raised at the scheduling point: ``SilentHandler``, ``OutsideControl``, ``LateCall``,
        ``NondeterministicHandler``, and whatever a ``Broken`` event holds.
        """
        return _Serving(self, index, mailbox, asked).until_answered()


class _Serving:
    """One request under way."""

    def __init__(self, relay: Relay, index: int, mailbox: Mailbox, asked: LocalState) -> None:
        self._relay = relay
        self._index = index
        self._mailbox = mailbox
        self._local_state = asked
        self._waiting: list[HeldCall] = []
        self._ended: Answered | None = None

    def until_answered(self) -> Any:
        while True:
            self._receive()
            if self._ended is not None:
                if any(call.action not in ONLY_READ for call in self._waiting):
                    self._fail(self._unfinished())
                return self._ended.answer
            self._take_a_turn()

    def _take_a_turn(self) -> None:
        turn = self._relay.point.reach(" and ".join(call.action for call in self._waiting))
        self._refuse_late_calls()
        call = self._waiting.pop(self._chosen())
        operation = self._relay.perform(turn, call)
        self._local_state = after(self._local_state, operation)
        call.reply(operation)

    def _chosen(self) -> int:
        try:
            return self._relay.choices.pick(CONCURRENT_CALL, len(self._waiting))
        except ToctouError as fault:
            self._fail(fault)

    def _receive(self) -> None:
        """Wait until the request does nothing more by itself."""
        known = self._relay.local_states.calls(self._local_state)
        arrived: list[HeldCall] = []
        if known is None:
            self._wait_until_settled(arrived)
            self._relay.local_states.learn(self._local_state, ANSWERS if self._ended is not None else len(arrived))
        else:
            self._wait_for(known, arrived)
        self._waiting = sorted([*self._waiting, *arrived], key=lambda call: call_order(call.action, call.parameters))

    def _wait_until_settled(self, arrived: list[HeldCall]) -> None:
        settle = self._relay.patience.settle * self._relay.local_states.patience(self._local_state)
        if not self._waiting:
            self._next(arrived, self._relay.patience.silence) or self._fail(self._silent())
        while self._next(arrived, settle):
            """More may follow."""

    def _wait_for(self, calls: int, arrived: list[HeldCall]) -> None:
        """Wait for as many calls as there were at this local state before."""
        if not calls and self._waiting:
            return
        self._next(arrived, self._relay.patience.silence) or self._fail(self._silent())
        while len(arrived) < calls and self._ended is None:
            if not self._next(arrived, max(1.0, 10 * self._relay.patience.settle)):
                self._fail(self._fewer_calls(calls, len(arrived)))

    def _next(self, arrived: list[HeldCall], seconds: float) -> bool:
        """Take the next event, if one comes in time."""
        until = time.perf_counter() + seconds
        while True:
            left = until - time.perf_counter()
            event = self._mailbox.take(min(_SLICE, left))
            self._relay.point.still_served()
            match event:
                case HeldCall():
                    arrived.append(event)
                    if self._ended is not None:
                        self._fail(self._goes_on(event))
                case Answered():
                    self._ended = event
                case Broken(fault):
                    self._fail(fault)
                case None if left > 0:
                    continue
            return event is not None

    def _refuse_late_calls(self) -> None:
        """What comes while the request waits for its turn should have been there before."""
        event = self._mailbox.take(0)
        match event:
            case None:
                return
            case Broken(fault):
                self._fail(fault)
            case Answered() | HeldCall():
                again = self._relay.local_states.correct(self._local_state)
                self._fail(_late(self._index, event, again=again))

    def _fail(self, fault: ToctouError) -> NoReturn:
        self._relay.point.fail(fault)

    def _told(self) -> str:
        told = self._relay.told(self._index)
        return f"\n{told}" if told else ""

    def _silent(self) -> SilentHandler:
        return SilentHandler(
            f"request {label(self._index)} neither called DynamoDB nor answered for "
            f"{self._relay.patience.silence:g} s{self._told()}",
            expected="a service that makes its next call, or answers, in time",
            cause="an endless loop, a lock that another request holds, or a call to somebody else that is not answered",
            remedy="look at what it has printed; raise --max-step-seconds if it is only slow",
        )

    def _unfinished(self) -> OutsideControl:
        calls = " and ".join(call.action for call in self._waiting)
        return OutsideControl(
            f"request {label(self._index)} answered while its {calls} was waiting to be performed{self._told()}",
            expected="a handler that answers when its calls have ended",
            cause="work that goes on in the background after the answer, or a call that the handler has given up waiting for",
            remedy="let the handler wait for it, or check that work as a request of its own",
        )

    def _goes_on(self, call: HeldCall) -> OutsideControl:
        return OutsideControl(
            f"request {label(self._index)} called {call.action} after it had answered{self._told()}",
            expected="a handler that answers when its calls have ended",
            cause="work that goes on in the background after the answer",
            remedy="let the handler wait for it, or check that work as a request of its own",
        )

    def _fewer_calls(self, before: int, now: int) -> NondeterministicHandler:
        return NondeterministicHandler(
            f"request {label(self._index)} made {before} calls at once, and {now} when it was answered the same again"
            + self._told(),
            expected="handlers that do the same whenever they are answered the same",
            cause="state kept between requests (a global, a cache), or a clock or random number that decides",
            remedy="keep the state in DynamoDB",
        )


def _late(index: int, event: HeldCall | Answered, *, again: bool) -> NondeterministicHandler:
    did = f"called {event.action}" if isinstance(event, HeldCall) else "answered"
    return (LateCall if again else NondeterministicHandler)(
        f"request {label(index)} {did} while an earlier call of it was waiting, but later than it was given",
        expected="what a handler does without waiting for an answer to come within the settling time",
        cause="a busy machine, or a handler that works between the calls that it makes at once",
        remedy="raise the settling time (settle_seconds of the service)",
    )
