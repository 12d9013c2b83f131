"""Decides what a violation is caused by: the handler, the read that it relied on, and the write that followed from it.

Many scenarios and oracles show the same window in a handler.  It is fixed once and so is reported once:
reports group violations by their cause.  Names come from the code, not from the execution: neither principals nor keys nor the
number of the operation are part of a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from toctou.analysis.explanation import Explanation
from toctou.history.finding import Finding
from toctou.history.footprint import EdgeKind, shown_items
from toctou.history.operation import Execution
from toctou.history.request import SourceLine
from toctou.history.wording import listed

READS = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"})
"""Actions that never write."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a handler that makes a call: the action, the tables it is aimed at, and the line where known."""

    action: str
    tables: tuple[str, ...]
    source: SourceLine | None

    def __str__(self) -> str:
        return f"{self.action} of {', '.join(self.tables)}" if self.tables else self.action


@dataclass(frozen=True, slots=True)
class Cause:
    """What a violation comes from.

    Attributes:
        handler: the handler of the victim, or of the request that does wrong.
        read: the read that it relied on, and that was invalidated; ``None`` if there is none.
        write: the write that follows from it, or the wrong operation; ``None`` for a request that only reads.
        read_at, write_at: their positions in the execution.
        other: what distinguishes causes that have neither: the oracle.
        decided: the attributes that it accessed in that read, and that were changed.
        returned: of ABA, whose write left them the same although it changed the item; ``""`` otherwise.
    """

    handler: str
    read: Site | None
    write: Site | None
    read_at: int | None
    write_at: int | None
    other: str = ""
    decided: tuple[str, ...] = ()
    returned: str = ""

    def __str__(self) -> str:
        if self.read and self.write and self.returned:
            return (
                f"the condition of {self.handler}'s {self.write} only compares {listed(self.decided)} with what its "
                f"{self.read} returned; {self.returned} had changed the item in between and left the same value, so "
                "the condition held for an item that had never been read"
            )
        if self.read and self.write:
            what = f"{_of_item(self.decided)}, as read by its {self.read}" if self.decided else f"its {self.read}"
            return f"{self.handler} relies on {what}, which may be out of date by the time of its {self.write}"
        if self.read:
            answers = f"{self.handler} answers from its {self.read}, which may be out of date by the time it answers"
            return answers + _one_by_one(self.read)
        if self.write:
            return f"{self.handler} performs its {self.write} without an atomic condition" + _one_by_one(self.write)
        return f"{self.handler} violates {self.other}"


def _one_by_one(site: Site) -> str:
    """What a reader has to know of a batch."""
    if not site.action.startswith("Batch"):
        return ""
    return f"; DynamoDB {'reads' if site.action in READS else 'writes'} each item of a batch by itself"


def _of_item(names: tuple[str, ...]) -> str:
    return listed("whether the item exists" if name == "its existence" else name for name in names)


def cause(execution: Execution, finding: Finding, explanation: Explanation) -> Cause:
    """What this violation comes from."""
    handler, read_at, write_at = _positions(execution, finding, explanation.cycle, explanation.witness)
    read, write = (None if at is None else _site(execution, at) for at in (read_at, write_at))
    return Cause(
        handler=handler,
        read=read,
        write=write,
        read_at=read_at,
        write_at=write_at,
        other="" if read or write else finding.oracle,
        decided=explanation.decided if read and write else (),
        returned=_returned(execution, explanation),
    )


def places(
    execution: Execution, finding: Finding, cycle: Sequence[_Step], witness: Sequence[int]
) -> tuple[str, Site | None, Site | None]:
    """Handler, read and write of the cause that an explanation with this cycle and witness would have."""
    handler, read_at, write_at = _positions(execution, finding, cycle, witness)
    return (
        handler,
        None if read_at is None else _site(execution, read_at),
        None if write_at is None else _site(execution, write_at),
    )


class _Step(Protocol):
    """One edge of a cycle, worded or not."""

    @property
    def kind(self) -> EdgeKind: ...
    @property
    def earlier(self) -> int: ...
    @property
    def later(self) -> int: ...


def _positions(
    execution: Execution, finding: Finding, cycle: Sequence[_Step], witness: Sequence[int]
) -> tuple[str, int | None, int | None]:
    """The handler, and the positions of the read and the write."""
    read_at = _decision_read(cycle)
    if read_at is not None:
        request = execution.operations[read_at].request
        write_at = guarded_write(execution, finding, read_at, cycle[-1].later)
    else:
        write_at = _wrong_write(execution, finding, witness)
        about = finding.requests[0] if finding.requests else 0
        request = about if write_at is None else execution.operations[write_at].request
    return execution.requests[request].handler, read_at, write_at


def _decision_read(cycle: Sequence[_Step]) -> int | None:
    """Cycles start in the request that suffers, with what it did not see."""
    return cycle[0].earlier if cycle and cycle[0].kind is EdgeKind.RW else None


def _returned(execution: Execution, explanation: Explanation) -> str:
    """Of ABA, the call that changed the item in between: ``replace's PutItem``."""
    if explanation.anomaly != "aba" or not explanation.cycle:
        return ""
    between = execution.operations[explanation.cycle[-1].earlier]
    return f"{execution.requests[between.request].handler}'s {between.action}"


def guarded_write(execution: Execution, finding: Finding, read_at: int, arrival: int) -> int | None:
    """The write that a cycle arrives at; else the wrong one, else the first one after the read, of the same request.

    A write that failed, or that happened to change nothing, is the same place in the code.
    """
    request = execution.operations[read_at].request
    own = [at for at in execution.of_request(request) if at > read_at and execution.operations[at].action not in READS]
    for at in (arrival, *finding.operations, *own):
        if at in own:
            return at
    return None


def _wrong_write(execution: Execution, finding: Finding, witness: Sequence[int]) -> int | None:
    candidates = [*finding.operations, *witness]
    return next((at for at in candidates if execution.operations[at].changes), None)


def _site(execution: Execution, at: int) -> Site:
    operation = execution.operations[at]
    footprint = operation.footprint
    tables = {str(item) if item.is_thing else item.table for item in shown_items(footprint)}
    tables |= {one.table for one in footprint.ranges}
    # Beside tables, and what other services have, what a request token stands for is read and written.
    known = {one for one in tables if one in execution.initial or ":" in one}
    return Site(operation.action, tuple(sorted(known or tables)), operation.source)
