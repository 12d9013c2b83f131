"""The vocabulary of the table of anomalies: shapes of cycles, and the tests that their edges have to pass.

A cycle is seen from the request that suffers, here *the victim*: its first edge leaves the victim, usually from
a read that missed another request's write, and its last edge comes back into the victim.  Each test is one sentence
about such a cycle; :mod:`toctou.analysis.anomalies` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from toctou.analysis.accesses import conditions, decided, parts
from toctou.analysis.cycles import Cycle
from toctou.analysis.dependencies import Dependency
from toctou.analysis.versions import Versions
from toctou.analysis.wording import acts
from toctou.history.finding import Finding
from toctou.history.footprint import EXISTENCE, Attributes, EdgeKind, conflicts
from toctou.history.item import Change, Image, ItemId
from toctou.history.operation import Execution, Operation


class Scene(NamedTuple):
    """What a test judges: an execution, what is wrong with it, and one cycle (empty for shapes without one)."""

    versions: Versions
    finding: Finding
    cycle: Cycle
    cycles_exist: bool

    @property
    def execution(self) -> Execution:
        """What happened."""
        return self.versions.execution

    @property
    def first(self) -> Dependency:
        """The edge that leaves the victim."""
        return self.cycle[0]

    @property
    def last(self) -> Dependency:
        """The edge that comes back into the victim."""
        return self.cycle[-1]

    def operation(self, position: int) -> Operation:
        """The operation at a position."""
        return self.versions.execution.operations[position]


Test = Callable[[Scene], bool]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a cycle looks like: kinds of its first and last edge, and tests; or only tests, without a cycle."""

    first: frozenset[EdgeKind]
    last: frozenset[EdgeKind]
    tests: tuple[Test, ...]

    @classmethod
    def without_cycle(cls, *tests: Test) -> Shape:
        """A violation that no cycle shows."""
        return cls(frozenset(), frozenset(), tests)

    @property
    def cyclic(self) -> bool:
        """Whether the shape is one of a cycle."""
        return bool(self.first)

    def passes(self, scene: Scene) -> bool:
        """Whether a scene passes the tests."""
        for test in self.tests:  # noqa: SIM110 - many scenes are judged, and this takes half as long
            if not test(scene):
                return False
        return True


def overtaken(scene: Scene) -> bool:
    """Between two operations of the victim, or before one with an old result: else it only saw what others did to each other."""
    return scene.first.earlier < scene.last.later or scene.first.stale


def missed_changes(scene: Scene) -> bool:
    """Every write that was missed changed something: writing the same value again misleads no request."""
    return all(one.changed for one in scene.cycle if one.kind is EdgeKind.RW)


def two_requests(scene: Scene) -> bool:
    """Only two requests take part."""
    return len(scene.cycle) == 2


def in_time(scene: Scene) -> bool:
    """The victim read, then another changed what it had read, then the victim's last operation came."""
    return scene.first.earlier < scene.first.later and scene.first.earlier < scene.last.later


def stale(scene: Scene) -> bool:
    """The victim's read returned an old version."""
    return scene.first.stale


def arrives_at_write(scene: Scene) -> bool:
    """The cycle comes back to an operation that was to store something, and did not fail."""
    return acts(scene.operation(scene.last.later))


def arrives_at_offence(scene: Scene) -> bool:
    """The cycle comes back to a write that ownership forbids, and what the victim missed is what ownership reads."""
    finding = scene.finding
    about = not finding.attributes or {*finding.attributes, EXISTENCE} & scene.first.changed
    return finding.oracle == "ownership" and scene.last.later in finding.operations and bool(about)


def accessed(scene: Scene) -> bool:
    """The victim's handler accessed what it missed, as far as accesses were recorded."""
    return bool(decided(scene.operation(scene.first.earlier), scene.first))


def arrives_at_read(scene: Scene) -> bool:
    """The cycle comes back to an operation that only read."""
    return not arrives_at_write(scene)


def same_item(scene: Scene) -> bool:
    """The first and the last edge are about the same item."""
    return scene.first.item == scene.last.item


def different_items(scene: Scene) -> bool:
    """The first and the last edge are about different items."""
    return not same_item(scene)


def disjoint(scene: Scene) -> bool:
    """The two writes that were missed are of different items or attributes: neither overwrites, or adds to, the other."""
    first, last = scene.first, scene.last
    if first.item == last.item and first.changed & last.changed:
        return False
    earlier, later = sorted((first.later, last.later))
    found = conflicts(scene.operation(earlier).footprint, scene.operation(later).footprint)
    return not any(one.kind is EdgeKind.WW for one in found)


def both_decide(scene: Scene) -> bool:
    """Both reads come before the writes that they miss, and each request writes after it has read, by another call."""
    if (
        scene.first.stale
        or scene.last.stale
        or not all(decided(scene.operation(one.earlier), one) for one in (scene.first, scene.last))
    ):
        return False
    # A write whose own condition reads decides nothing that could be out of date.
    return scene.first.earlier < scene.last.later and scene.last.earlier < scene.first.later


