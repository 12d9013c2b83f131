"""Decides whether an acknowledged write was replaced by a request that had never seen it.

An unconditional write that replaces a value which another request has stored, and was answered 2xx for, without having read it,
may be meant (the last writer wins, as with PUT) or may lose what somebody was promised.  Only the service's authors know, so
that it is a remark about the verdict, or a violation where the model says so.  A lost update is a case of it that fits no
serial order; here the requests may well have run one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from toctou.history.finding import Finding
from toctou.history.footprint import EXISTENCE, reads
from toctou.history.item import PLACES, TIMES, Change, ItemId
from toctou.history.operation import Execution
from toctou.history.wording import attribute_words, changed_attributes, listed, who
from toctou.oracles.oracle import Observes, Oracle


class Overwrites(Oracle):
    """No unconditional write replaces, unread, what another request was answered 2xx for."""

    name = "overwrites"
    observes = Observes()
    asks_model = False

    def __init__(self, *, violation: bool = False) -> None:
        self._violation = self.judges_changes = violation

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """One finding per overwriting operation, if that is a violation."""
        for position, first, attributes, item in _overwritten(execution) if self._violation else ():
            operation = execution.operations[position]
            actor, victim = (who(execution.requests, one) for one in (operation.request, first))
            yield Finding(
                self.name,
                f"{actor}'s {operation.action} replaced {_listed(attributes)} of {item}, which {victim}'s "
                f"{execution.requests[first].handler} had stored and answered {execution.responses[first]} for, without having "
                "read it",
                requests=tuple(sorted({operation.request, first})),
                operations=(position,),
                attributes=attributes,
            )

    def remarks(self, execution: Execution) -> Iterator[str]:
        """What was replaced."""
        for position, first, attributes, item in () if self._violation else _overwritten(execution):
            operation, victim = execution.operations[position], execution.requests[first]
            yield (
                f"{execution.requests[operation.request].handler} replaces {_listed(attributes)} of {item}, which a concurrent "
                f"{victim.handler} had stored and answered {execution.responses[first].status} for, without having read what "
                "that one stored; "
                'meant as “the last writer wins”? `overwrites = "violation"` makes it a violation'
            )


def _overwritten(execution: Execution) -> Iterator[tuple[int, int, tuple[str, ...], ItemId]]:
    """Operations that replaced something unread: position, the other request, the attributes, and the item."""
    operations = execution.operations
    if len({one.request for one in operations if one.changes}) < 2:
        return
    stored: dict[tuple[ItemId, str], int] = {}  # where the value that is there now was stored
    for position, operation in enumerate(operations):
        for change in operation.changes:
            lost: dict[int, list[str]] = {}
            for name in changed_attributes(change):
                at = stored.get((change.item, name))
                if at is not None and _replaced(change, name) and _unread(execution, at, position, change.item, name):
                    lost.setdefault(operations[at].request, []).append(name)
                stored[change.item, name] = position
            for first, attributes in lost.items():
                yield position, first, tuple(attributes), change.item


def _replaced(change: Change, name: str) -> bool:
    if change.item.service and name in {TIMES, PLACES}:  # one message more, or less, replaces none
        return False
    return change.before is not None and change.after is not None and name in change.before and name in change.after


def _unread(execution: Execution, at: int, position: int, item: ItemId, name: str) -> bool:
    """Whether what another request stored there was acknowledged, and not read until it was replaced here."""
    first, request = execution.operations[at].request, execution.operations[position].request
    if first == request or not 200 <= execution.responses[first].status < 300:
        return False
    # A condition, or an expression that uses another value, reads: the write is not a blind one.  Nor is an addition.
    footprint = execution.operations[position].footprint
    if footprint.reads.get(item, frozenset()) - {EXISTENCE} or name in footprint.increments.get(item, ()):
        return False
    since = [one.footprint for one in execution.operations[at + 1 : position] if one.request == request]
    return not any(reads(one, item, name) for one in since)


def _listed(attributes: Iterable[str]) -> str:
    return listed(attribute_words(attributes))
