"""Decides whether every change to a stored item was made for a principal who owned the item at that time.

CWE-367 (https://cwe.mitre.org/data/definitions/367.html) and CWE-639 (https://cwe.mitre.org/data/definitions/639.html): not
whether the owner was checked, but whether the check still held when the write took effect.  What owning means is the model's
rule.  Creating an item is always allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from toctou.history.finding import Finding
from toctou.history.footprint import ALL, EXISTENCE, Attributes
from toctou.history.item import Change, Image, at_path, plain, typed_value
from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Request
from toctou.history.wording import change_text, value_text, who
from toctou.oracles.invariant import Tables, applied, plain_tables
from toctou.oracles.oracle import Observes, Oracle, ask

MOST_CHANGES = 1_000
"""Changes whose ownership is memoised: most executions share their steps with others."""

Owns = Callable[..., bool]
"""``owns(principal, item)``, with the plain item as it was just before the write; and with all plain items by table, if it
looks at others."""


class Ownership(Oracle):
    """Every change to an existing item is made for one of its owners, or by the request that has just handed it over.

    Args:
        owns: the model's rule.
        owner: the attribute that holds the owner, or the path to it; ``None`` if there is no such attribute.
        by_owner: whether the rule reads that attribute only.
        tables: the tables whose items the rule looks at besides; ``None`` if it is given none.
    """

    name = "ownership"
    prefix_closed = True

    def __init__(
        self, owns: Owns, owner: str | None = None, *, by_owner: bool = False, tables: Sequence[str] | None = None
    ) -> None:
        self.owns = owns
        self.owner = owner
        self._by_owner = by_owner
        self._tables = tables
        attribute = frozenset() if owner is None else frozenset({owner.partition(".")[0]})
        whole = frozenset({ALL, EXISTENCE})
        self.observes = Observes(
            changed=attribute if by_owner else whole, others=tuple((table, whole) for table in tables or ())
        )
        # Whether the principal owns the item, and the change itself, so that no other object gets its identity.
        self._known: dict[tuple[str, int], tuple[Change, bool]] = {}
        self._judged: dict[int, tuple[Change, bool]] = {}
        self._attributes = tuple(attribute)

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """One finding per change that was made for a principal who was not an owner."""
        stored = None if self._tables is None else {table: list(one) for table, one in execution.initial.items()}
        for position, operation in enumerate(execution.operations):
            principal = execution.requests[operation.request].principal
            items = None if stored is None or not operation.changes else plain_tables(stored)
            for change in operation.changes:
                if change.item.service:  # what is not in DynamoDB has no owner
                    continue
                if self._allowed(principal, change, items) or self._handed_over(execution, position, change):
                    continue
                actor = who(execution.requests, operation.request)
                yield Finding(
                    self.name,
                    f"{actor}'s {operation.action} {change_text(change)}, {self._whose(principal, change)}",
                    requests=(operation.request,),
                    operations=(position,),
                    attributes=self._attributes,
                )
            if stored is not None:
                for change in operation.changes:
                    applied(stored.setdefault(change.item.table, []), change.before, change.after)

    def remarks(self, execution: Execution) -> Iterator[str]:
        """Writes to items that have no owner, so that every principal may change them."""
        for operation in execution.operations if self._by_owner else ():
            for change in operation.changes:
                if change.before is not None and not change.item.service and not self._is_judged(change):
                    verb = "removed" if change.after is None else "changed"
                    yield (
                        f"no rule judged that {execution.requests[operation.request].handler} {verb} {change.item}: it has no "
                        f"`{self.owner}`, so that everybody may change it; if it belongs to whoever owns another item, say "
                        "so with `owns(self, principal, item, items)`"
                    )

    def judges(self, request: Request, change: Change, changed: Attributes) -> Attributes:  # noqa: ARG002 - the signature of all
        """All of a change to an item that somebody owns, or may own by a rule of the model's."""
        by_nobody = change.item.service or change.before is None or (self._by_owner and not self._is_judged(change))
        return frozenset() if by_nobody else changed

    def _is_judged(self, change: Change) -> bool:
        known = self._judged.get(id(change))
        if known is None:
            if len(self._judged) >= MOST_CHANGES:
                self._judged.clear()
            known = self._judged[id(change)] = change, self._owner_of(change.before) is not _NONE
        return known[1]

    def _allowed(self, principal: str, change: Change, items: Tables | None) -> bool:
        if change.before is None:  # a new item has no owner yet
            return True
        if items is not None:
            return self._asked(principal, plain(change.before), items)
        key = principal, id(change)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_CHANGES:
                self._known.clear()
            known = self._known[key] = change, self._asked(principal, plain(change.before))
        return known[1]

    def _asked(self, *arguments: Any) -> bool:
        return bool(ask("the rule `owns` of the ownership oracle", self.owns, *arguments))

    def _handed_over(self, execution: Execution, position: int, change: Change) -> bool:
        """Whether the request itself gave the item to whoever owns it now."""
        request = execution.operations[position].request
        principal = execution.requests[request].principal
        # Where the rule looks at one item only, steps on others may stand in another order than the one they were run in.
        stored = None if self._tables is None else {table: list(one) for table, one in execution.initial.items()}
        earlier = [one for operation in execution.operations[:position] for one in operation.changes]
        image = next((one.before for one in earlier if one.item == change.item), change.before)
        before, given = self._owners(execution, image, stored), False
        for operation in execution.operations[:position]:
            for one in operation.changes:
                image = one.after if one.item == change.item else image
                if stored is not None:
                    applied(stored.setdefault(one.item.table, []), one.before, one.after)
            after = self._owners(execution, image, stored)
            if operation.request != request:
                given = given and after == before  # others may have handed the item on
            elif before is None or principal in before[1]:  # what it made for somebody else it handed over too
                given = True
            before = after
        return given

    def _owners(
        self, execution: Execution, image: Image | None, stored: StoredImages | None
    ) -> tuple[Any, set[str]] | None:
        """The value of an item's owner attribute, and the principals who own it; ``None`` if there is no such item."""
        if image is None:
            return None
        rest = [] if stored is None else [plain_tables(stored)]
        principals = {one.principal for one in execution.requests}
        return self._owner_of(image), {one for one in principals if self._asked(one, plain(image), *rest)}

    def _owner_of(self, image: Image | None) -> Any:
        return _NONE if self.owner is None else at_path(plain(image or {}), self.owner, _NONE)

    def _whose(self, principal: str, change: Change) -> str:
        owner = self._owner_of(change.before)
        if owner is _NONE:
            return f"which was not {principal}'s at that instant"
        return f"which belonged to {value_text(typed_value(owner))} at that instant"


_NONE = object()
"""No owner at all."""