def was_found(scene: Scene) -> bool:
    """What the victim missed is a change of an item that it had read by its key, or found."""
    return scene.first.range is None


def acted(scene: Scene) -> bool:
    """The victim changed something, or repeated what was there; a request that only reads cannot act on what it read."""
    operations, request = scene.execution.operations, scene.operation(scene.first.earlier).request
    return any(acts(operations[at]) for at in scene.execution.of_request(request))


def membership_changed(scene: Scene) -> bool:
    """What the victim missed is an item that came into, or left, a range which it had queried."""
    ranges = scene.operation(scene.first.earlier).footprint.ranges
    change = _change(scene.operation(scene.first.later), scene.first.item)
    if change is None:
        return False
    return any(one.holds(change.item, change.before) != one.holds(change.item, change.after) for one in ranges)


def deleted_by_first(scene: Scene) -> bool:
    """What the victim missed is that an item which it had seen was deleted."""
    change = _change(scene.operation(scene.first.later), scene.first.item)
    return change is not None and change.after is None and not scene.first.stale


def created_by_last(scene: Scene) -> bool:
    """The victim's last operation created that item, and no condition of its asks for the item to be missing."""
    guard, item = scene.operation(scene.last.later), scene.first.item
    change = _change(guard, item)
    if item is None or change is None or change.before is not None:
        return False
    # A condition that holds for a missing item as well, such as attribute_not_exists of an attribute, is no consent.
    return EXISTENCE not in scene.versions.named(item, conditions(guard).get(item, frozenset()))


def value_came_back(scene: Scene) -> bool:
    """The victim's condition compared values that it had read, which others had changed and restored."""
    return arrives_at_write(scene) and bool(came_back(scene.versions, scene.cycle))


def came_back(versions: Versions, cycle: Cycle) -> Attributes:
    """The attributes whose values a condition found as they had been read, although others had written them in between.

    Either they held other values meanwhile, or a new item took the place of the old one and started with the same values.
    """
    first, last, execution = cycle[0], cycle[-1], versions.execution
    item, guard = first.item, execution.operations[last.later]
    if item is None or last.item != item or last.judged or not conditional(guard):
        return frozenset()
    seen, now = versions.at(item, first.earlier), versions.at(item, last.later)
    between = [versions.at(item, position) for position in range(first.later + 1, last.later)]
    rewritten = frozenset[str]().union(
        *(
            versions.named(item, operation.footprint.writes.get(item, frozenset()))
            for operation in execution.operations[first.later : last.later]
            if operation.request != guard.request and _change(operation, item) is not None
        )
    )
    if now is not None and (change := _change(guard, item)) is not None and change.after is not None:
        # What distinguishes versions is changed by each write; a condition on anything else says nothing about them.
        rewritten &= {name for name in now if now[name] != change.after.get(name)}
    else:
        rewritten = frozenset()
    caller = {"S": execution.requests[guard.request].principal}
    compared = versions.named(item, conditions(guard).get(item, frozenset())) - {EXISTENCE}
    return frozenset(
        name
        for name in compared
        if _value(seen, name) == _value(now, name) != caller
        and (name in rewritten or any(_value(one, name) != _value(now, name) for one in between))
    )


def saw_half(scene: Scene) -> bool:
    """The victim saw a write that came before the one which it missed: the other request was half-way."""
    return scene.last.earlier < scene.first.later and scene.last.later < scene.first.later


def saw_what_was_undone(scene: Scene) -> bool:
    """A request read a value that another had written and then undid before it was rejected."""
    execution = scene.execution
    for request, response in enumerate(execution.responses):
        if not response.refused:
            continue
        changes = [(at, change) for at in execution.of_request(request) for change in execution.operations[at].changes]
        for at, change in changes:
            undone = [later for later, one in changes if later > at and one.item == change.item]
            if undone and any(_read_between(execution, change.item, at, undone[0], request)):
                return True
    return False


def found_by(oracle: str) -> Test:
    """The property is decided by its oracle."""
    return lambda scene: scene.finding.oracle == oracle


def wrong_in_serial_order(scene: Scene) -> bool:
    """The outcome is wrong although no cycle keeps the requests from a serial order."""
    return not scene.cycles_exist and not scene.finding.operations


def conditional(operation: Operation) -> bool:
    """Whether an operation, or any part of a transaction, has a condition."""
    return any("ConditionExpression" in part or "Expected" in part for part in parts(operation.parameters))


def _change(operation: Operation, item: ItemId | None) -> Change | None:
    return next((change for change in operation.changes if change.item == item), None)


def _value(image: Image | None, name: str) -> object:
    return None if image is None else image.get(name)


def _read_between(execution: Execution, item: ItemId, low: int, high: int, writer: int) -> list[bool]:
    return [
        True
        for operation in execution.operations[low + 1 : high]
        if operation.request != writer and item in operation.footprint.reads
    ]
