"""The prose of dependencies: who did what to which item, why one operation comes before another, and why that cannot
be.

All sentences of an explanation except its headline are made here, from dependencies and images alone.
"""

from __future__ import annotations

from collections.abc import Collection

from toctou.analysis.cause import READS
from toctou.analysis.cycles import Cycle
from toctou.analysis.dependencies import Dependency
from toctou.analysis.paths import replaces
from toctou.analysis.versions import Versions
from toctou.history.footprint import ALL, EXISTENCE, EdgeKind, KeyRange
from toctou.history.item import Change, Image, ItemId
from toctou.history.operation import Execution, Operation
from toctou.history.request import ThreadOf, label
from toctou.history.wording import attribute_words, change_text, listed, value_text, who


def acts(operation: Operation) -> bool:
    """Whether an operation was to change something and did not fail, even if there was nothing left to change."""
    return operation.error is None and (operation.footprint.writes_something or operation.action not in READS)


class Words:
    """Words for one execution."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.versions = Versions(execution)

    def who(self, request: int) -> str:
        """The request's principal, with its letter where that is needed: ``alice``, ``A (alice)``."""
        return who(self.execution.requests, request)

    def short(self, request: int) -> str:
        """The same once it has been introduced: ``alice``, ``A``."""
        name = self.who(request)
        return label(request) if name.endswith(")") else name

    def actor(self, position: int) -> str:
        """Who performed an operation."""
        return self.who(self.execution.operations[position].request)

    def handler(self, request: int) -> str:
        """A request as its handler: ``A (alice)'s delete_item``."""
        return f"{self.who(request)}'s {self.execution.requests[request].handler}"

    def operation(self, position: int, *, short: bool = False) -> str:
        """An operation with its principal: ``A (alice)'s GetItem``, or ``A's GetItem``."""
        one = self.execution.operations[position]
        return f"{self.short(one.request) if short else self.who(one.request)}'s {one.action}"

    def did(self, position: int) -> str:
        """What an operation did, in the past tense: ``removed Items[x]``, ``read Items[x]``."""
        operation = self.execution.operations[position]
        if operation.changes:
            return listed(change_text(change) for change in operation.changes[:3])
        ranges = [str(one) for one in operation.footprint.ranges]
        through = [str(one) for one in operation.footprint.ranges if one.index is not None]
        items = through or sorted(map(str, operation.footprint.items())) or ranges
        if not items:
            return f"performed {operation.action}"
        if acts(operation):
            return f"performed {operation.action} on {listed(items[:3])}"
        return f"{'failed to write' if operation.error else 'read'} {listed(items[:3])}"

    def change(self, position: int, item: ItemId | None) -> Change | None:
        """What an operation changed in an item."""
        changes = self.execution.operations[position].changes
        return next((change for change in changes if change.item == item), None)

    def written(self, position: int, one: Dependency) -> str:
        """What an operation did to the item of a dependency, as far as the dependency is about it."""
        change = self.change(position, one.item)
        if change is None:
            image = None if one.item is None else self.versions.at(one.item, position + 1)
            if image is None:
                return f"found nothing to remove in {one.item}"
            values = self.values(image, one)
            return f"wrote {values or listed(attribute_words(one.attributes))} to {one.item} again"
        return change_text(change, one.attributes & one.changed or None)

    def values(self, image: Image | None, one: Dependency) -> str:
        """Values of the attributes of a dependency in an image: ``owner 'bob'``; ``""`` if there are none."""
        if image is None:
            return ""
        names = sorted((one.changed or one.attributes) - {EXISTENCE, ALL})
        parts = [f"{name} {value_text(image[name])}" for name in names if name in image]
        return listed(parts[:3]) if parts else ""

    def reason(self, one: Dependency) -> str:
        """Why the earlier operation of a dependency comes before the later one, in one sentence."""
        match one.kind:
            case EdgeKind.RW:
                return self._missed(one)
            case EdgeKind.WR:
                return self._judged(one) if one.judged else self._saw(one)
            case EdgeKind.WW:
                return self._overwrote(one)
            case EdgeKind.PO:
                request = self.execution.operations[one.earlier].request
                earlier, later = (self.execution.operations[at].action for at in (one.earlier, one.later))
                return f"{self.who(request)}'s request performed {earlier} before {later}"
        earlier_request, later_request = (self.execution.operations[at].request for at in (one.earlier, one.later))
        answered = self.execution.responses[earlier_request].status
        return (
            f"{self.handler(earlier_request)} had answered {answered} before {self.handler(later_request)} was invoked"
        )

    def _missed(self, one: Dependency) -> str:
        reader, writer = self.operation(one.earlier), self.operation(one.later)
        if one.stale:
            return f"{reader} returned {one.item} as it was before {writer} {self.written(one.later, one)}"
        if one.range is not None and one.range.index is not None:
            reader += f" of {one.range}"
        change = self.change(one.later, one.item)
        if not one.changed:
            shared = listed(attribute_words(one.attributes))
            return f"{writer} wrote {shared} of {one.item} only after {reader} had read it, although to the same value"
        if change is not None and change.before is None:
            return f"{writer} created {one.item}, which {reader} had not found"
        if change is not None and change.after is None:
            return f"{writer} removed {one.item}, which {reader} had still found"
        return f"{writer} {self.written(one.later, one)}, which {reader} had not seen"

    def _saw(self, one: Dependency) -> str:
        reader, writer = self.operation(one.later), self.operation(one.earlier)
        operation = self.execution.operations[one.later]
        verb = "failed, having found" if operation.error else "found"
        change = self.change(one.earlier, one.item)
        if change is not None and change.after is None:
            return f"{reader} {verb} that {one.item} was gone, since {writer} had removed it"
        left = self._left(operation, change)
        if left is not None:
            return f"{reader} did not find {one.item} in {left}, since {writer} {self.written(one.earlier, one)}"
        values = self.values(None if change is None else change.after, one)
        if change is not None and change.before is None and EXISTENCE in one.attributes:
            return f"{reader} {verb} {one.item}, which {writer} had created"
        what = f"{values} in {one.item}" if values else f"{listed(attribute_words(one.attributes))} of {one.item}"
        return f"{reader} {verb} {what}, as {writer} had written it"

    def _left(self, reader: Operation, change: Change | None) -> KeyRange | None:
        """The range of an index that was read and that an item had left by a change."""
        if change is None:
            return None
        ranges = [one for one in reader.footprint.ranges if one.index is not None and one.covers(change.item)]
        gone = (one for one in ranges if one.holds(change.item, change.before))
        return next((one for one in gone if not one.holds(change.item, change.after)), None)

    def _judged(self, one: Dependency) -> str:
        writer, judged = self.operation(one.earlier), self.operation(one.later)
        return f"{judged} acted on {one.item} as {writer} had left it: {writer} {self.written(one.earlier, one)}"

    def _overwrote(self, one: Dependency) -> str:
        earlier, later = self.operation(one.earlier), self.operation(one.later)
        before, after = self.change(one.earlier, one.item), self.change(one.later, one.item)
        left = self.values(None if before is None else before.after, one)
        if before is not None and before.after is None:
            return f"{later} {self.written(one.later, one)} after {earlier} had removed it"
        if after is not None and after.after is None:
            return f"{later} removed {one.item}" + (
                f" with {left}, as {earlier} had left it" if left else f" after {earlier}"
            )
        over = "over what" if replaces(self.versions, one) else "on top of what"
        return f"{later} {self.written(one.later, one)}, {over} {earlier} had left"

    def contradiction(self, cycle: Cycle) -> str:
        """Why no serial order agrees with a cycle, in one sentence."""
        if len(cycle) == 1:
            reader, writer = (self.operation(at) for at in (cycle[0].earlier, cycle[0].later))
            return f"{reader} did not see {writer}, which belongs to the same request and came before it"
        met: set[int] = set()
        parts = []
        for one in cycle:
            earlier, later = (self.execution.operations[at].request for at in (one.earlier, one.later))
            names = [self._introduce(request, met) for request in (earlier, later)]
            parts.append(f"{names[0]} before {names[1]}, because {self._clause(one)}")
        every = "both" if len(parts) == 2 else "all of them"
        met_as = "thread" if any(isinstance(one, ThreadOf) for one in self.execution.requests) else "request"
        return f"if every {met_as} were a single step, {listed_clauses(parts)}; no order satisfies {every}"

    def _introduce(self, request: int, met: set[int]) -> str:
        name = self.short(request) if request in met else self.who(request)
        met.add(request)
        return name

    def _clause(self, one: Dependency) -> str:
        earlier, later = self.operation(one.earlier, short=True), self.operation(one.later, short=True)
        match one.kind:
            case EdgeKind.RW:
                return f"{earlier} did not see {later}"
            case EdgeKind.WR:
                return f"{later} acted on what {earlier} had left" if one.judged else f"{later} saw {earlier}"
            case EdgeKind.WW:
                return self._wrote_after(one, earlier, later)
        requests = (self.execution.operations[at].request for at in (one.earlier, one.later))
        first, second = map(self.short, requests)
        return f"{first} had answered before {second} was invoked"

    def _wrote_after(self, one: Dependency, earlier: str, later: str) -> str:
        change = self.change(one.later, one.item)
        if change is not None and change.after is None:
            return f"{later} removed what {earlier} had left"
        return f"{later} {'overwrote' if replaces(self.versions, one) else 'wrote after'} {earlier}"

    def stored_at_end(self, items: Collection[ItemId]) -> str:
        """What is left of items when everything has ended: ``Items[x] is gone, Items[y] holds n 1``."""
        end = len(self.execution.operations)
        parts = []
        for item in sorted(items, key=str):
            image = self.versions.at(item, end)
            holds = [f"{name} {value_text(image[name])}" for name in sorted(image)] if image else []
            parts.append(f"{item} holds {', '.join(holds)}" if holds else f"{item} is gone")
        return listed(parts) if parts else "nothing was changed"


def listed_clauses(parts: list[str]) -> str:
    """Clauses of a cycle in one sentence: ``A has to come before B, because …, and B before A, because …``."""
    first, *rest = parts
    head, _, tail = first.partition(" before ")
    return "; and ".join([f"{head} would have to come before {tail}", *rest])
