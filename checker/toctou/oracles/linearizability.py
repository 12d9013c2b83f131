"""Decides whether the requests of an execution could have run one after the other on the model's reference.

Requests perform several operations each, so they are transactions: *serializable* if some total order of them explains all
responses and the final state, *strictly serializable* if that order also agrees with real time, meaning that a request which
had answered before another was invoked comes first.  *Linearizable* (Herlihy and Wing, TOPLAS 12(3), 1990) speaks of
operations on one object.  With a service as one object and a request as one operation, it is linearizable exactly if its
requests are strictly serializable; this is decided here.

A request that was rejected without any effect has a place in the order only as :mod:`toctou.oracles.refusals` says.
:mod:`toctou.oracles.serial_runs` decides the same for models without a specification.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from toctou.history.footprint import Attributes
from toctou.history.item import Change, plain
from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Request, Response
from toctou.history.wording import changed_attributes
from toctou.oracles.ignored import Ignored
from toctou.oracles.oracle import ask
from toctou.oracles.refusals import Refusals
from toctou.oracles.serial_order import SequentialSemantics, matches, refuses
from toctou.oracles.serializability import Serializability
from toctou.specification import Specification, StoredItems

MOST_NODES = 20_000
"""Orders whose outcome is memoised; ten requests have ten million."""


class Linearizability(Serializability):
    """The requests are explained by the reference, run one request at a time in some order."""

    def __init__(
        self,
        specification: Specification,
        refusals: Refusals = Refusals(),  # noqa: B008 - it is a constant
        *,
        ignored: Ignored | None = None,
    ) -> None:
        super().__init__(refusals)
        self._ignored = ignored or Ignored({})
        self._specification = specification
        self._walked: _Walked | None = None

    def judges(self, request: Request, change: Change, changed: Attributes) -> Attributes:  # noqa: ARG002 - the signature of all
        """What is not ignored; of that, what the reference looks at."""
        return self._ignored.compared(change.item.table, changed)

    def rule(self, execution: Execution) -> Callable[[StoredItems], Any]:  # noqa: ARG002 - the signature of all oracles
        """What makes the reference's state of stored items."""
        return self._specification.state_of

    def semantics(self, execution: Execution) -> SequentialSemantics:
        """The reference, run one request at a time."""
        if self._walked is None or not self._walked.serves(execution):
            self._walked = _Walked(self._specification, execution)
        return _Reference(self._walked, execution, self._ignored)


class _Walked:
    """The part of the reference's state space that the orders of one scenario have visited."""

    # A node is memoised by the order that leads to it, because states need not have more than ``==``.
    def __init__(self, specification: Specification, execution: Execution) -> None:
        self._specification = specification
        self._requests = execution.requests
        self._initial = execution.initial
        self._nodes: dict[tuple[int, ...], tuple[Any, Response | int]] = {(): (self.state_of(execution.initial), 0)}

    def serves(self, execution: Execution) -> bool:
        """Whether an execution belongs to the same scenario."""
        # Identity first, because comparing all items of every execution is slow.
        return (self._requests is execution.requests or self._requests == execution.requests) and (
            self._initial is execution.initial or self._initial == execution.initial
        )

    def state_of(self, images: StoredImages) -> Any:
        return ask("`state_of` of the specification", self._specification.state_of, _plain(images))

    def node(self, order: tuple[int, ...]) -> tuple[Any, Response | int]:
        """The state after an order, and the response of its last request."""
        if order not in self._nodes:
            if len(self._nodes) >= MOST_NODES:
                self._nodes = {(): self._nodes[()]}
            state, _ = self.node(order[:-1])
            request: Request = self._requests[order[-1]]
            self._nodes[order] = ask("`step` of the specification", self._specification.step, state, request)
        return self._nodes[order]


class _Reference:
    """A reference as sequential semantics of one execution."""

    def __init__(self, walked: _Walked, execution: Execution, ignored: Ignored) -> None:
        self._walked = walked
        self._ignored = ignored
        self._execution = execution
        self._final: tuple[Any] | None = None  # a state may be `None` itself

    def answer(self, order: tuple[int, ...]) -> Response | int:
        expected = self._walked.node(order)[1]
        observed = self._execution.responses[order[-1]]
        if isinstance(expected, int) or expected.headers or not observed.headers:
            return expected
        return replace(expected, headers=observed.headers)  # a reference without headers says nothing about them

    def fits(self, order: tuple[int, ...], observed: Response) -> bool:
        expected = self.answer(order)
        if isinstance(expected, int):
            return observed.status == expected
        return matches(self._ignored.response(expected), self._ignored.response(observed))

    def refuses(self, order: tuple[int, ...]) -> bool:
        before, (after, answer) = self._walked.node(order[:-1])[0], self._walked.node(order)
        return refuses(answer) and bool(before == after)

    def agrees(self, order: tuple[int, ...]) -> bool:
        return bool(self._walked.node(order)[0] == self._stored())

    def difference(self, order: tuple[int, ...]) -> str:
        return _state_difference(self._walked.node(order)[0], self._stored(), self._execution)

    def _stored(self) -> Any:
        if self._final is None:
            self._final = (self._walked.state_of(self._execution.final),)
        return self._final[0]


def _state_difference(expected: Any, stored: Any, execution: Execution) -> str:
    if isinstance(expected, Mapping) and isinstance(stored, Mapping):
        for key in sorted({*expected, *stored}, key=repr):
            if key not in stored:
                return f"{key!r} would be stored as {expected[key]!r}, but is missing"
            if key not in expected:
                return f"{key!r} would not exist, but is stored as {stored[key]!r}"
            if expected[key] != stored[key]:
                what = _attribute(execution, key, stored[key])
                would = f"{what} would be" if what else f"{key!r} would be stored as"
                return f"{would} {expected[key]!r}, but it is {stored[key]!r}"
    return f"the state would be {expected!r}, but it is {stored!r}"


def _attribute(execution: Execution, key: Any, value: Any) -> str:
    """The attribute that stores a value of the reference's state: ``owner of Items[i1]``; ``""`` if ambiguous."""
    changed = [
        (change.item, name)
        for operation in execution.operations
        for change in operation.changes
        if change.after is not None and [str(key)] == [part for _, part in change.item.key]
        for name in changed_attributes(change)
    ]
    found = {
        f"{name} of {item}"
        for item, name in changed
        for image in execution.final.get(item.table, ())
        if all({kind: part} in image.values() for kind, part in item.key) and name in image
        if plain(image)[name] == value
    }
    return found.pop() if len(found) == 1 else ""


def _plain(images: StoredImages) -> StoredItems:
    return {table: [plain(image) for image in stored] for table, stored in images.items()}
