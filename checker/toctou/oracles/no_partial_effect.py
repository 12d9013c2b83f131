"""Decides whether a request that answered 4xx or 5xx left the stored items as if it had not run.

A request may undo its own writes: for each attribute that it changed, the value before its first change is compared with the
value after its last.  Changes by other requests do not count, so that what was added to a number or a set is undone by what is
taken away again, whatever others added meanwhile.  The property is atomicity as in Haerder and Reuter, *Principles
of transaction-oriented database recovery* (ACM Computing Surveys 15(4), 1983): all of a request's effects, or none.

A delivery of an event that fails half-way may be completed by another one that succeeds: what they leave together is decided by
:mod:`toctou.oracles.exactly_once`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from toctou.history.finding import Finding
from toctou.history.footprint import EXISTENCE
from toctou.history.item import Change, Image, ItemId
from toctou.history.operation import Execution
from toctou.history.wording import change_text, changed_attributes, who
from toctou.oracles.deliveries import repeated
from toctou.oracles.oracle import Observes, Oracle

_Value = Mapping[str, Any] | bool | None
"""A typed value, whether the item is there, or ``None`` for no attribute."""

_SETS = frozenset({"SS", "NS", "BS"})
_EMPTY: frozenset[Any] = frozenset()


class NoPartialEffect(Oracle):
    """A request that is rejected, or fails, leaves no write.

    Args:
        redelivered: handlers whose equal requests are deliveries of one event.
    """

    name = "no_partial_effect"
    observes = Observes()
    prefix_closed = True
    judges_changes = False

    def __init__(self, redelivered: Collection[str] = ()) -> None:
        self._redelivered = frozenset(redelivered)

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """One finding per failed request that left something; its operations are the writes that were not undone."""
        return self._judge(execution, ())

    def judge_unfinished(self, execution: Execution, pending: Collection[int]) -> Iterable[Finding]:
        """The same, but for what a pending delivery may complete."""
        return self._judge(execution, pending)

    def _judge(self, execution: Execution, pending: Collection[int]) -> Iterator[Finding]:
        completed = {
            one
            for event in repeated(execution.requests, self._redelivered)
            if any(one in pending or not execution.responses[one].refused for one in event)
            for one in event
        }
        changing = {one.request for one in execution.operations if one.changes}
        for index, response in enumerate(execution.responses):
            if index not in changing or index in completed or not response.refused:
                continue
            left = tuple(effects_left(execution, index))
            if not left:
                continue
            position, change, attributes = left[0]
            more = f" (and left {len(left) - 1} more)" if len(left) > 1 else ""
            yield Finding(
                self.name,
                f"{who(execution.requests, index)}'s {execution.requests[index].handler} answered {response}, although "
                f"its {execution.operations[position].action} {change_text(change, attributes)}{more}",
                requests=(index,),
                operations=tuple(sorted({at for at, _, _ in left})),
            )


@dataclass(slots=True)
class _Effect:
    """What a request did to one attribute.

    Attributes:
        before, after: the value before its first change and after its last.
        added: what it added to a number, by increments that commute with those of others.
        counted: whether one of its changes was such an increment.
        sets: whether every change was one of a set, which is absent while it is empty.
        members: of a set, how many times it added each member more often than it removed it.
    """

    before: _Value
    after: _Value = None
    added: Decimal = Decimal(0)
    counted: bool = False
    sets: bool = True
    members: Counter[Any] = field(default_factory=Counter)

    def change(self, before: _Value, after: _Value, *, counted: bool) -> None:
        self.after = after
        if counted:
            self.counted = True
        self.added += _number(after) - _number(before)
        old, new = _members(before), _members(after)
        self.sets = self.sets and old is not None and new is not None
        self.members.update((new or _EMPTY) - (old or _EMPTY))
        self.members.subtract((old or _EMPTY) - (new or _EMPTY))

    @property
    def undone(self) -> bool:
        if self.counted and _is_number(self.before) and _is_number(self.after):
            # In an equivalent schedule others may have added before the first change, or between two of them.
            return self.added == 0
        return self.before == self.after or (self.sets and not any(self.members.values()))


def effects_left(execution: Execution, request: int) -> Iterator[tuple[int, Change, tuple[str, ...]]]:
    """The changes of a request that it did not undo: position, change, and the attributes that stayed changed."""
    effects: dict[tuple[ItemId, str], _Effect] = {}
    changes = [
        (position, change)
        for position in execution.of_request(request)
        for change in execution.operations[position].changes
    ]
    for position, change in changes:
        increments = execution.operations[position].footprint.increments.get(change.item, frozenset())
        for name in changed_attributes(change):
            before, after = _value(change.before, name), _value(change.after, name)
            effect = effects.setdefault((change.item, name), _Effect(before))
            effect.change(before, after, counted=name in increments)
    for position, change in changes:
        stayed = tuple(name for name in changed_attributes(change) if not effects[change.item, name].undone)
        if stayed:
            yield position, change, stayed


def _value(image: Image | None, name: str) -> _Value:
    if name == EXISTENCE:  # an item that was put and deleted again left nothing
        return image is not None
    return None if image is None else image.get(name)


def _is_number(value: _Value) -> bool:
    return isinstance(value, Mapping) and "N" in value


def _number(value: _Value) -> Decimal:
    return Decimal(value["N"]) if isinstance(value, Mapping) and "N" in value else Decimal(0)


def _members(value: _Value) -> frozenset[Any] | None:
    """The members of a set, which is absent while it has none; ``None`` for any other value."""
    if value is None:
        return _EMPTY
    if not isinstance(value, Mapping):
        return None
    kind = next(iter(_SETS & value.keys()), None)
    return None if kind is None else frozenset((kind, member) for member in value[kind])
