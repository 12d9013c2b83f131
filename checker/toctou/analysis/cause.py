"""Decides what a violation is caused by: the handler, the read that it relied on, and the write that followed from it.

Many scenarios and oracles show the same window in a handler.  It is fixed once and so is reported once:
reports group violations by their cause.  Names come from the code, not from the execution: neither principals nor keys nor the
number of the operation are part of a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from toctou.analysis.explanation import Explanation
from toctou.analysis.refusals import UNHANDLED_REFUSAL, refused_last
from toctou.history.finding import Finding
from toctou.history.footprint import EdgeKind, shown_items
from toctou.history.operation import Execution, Operation
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
class Window:
    """The place that is corrected once, whichever of its reads and writes a violation showed.

    Attributes:
        read: the first of the reads of one item that follow one another without a write.
        write: the first write after it, since all that follow from one decision are corrected together; of an exception that
            is the whole story, where it was raised.
        shared: whether it lies within one function, so that it is the same one in every handler that calls this.
        read_at, write_at: their positions in the execution; ``None`` where no operation is one.
    """

    read: Site | None
    write: Site | None
    shared: bool = False
    read_at: int | None = field(default=None, compare=False)
    write_at: int | None = field(default=None, compare=False)


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
        refused: whether the write was refused, as it should be, and nothing else is wrong than that this is not handled.
        window: what makes two causes the same.
    """

    handler: str
    read: Site | None
    write: Site | None
    read_at: int | None
    write_at: int | None
    other: str = ""
    decided: tuple[str, ...] = ()
    returned: str = ""
    refused: bool = False
    window: Window = field(default_factory=lambda: Window(None, None))

    def __str__(self) -> str:
        if self.refused:
            return f"{self.handler} does not handle that the condition of its {self.write} is not met"
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
    anomaly = explanation.anomaly
    handler, read_at, write_at = _positions(execution, finding, explanation.cycle, explanation.witness, anomaly)
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
        refused=anomaly == UNHANDLED_REFUSAL,
        window=_raising(explanation, finding, read)
        or _window(execution, read_at, write_at, explanation.cycle[0].item if explanation.cycle else ""),
    )


def places(
    execution: Execution, finding: Finding, cycle: Sequence[_Step], witness: Sequence[int], anomaly: str = ""
) -> tuple[str, Site | None, Site | None]:
    """Handler, read and write of the cause that an explanation with this cycle and witness, and name, would have."""
    handler, read_at, write_at = _positions(execution, finding, cycle, witness, anomaly)
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
    execution: Execution, finding: Finding, cycle: Sequence[_Step], witness: Sequence[int], anomaly: str
) -> tuple[str, int | None, int | None]:
    """The handler, and the positions of the read and the write."""
    if anomaly == UNHANDLED_REFUSAL and (refused := refused_last(execution, finding)) is not None:
        return execution.requests[execution.operations[refused].request].handler, None, refused
    read_at = _decision_read(cycle)
    if read_at is not None:
        request = execution.operations[read_at].request
        write_at = guarded_write(execution, finding, read_at, cycle[-1].later)
    else:
        write_at = _wrong_write(execution, finding, witness)
        about = finding.requests[0] if finding.requests else 0
        request = about if write_at is None else execution.operations[write_at].request
    return execution.requests[request].handler, read_at, write_at


def _raising(explanation: Explanation, finding: Finding, read: Site | None) -> Window | None:
    """Where an exception came from that is the whole story; ``None`` for any other one."""
    if finding.oracle != "no_exception" or read is not None or explanation.anomaly == UNHANDLED_REFUSAL:
        return None
    return Window(None, Site("raise", (), explanation.traceback[-1])) if explanation.traceback else None


def _window(execution: Execution, read_at: int | None, write_at: int | None, item: str) -> Window:
    """The window that a read and a write are in.

    Args:
        item: what the read was relied on for.
    """
    operations = execution.operations
    at = write_at if read_at is None else read_at
    if at is None:
        return Window(None, None)
    own = execution.of_request(operations[at].request)
    if read_at is None:
        refused = operations[at].error is not None
        first = at if refused else next((one for one in own if _writes(operations[one])), at)
        write = _site(execution, first)
        return Window(None, write, shared=refused and write.source is not None, write_at=first)
    since = max((one for one in own if one < read_at and _writes(operations[one])), default=-1)
    before = [one for one in own if since < one <= read_at and operations[one].action in READS]
    read_at = min((one for one in before if _reads(operations[one], item)), default=read_at)
    read = _site(execution, read_at)
    if write_at is None:
        return Window(read, None, read_at=read_at)
    write_at = next((one for one in own if one > before[-1] and _writes(operations[one])), write_at)
    write = _site(execution, write_at)
    here, there = read.source, write.source
    shared = None not in (here, there) and _function(here) == _function(there)
    return Window(read, write, shared, read_at, write_at)


def _reads(operation: Operation, item: str) -> bool:
    return item in map(str, operation.footprint.items())


def _function(source: SourceLine | None) -> tuple[str, str] | None:
    return None if source is None else (source.file, source.function)


def _writes(operation: Operation) -> bool:
    """Whether an operation is made to change an item; what comes of it may differ from schedule to schedule."""
    return operation.action not in READS and "." not in operation.action


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
