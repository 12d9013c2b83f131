"""Operations and executions: what the requests of one execution did, and in which order.

An operation is one DynamoDB API call, or a step of one that is a batch.  It is atomic, so an execution is a sequence of
operations; all relations between them (reads-from, overwritten values, real time) follow from that sequence and the footprints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from toctou.history.footprint import EMPTY, Attributes, Footprint
from toctou.history.item import Change, Image, ItemId
from toctou.history.output import Written
from toctou.history.request import Request, Response, SourceLine
from toctou.history.schedule import Choice, Schedule


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error response of DynamoDB: ``code`` (``ConditionalCheckFailedException``), ``message``, other fields."""

    code: str
    message: str
    fields: Mapping[str, Any] | None = None


Accessed = Mapping[ItemId | None, Attributes]
"""Items to the attributes that a handler accessed in a result, including ``EXISTENCE`` and ``ALL``.  ``None`` represents the
result as a whole: ``EXISTENCE`` there means that the handler accessed which items exist."""


class AccessedFrom(dict[ItemId | None, Attributes]):
    """The same, with the stack of the call, which so takes the same way from the process of a request."""

    __slots__ = ("stack",)

    def __init__(self, accessed: Accessed, stack: tuple[SourceLine, ...]) -> None:
        super().__init__(accessed)
        self.stack = stack

    def __reduce__(self) -> tuple[Any, ...]:
        return AccessedFrom, (dict(self), self.stack)


@dataclass(slots=True)  # constructing a frozen one takes five times as long, and every call constructs one
class Operation:
    """One DynamoDB API call of one request, as performed; never modified once it is part of a history.

    Attributes:
        request: index of the request in its scenario.
        number: how many operations the request had performed before, from 0.
        action: its API name, such as ``GetItem``.
        parameters: as passed to the client (typed attribute values).
        result: of the service; ``None`` if it returned an error.
        footprint: what it read and wrote.
        changes: the items it changed, before and after, in the order of its parameters.
        source: the line of the handler that made the call, if known.
        missed: for an eventually consistent read with a stale result: by item, how many of its last changes it misses.
        accessed: what the handler accessed in the result; ``None`` if that was not tracked.
        stack: the lines of the user's own code that led to the call, outermost first; () if that was not tracked.
        unit: what the thread that made the call was working on, if its request has several: () is the handler itself.
        slept: seconds that its request had slept before.
        reads_clock: whether its request had read its clock or a random number before.
    """

    request: int
    number: int
    action: str
    parameters: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: ErrorResponse | None = None
    footprint: Footprint = EMPTY
    changes: tuple[Change, ...] = ()
    source: SourceLine | None = None
    missed: Mapping[ItemId, int] | None = None
    accessed: Accessed | None = None
    unit: tuple[int, ...] = ()
    slept: float = field(default=0.0, compare=False)
    reads_clock: bool = field(default=False, compare=False)
    stack: tuple[SourceLine, ...] = field(default=(), compare=False)


StoredImages = Mapping[str, Sequence[Image]]
"""Table name to the images of the items stored in it, ordered by key."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One schedule of one scenario, run to its end.

    Attributes:
        requests: the concurrent requests, by index.
        initial: the items stored at the start.
        operations: in the order they took effect.
        responses: by request.
        final: the items stored at the end.
        schedule: the choices that reproduce this execution.
        endings: by request, how many operations of any request had taken effect when it responded.  A request without
            operations is invoked at the same instant.
        left_out: the model's initial items that were not stored here because they make no difference.
        idle: positions in the schedule of steps without an operation, of requests that perform some.
        isolated: whether each request had a process of its own; not compared, because it is how and not what.
        output: what the requests wrote, those of each in order; nothing if no request ran for this.  Not compared either.
    """

    requests: tuple[Request, ...]
    initial: StoredImages
    operations: tuple[Operation, ...]
    responses: tuple[Response, ...]
    final: StoredImages
    schedule: Schedule
    endings: tuple[int, ...]
    left_out: StoredImages = field(default_factory=dict)
    idle: frozenset[int] = frozenset()
    isolated: bool = field(default=False, compare=False)
    output: tuple[Written, ...] = field(default=(), compare=False)

    def of_request(self, request: int) -> tuple[int, ...]:
        """Positions in ``operations`` of one request's operations."""
        return tuple(position for position, one in enumerate(self.operations) if one.request == request)

    # A request's interval is the tightest possible, from just before its first operation to just after its last: wider ones
    # only allow more serial orders, so they would hide violations.

    def precedes(self, first: int, second: int) -> bool:
        """Whether request ``first`` responded before request ``second`` was invoked (real time).

        Two requests without operations at the same instant are not ordered.
        """
        return first in self.preceding()[second]

    def preceding(self) -> tuple[frozenset[int], ...]:
        """For each request, those that precede it in real time; see :meth:`precedes`."""
        begun: dict[int, int] = {}
        for at, one in enumerate(self.operations):
            begun.setdefault(one.request, at)
        return _preceding(tuple([(min(begun.get(request, end), end), end) for request, end in enumerate(self.endings)]))


def idle_steps(choices: Sequence[Choice], without: Iterable[int], operations: Sequence[Operation]) -> frozenset[int]:
    """Of the steps ``without`` an operation, by position, those of requests that perform some; see :class:`Execution`."""
    acting = {one.request for one in operations}
    return frozenset(at for at in without if choices[at].request in acting)


@lru_cache(maxsize=512)
def _preceding(intervals: tuple[tuple[int, int], ...]) -> tuple[frozenset[int], ...]:
    # Memoised: there are many executions, but few real-time orders of a few requests.
    return tuple(
        frozenset(other for other, earlier in enumerate(intervals) if earlier[1] <= later[0] and earlier != later)
        for later in intervals
    )
