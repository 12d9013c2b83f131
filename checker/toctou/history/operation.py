"""Operations and histories: what the requests of one execution did, and in which order.

An operation is one DynamoDB API call.  It is atomic, so an execution is a sequence of operations; everything that
explains an execution (reads-from, overwritten values, real time) follows from that sequence and from the footprints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from toctou.history.footprint import EMPTY, Attributes, Footprint
from toctou.history.item import Change, Image, ItemId
from toctou.history.request import Request, Response, SourceLine
from toctou.history.schedule import Schedule


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error that DynamoDB answered: ``code`` (``ConditionalCheckFailedException``), ``message``, other fields."""

    code: str
    message: str
    fields: Mapping[str, Any] | None = None


Accessed = Mapping[ItemId | None, Attributes]
"""Items to the attributes that a handler looked at in an answer, ``EXISTENCE`` and ``ALL`` among them.  ``None`` stands for the
answer as a whole: ``EXISTENCE`` there says that it looked at which items there are."""


@dataclass(slots=True)  # making a frozen one takes five times as long, and one is made at every call
class Operation:
    """One DynamoDB API call of one request, as it was performed; never changed once it is part of a history.

    Attributes:
        request: index of the request in its scenario.
        number: how many operations the request had performed before, from 0.
        action: the API's name for it, such as ``GetItem``.
        parameters: as handed to the client (typed attribute values).
        result: what the service answered; ``None`` if it answered an error.
        error: the error answered, if any.
        footprint: what it read and wrote.
        changes: the items it changed, each before and after, in the order of its parameters.
        source: the line of the handler that made the call, where known.
        missed: of a weak read that returned an old answer: for each item, how many of its last changes it does not show.
        accessed: what the handler looked at in the result; ``None`` if nobody watched.
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


StoredImages = Mapping[str, Sequence[Image]]
"""Table name to the images of the items stored in it, ordered by key."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One schedule of one scenario, run to its end.

    The interval of a request is the tightest there is: it is invoked just before its first operation and answers just
    after its last one.  Wider intervals only allow more serial orders, so no violation is lost.

    Attributes:
        requests: the concurrent requests, by index.
        initial: the items stored at the start.
        operations: in the order in which they took effect.
        responses: by request.
        final: the items stored at the end.
        schedule: the choices that reproduce this execution.
        endings: by request, how many operations of any request had taken effect when it answered.  A request without
            operations is invoked at that same instant.
        left_out: items that the model stores at the start, and that were not stored here because they make no difference.
    """

    requests: tuple[Request, ...]
    initial: StoredImages
    operations: tuple[Operation, ...]
    responses: tuple[Response, ...]
    final: StoredImages
    schedule: Schedule
    endings: tuple[int, ...]
    left_out: StoredImages = field(default_factory=dict)

    def of_request(self, request: int) -> tuple[int, ...]:
        """Positions in ``operations`` of one request's operations."""
        return tuple(position for position, one in enumerate(self.operations) if one.request == request)

    def precedes(self, first: int, second: int) -> bool:
        """Whether request ``first`` had answered before request ``second`` was invoked (real time).

        Two requests without operations that fall on the same instant are not ordered.
        """
        return first in self.preceding()[second]

    def preceding(self) -> tuple[frozenset[int], ...]:
        """For each request, those that precede it in real time; see :meth:`precedes`."""
        begun: dict[int, int] = {}
        for at, one in enumerate(self.operations):
            begun.setdefault(one.request, at)
        return _preceding(tuple([(begun.get(request, end), end) for request, end in enumerate(self.endings)]))


@lru_cache(maxsize=512)
def _preceding(intervals: tuple[tuple[int, int], ...]) -> tuple[frozenset[int], ...]:
    """Executions are many, real-time orders of a few requests are few."""
    return tuple(
        frozenset(other for other, earlier in enumerate(intervals) if earlier[1] <= later[0] and earlier != later)
        for later in intervals
    )
