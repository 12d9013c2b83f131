"""Decides whether every change to a stored item was made for a principal who owned the item at that time.

CWE-367 (https://cwe.mitre.org/data/definitions/367.html) and CWE-639 (https://cwe.mitre.org/data/definitions/639.html): not
whether the owner was checked, but whether the check still held when the write took effect.  What owning means is the model's
rule.  Creating an item is always allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from toctou.history.finding import Finding
from toctou.history.footprint import ALL, EXISTENCE
from toctou.history.item import Change, plain
from toctou.history.operation import Execution
from toctou.history.wording import change_text, value_text, who
from toctou.oracles.oracle import Observes, Oracle, ask

MOST_CHANGES = 1_000
"""Changes whose ownership is memoised: most executions share their steps with others."""

Owns = Callable[[str, Mapping[str, Any]], bool]
"""``owns(principal, item)``, with the plain item as it was just before the write."""


class Ownership(Oracle):
    """Every change to an existing item is made for one of its owners.

    Args:
        owns: the model's rule.
        owner: the attribute that holds the owner, for the wording only; ``None`` if there is no such attribute.
        attributes: what the rule reads; ``None`` for the whole item.
    """

    name = "ownership"
    prefix_closed = True

    def __init__(self, owns: Owns, owner: str | None = None, attributes: frozenset[str] | None = None) -> None:
        self.owns = owns
        self.owner = owner
        self.observes = Observes(changed=frozenset({ALL, EXISTENCE}) if attributes is None else attributes)
        # Whether the principal owns the item, and the change itself, so that no other object gets its identity.
        self._known: dict[tuple[str, int], tuple[Change, bool]] = {}

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """One finding per change that was made for a principal who was not an owner."""
        for position, operation in enumerate(execution.operations):
            principal = execution.requests[operation.request].principal
            for change in operation.changes:
                if self._allowed(principal, change):
                    continue
                actor = who(execution.requests, operation.request)
                yield Finding(
                    self.name,
                    f"{actor}'s {operation.action} {change_text(change)}, {self._whose(principal, change)}",
                    requests=(operation.request,),
                    operations=(position,),
                    attributes=() if self.owner is None else (self.owner,),
                )

    def _allowed(self, principal: str, change: Change) -> bool:
        if change.before is None:  # a new item has no owner yet
            return True
        key = principal, id(change)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_CHANGES:
                self._known.clear()
            owns = bool(ask("the rule `owns` of the ownership oracle", self.owns, principal, plain(change.before)))
            known = self._known[key] = change, owns
        return known[1]

    def _whose(self, principal: str, change: Change) -> str:
        if self.owner is None or change.before is None or self.owner not in change.before:
            return f"which was not {principal}'s at that instant"
        return f"which belonged to {value_text(change.before[self.owner])} at that instant"
