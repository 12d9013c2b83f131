"""Decides whether a request that answered 4xx or 5xx left the stored items as if it had not run.

A request may undo its own writes: for each attribute that it changed, the value before its first change is compared with the
value after its last.  Changes by other requests do not count.  The property is atomicity as in Haerder and Reuter, *Principles
of transaction-oriented database recovery* (ACM Computing Surveys 15(4), 1983): all of a request's effects, or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from toctou.history.finding import Finding
from toctou.history.footprint import EXISTENCE
from toctou.history.item import Change, ItemId
from toctou.history.operation import Execution
from toctou.history.wording import change_text, changed_attributes, who
from toctou.oracles.oracle import Observes, Oracle


class NoPartialEffect(Oracle):
    """A request that is rejected, or fails, leaves no write."""

    name = "no_partial_effect"
    observes = Observes()
    prefix_closed = True

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """One finding per failed request that left something; its operations are the writes that were not undone."""
        changing = {one.request for one in execution.operations if one.changes}
        for index, response in enumerate(execution.responses):
            if index not in changing or not response.refused:
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


def effects_left(execution: Execution, request: int) -> Iterator[tuple[int, Change, tuple[str, ...]]]:
    """The changes of a request that it did not undo: position, change, and the attributes that stayed changed."""
    spans: dict[tuple[ItemId, str], list[Any]] = {}
    changes = [
        (position, change)
        for position in execution.of_request(request)
        for change in execution.operations[position].changes
    ]
    for _, change in changes:
        for name in changed_attributes(change):
            # Only the ends of the request's own changes are compared, so what others wrote in between does not count.
            before, after = _value(change.before, name), _value(change.after, name)
            spans.setdefault((change.item, name), [before, after])[1] = after
    for position, change in changes:
        names = changed_attributes(change)
        stayed = tuple(name for name in names if spans[change.item, name][0] != spans[change.item, name][1])
        if stayed:
            yield position, change, stayed


def _value(image: Any, name: str) -> Any:
    if name == EXISTENCE:  # an item that was put and deleted again left nothing
        return image is not None
    return None if image is None else image.get(name)
