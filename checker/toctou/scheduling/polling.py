"""Decides which requests wait to poll, and until when they are held back: the fairness that every search assumes.

A handler that waits for a lock or for a job makes some calls, a turn, then sleeps and begins again.  The request it waits for may
be slower than any number of turns, so there are schedules without end in which nothing happens.  A request is held back where its
next turn could only be one more of the same: where it

- has slept since its last call, and written nothing since a turn that had the same calls, with the same results, twice;
- is about to begin that turn again, as it did after both; and
- would be answered the same, because no other request has since written what the last turn has read.

A lock that is tried again at once is polled without sleep.  That is looked for only where a request has come to the limit of its
operations, and takes five turns: a request may read the same a few times on its way, or try a few times before it gives up.

It goes on once another request writes that, or once all requests that have not ended are held back.  Then time passes, for all of
them: each takes one more turn, which ends bounded retries, and reads what is stored by then.  (Were only one of them let on, two
that give up would never meet.)  Otherwise an eventually consistent turn may be stale, until it has had the same result twice.

Left out are thus the schedules in which a request polls for longer than that while another one could go on.  Twice, because a
request that reads, sleeps, finds the same and acts on it does not poll: it may be taking over a lock whose holder is slow.

Why sleep sets stay right: whether a request is held back depends on its own calls, on the writes that conflict with them, and on
the moments at which time has passed, so equivalent schedules with the same such moments agree on it.  And a request that is not
held back stays so until it takes its step, whatever others do, so time does not pass before that: wherever a sleeping step could
be taken, it could have been taken before the independent steps since it fell asleep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from toctou.history.footprint import dependent
from toctou.history.operation import Operation
from toctou.scheduling.units import Unit

TURNS_AWAKE = 5
"""How many turns of the same, without sleep, show that a request polls, where one has made too many."""

Place = tuple[object, ...]
"""Where a value is within parameters: keys and positions."""


class Waiting(Protocol):
    """A call that a request waits to make.

    Attributes:
        action, parameters: of the call.
        slept: seconds that the request has slept until then.
        reads_clock: whether it has read its clock or a random number until then.
    """

    action: str
    parameters: Mapping[str, Any]
    slept: float
    reads_clock: bool


@dataclass(slots=True)
class ThreadsCall:
    """A call that a thread of a request waits to make; no action if it wants a lock, and so does not poll.

    Attributes:
        slept, reads_clock: of its request, until then.
    """

    unit: Unit
    action: str
    parameters: Mapping[str, Any]
    slept: float
    reads_clock: bool


class Polls:
    """The requests of one execution that poll.

    Args:
        awake: whether to look for requests that poll without sleep.

    Attributes:
        held: whether a request was held back while another one was not, when :meth:`allowed` was last called.
    """

    def __init__(self, *, awake: bool = False) -> None:
        self.held = False
        self._operations: list[Operation] = []
        self._awake = awake
        self._let_on: set[int] = set()  # requests that have yet to take the step for which time has passed

    def performed(self, operation: Operation | None) -> None:
        """A request has taken a step; ``None`` if it makes no call."""
        if operation is not None:
            self._operations.append(operation)
            self._let_on.discard(operation.request)

    def allowed(self, unfinished: Sequence[int], waiting: Sequence[Waiting | None]) -> Sequence[int]:
        """Those of the unfinished requests, ascending, that are not held back; never empty.

        ``waiting`` are the next calls of all requests by index, if they are known; a request has not slept before its first.
        """
        self.held = False
        polling = [
            request
            for request in unfinished
            if (one := waiting[request]) is not None  # few sleep, and this is asked before each step
            and (one.slept or self._awake)
            and request not in self._let_on
            and self._polls(request, one)
        ]
        if not polling:
            return unfinished
        if len(polling) == len(unfinished):
            self._let_on.update(polling)
            return unfinished
        self.held = True
        return [request for request in unfinished if request not in polling]

    def settled(self, request: int, waiting: Waiting | None) -> bool:
        """Whether a request polls only because time has passed, so that it reads what is stored."""
        return waiting is not None and request in self._let_on and self._polls(request, waiting)

    def _polls(self, request: int, waiting: Waiting) -> bool:
        """Whether the request waits to poll; with several threads, whether none of them waits for anything else."""
        threads: Sequence[ThreadsCall] = getattr(waiting, "threads", ())
        if not threads:
            return self._comes_round(self._since_its_last_write(request), waiting)
        return all(
            one.action and self._comes_round(self._since_its_last_write(request, one.unit), one) for one in threads
        )

    def _comes_round(self, own: Sequence[int], waiting: Waiting) -> bool:
        if not own:
            return False
        calls = [self._operations[at] for at in own]
        if calls[-1].slept >= waiting.slept:
            return self._awake and self._comes_round_awake(own, calls, waiting)
        turns = [at for at, one in enumerate(calls) if at == 0 or calls[at - 1].slept < one.slept]
        return any(
            _comes_round(calls, turns, turn, waiting) and not any(map(self._written_since, own[turn:]))
            for turn in reversed(turns)  # mostly, what a handler does again is short
        )

    def _comes_round_awake(self, own: Sequence[int], calls: Sequence[Operation], waiting: Waiting) -> bool:
        return any(
            _all_alike(calls[-length * TURNS_AWAKE :], length, waiting)
            and not any(map(self._written_since, own[-length:]))
            for length in range(1, len(calls) // TURNS_AWAKE + 1)
        )

    def _since_its_last_write(self, request: int, unit: Unit | None = None) -> list[int]:
        """Positions of a request's operations, or of one thread's, without those up to its last one that stored something."""
        own: list[int] = []
        for at in reversed(range(len(self._operations))):
            one = self._operations[at]
            if one.request == request and unit in (None, one.unit):
                if one.footprint.writes_something:
                    break
                own.append(at)
        return own[::-1]

    def _written_since(self, at: int) -> bool:
        """Whether another request has written since what this operation has read."""
        read = self._operations[at]
        return any(dependent(one.footprint, read.footprint) for one in self._operations[at + 1 :])  # its own are reads


def _comes_round(calls: Sequence[Operation], turns: Sequence[int], turn: int, waiting: Waiting) -> bool:
    """Whether an earlier part was like that from ``turn`` on, and was followed by what is waiting, as that is."""
    length = len(calls) - turn
    for before in reversed(turns):
        after = before + length
        if after in turns and all(map(_alike, calls[before:after], calls[turn:])):
            varying = _differing(calls[before], calls[turn])
            differing = _differing(calls[turn], waiting), _differing(calls[after], waiting)
            if all(varying is not None and one is not None and one <= varying for one in differing):
                return True
    return False


def _all_alike(calls: Sequence[Operation], length: int, waiting: Waiting) -> bool:
    """Whether turns of this length, without sleep, are all alike, and what is waiting begins one more."""
    return (
        calls[0].slept == waiting.slept
        and not _differing(calls[-length], waiting)
        and all(map(_alike, calls, calls[length:]))
    )


def _alike(one: Operation, other: Operation) -> bool:
    """Whether two calls are the same, up to what a clock or random numbers may vary, and had the same result."""
    differing = _differing(one, other)
    if differing is None or (one.result, one.error) != (other.result, other.error):
        return False
    first, second = one.footprint, other.footprint
    same = first.reads == second.reads and first.ranges == second.ranges
    return not differing or (other.reads_clock and same)


def _differing(one: Waiting, other: Waiting) -> set[Place] | None:
    """Where the values of two calls differ; ``None`` if more than values does."""
    if one.action != other.action:
        return None
    if one.parameters == other.parameters:
        return set()
    places = set(_differences(one.parameters, other.parameters, ()))
    return None if () in places else places


def _differences(one: Any, other: Any, at: Place) -> Iterator[Place]:
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        for key, value in one.items():
            yield from _differences(value, other[key], (*at, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (value, counterpart) in enumerate(zip(one, other, strict=True)):
            yield from _differences(value, counterpart, (*at, number))
    elif one != other:
        yield at if isinstance(one, str) and isinstance(other, str) else ()
