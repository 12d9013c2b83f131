"""Decides whether an execution equals one of the same requests run one after the other by their own handlers.

For models without a specification: the handlers, run alone in every order, are their own.  That finds every race, but not a
handler that is wrong by itself.  Decided is strict serializability up to equality of all stored attributes, but for those that
the model ignores (:mod:`toctou.oracles.ignored`) and those that vary by themselves (:mod:`toctou.oracles.varying`), which are
searched for only when an execution is about to be rejected.  See :mod:`toctou.oracles.linearizability` for the terms; the
property, and so the name of the finding, is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from toctou.history.finding import SerialOrder
from toctou.history.footprint import Attributes, reads
from toctou.history.item import Change, Image, ItemId, plain
from toctou.history.operation import Execution, Operation, StoredImages
from toctou.history.request import Request, Response
from toctou.history.wording import changed_attributes
from toctou.oracles.ignored import Ignored
from toctou.oracles.refusals import Refusals
from toctou.oracles.serial_order import Explained, SequentialSemantics, matches, participants, refuses, search
from toctou.oracles.serializability import Serializability
from toctou.oracles.varying import Comparable, Outcome, Variants

Serial = Callable[[tuple[int, ...]], tuple[Sequence[Response], StoredImages]]
"""``serial(order)`` runs the requests one after the other, from the scenario's initial items, and returns their responses *in
that order* and the items stored in the end; also for prefixes of orders, the empty one included, and repeatedly."""


class Alternative(NamedTuple):
    """What requests do in one order; ``script`` says in which order the threads of each ran, one after the other."""

    responses: Sequence[Response]
    stored: StoredImages
    script: tuple[int, ...] = ()


class WithThreads(Protocol):
    """A :data:`Serial` of requests that have threads."""

    def alternatives(self, order: tuple[int, ...]) -> Iterable[Alternative]:
        """What they may do in this order, as far as it is asked for; the first is what :data:`Serial` returns."""


class Vary(Protocol):
    """Runs what was run again with other clocks, and with other random numbers, as far as that takes the same steps."""

    def order(self, order: tuple[int, ...], script: tuple[int, ...] = ()) -> Variants:
        """Of the requests one after the other, as :data:`Serial` runs them, or in an alternative with this script."""

    def execution(self, execution: Execution) -> Variants:
        """Of an execution, with responses by index."""


class SerialRuns(Serializability):
    """The requests did what their handlers do when they run one at a time, in some order."""

    asks_model = False  # it runs handlers only, whose name independence is checked by running them

    def __init__(
        self,
        serial: Serial,
        refusals: Refusals = Refusals(),  # noqa: B008 - it is a constant
        *,
        ignored: Ignored | None = None,
        vary: Vary | None = None,
    ) -> None:
        super().__init__(refusals)
        self.serial = serial
        self.ignored = ignored or Ignored({})
        self._vary = vary
        self._orders: dict[tuple[tuple[int, ...], tuple[int, ...]], Comparable] = {}
        self._left_out: dict[str, None] = {}
        self.varying = self._left_out.keys()

    def judges(self, request: Request, change: Change, changed: Attributes) -> Attributes:  # noqa: ARG002 - the signature of all
        """What is not ignored."""
        return self.ignored.compared(change.item.table, changed)

    def semantics(self, execution: Execution) -> SequentialSemantics:
        """The handlers' own sequential runs."""
        return _Runs(self, execution)

    def unfinished(self, execution: Execution) -> Iterator[SequentialSemantics]:
        """What varies by itself is told only once all have answered."""
        yield self.semantics(execution)
        if self._vary is not None:
            yield _Varied(self, execution, self._comparable(execution.responses, execution.final))

    def remarks(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature of all oracles
        """What varies by itself and was left out so far."""
        for place in self._left_out:
            yield (
                f"{place} varies with clock or random numbers when the same requests run again: it was left out where "
                "answers and stored items were compared with serial runs"
            )

    def _outcome(self, execution: Execution) -> Explained | SerialOrder:
        exact = super()._outcome(execution)
        if isinstance(exact, Explained) or self._vary is None:
            return exact
        requests = participants(execution, self._refusals)
        observed = self._comparable(execution.responses, execution.final)
        # With whatever it may vary in; finding out what really does takes several runs.
        loose = search(execution, requests, _Varied(self, execution, observed), self._refusals)
        if isinstance(loose, SerialOrder):
            return loose if loose.explained else exact
        observed = self._comparable(execution.responses, execution.final, self._vary.execution(execution))
        found = search(execution, requests, _Varied(self, execution, observed), self._refusals)
        if isinstance(found, Explained):
            # What is computed from an older value is lost, and cannot be seen in what varies anyway.
            if _loses_update(execution, observed.places()):
                return exact
            self._left_out.update(dict.fromkeys(observed.places()))
        return found

    def leaves(self, orders: Iterable[tuple[int, ...]], execution: Execution) -> bool:
        """Whether one of these orders, of some of the requests, leaves what the execution left, but for what varies by itself."""
        orders, final = [*orders], self.ignored.stored(execution.final)
        if any(
            same_items(self.ignored.stored(one.stored), final) for order in orders for one in self.alternatives(order)
        ):
            return True
        if self._vary is None or not self._stores(orders, self._comparable((), execution.final)):
            return False
        variants = Variants(*([Outcome((), one.stored) for one in each] for each in self._vary.execution(execution)))
        observed = self._comparable((), execution.final, variants)
        if not self._stores(orders, observed) or _loses_update(execution, observed.places()):
            return False
        self._left_out.update(dict.fromkeys(observed.places()))
        return True

    def difference(self, order: tuple[int, ...], execution: Execution) -> str:
        """The first difference between what an order leaves and what the execution left, as a clause."""
        expected = next(iter(self.alternatives(order))).stored
        return _images_difference(self.ignored.stored(expected), self.ignored.stored(execution.final))

    def _stores(self, orders: Iterable[tuple[int, ...]], observed: Comparable) -> bool:
        return any(one.stores_the_same(observed) for order in orders for one in self.of_order(order))

    def alternatives(self, order: tuple[int, ...]) -> Iterable[Alternative]:
        """What the requests of an order may do, by the order of their threads."""
        found = getattr(self.serial, "alternatives", None)
        return [Alternative(*self.serial(order))] if found is None else found(order)

    def of_order(self, order: tuple[int, ...]) -> Iterator[Comparable]:
        """What the requests of an order may do, with what varies in it."""
        for one in self.alternatives(order):
            key = order, one.script
            known = self._orders.get(key)
            if known is None:
                assert self._vary is not None  # noqa: S101 - asked for only then
                variants = self._vary.order(order, one.script) if one.script else self._vary.order(order)
                known = self._orders[key] = self._comparable(one.responses, one.stored, variants)
            yield known

    def _comparable(
        self,
        responses: Sequence[Response],
        stored: StoredImages,
        variants: Variants | None = None,
    ) -> Comparable:
        def kept(outcome: Outcome) -> Outcome:
            return Outcome(
                [self.ignored.response(one) for one in outcome.responses], self.ignored.stored(outcome.stored)
            )

        if variants is not None:
            variants = Variants(*([kept(one) for one in each] for each in variants))
        return Comparable(kept(Outcome(responses, stored)), variants)


class _Runs:
    """Sequential runs as sequential semantics of one execution."""

    def __init__(self, runs: SerialRuns, execution: Execution) -> None:
        self._serial = runs.serial
        self._alternatives = runs.alternatives
        self._execution = execution
        self._ignored = runs.ignored

    def answer(self, order: tuple[int, ...]) -> Response:
        return self._serial(order)[0][-1]

    def fits(self, order: tuple[int, ...], observed: Response) -> bool:
        return any(self._matches(one.responses[-1], observed) for one in self._alternatives(order))

    def refuses(self, order: tuple[int, ...]) -> bool:
        return refuses(self.answer(order)) and same_items(self._serial(order[:-1])[1], self._serial(order)[1])

    def agrees(self, order: tuple[int, ...]) -> bool:
        final = self._ignored.stored(self._execution.final)
        return any(
            same_items(self._ignored.stored(one.stored), final) and self._explains(order, one.responses)
            for one in self._alternatives(order)
        )

    def difference(self, order: tuple[int, ...]) -> str:
        expected, stored = self._serial(order)[1], self._execution.final
        return _images_difference(self._ignored.stored(expected), self._ignored.stored(stored))

    def _explains(self, order: tuple[int, ...], responses: Sequence[Response]) -> bool:
        """Whether one alternative gives all responses; each may have been given by another one so far."""
        observed = [self._execution.responses[request] for request in order]
        return all(
            self._matches(one, seen) or (refuses(one) and refuses(seen))
            for one, seen in zip(responses, observed, strict=True)
        )

    def _matches(self, expected: Response, observed: Response) -> bool:
        return matches(self._ignored.response(expected), self._ignored.response(observed))


class _Varied(_Runs):
    """Sequential runs as semantics of an execution in which some values vary by themselves."""

    def __init__(self, runs: SerialRuns, execution: Execution, observed: Comparable) -> None:
        super().__init__(runs, execution)
        self._of_order = runs.of_order
        self._observed = observed

    def fits(self, order: tuple[int, ...], observed: Response) -> bool:  # noqa: ARG002 - `observed` is in the execution
        return any(one.response_equals(self._observed, order[-1]) for one in self._of_order(order))

    def agrees(self, order: tuple[int, ...]) -> bool:
        return any(one.equals(self._observed, order) for one in self._of_order(order))

    def difference(self, order: tuple[int, ...]) -> str:
        of_order = next(iter(self._of_order(order)))
        expected, stored = of_order.outcome.stored, self._observed.outcome.stored
        return _images_difference(of_order.without(expected), of_order.without(stored)) or super().difference(order)


def _loses_update(execution: Execution, places: Collection[str]) -> bool:
    """Whether a request replaced at one of these places, unread, what was stored after it had read there."""
    for position, operation in enumerate(execution.operations):
        for change in operation.changes:
            for name in changed_attributes(change):
                if f"{change.item.table}.{name}" not in places or reads(operation.footprint, change.item, name):
                    continue
                since = _last_read(execution, position, change.item, name)
                if since is not None and any(
                    one.request != operation.request and _changes(one, change.item, name)
                    for one in execution.operations[since + 1 : position]
                ):
                    return True
    return False


def _last_read(execution: Execution, position: int, item: ItemId, name: str) -> int | None:
    request = execution.operations[position].request
    for at in reversed(execution.of_request(request)):
        if at < position and reads(execution.operations[at].footprint, item, name):
            return at
    return None


def _changes(operation: Operation, item: ItemId, name: str) -> bool:
    return any(one.item == item and name in changed_attributes(one) for one in operation.changes)


def same_items(one: StoredImages, other: StoredImages) -> bool:
    """Whether the same items are stored in both."""
    return all(list(one.get(table, ())) == list(other.get(table, ())) for table in {*one, *other})


def _images_difference(expected: StoredImages, stored: StoredImages) -> str:
    for table in sorted({*expected, *stored}):
        would, does = list(expected.get(table, ())), list(stored.get(table, ()))
        missing = [image for image in would if image not in does]
        surplus = [image for image in does if image not in would]
        if missing and surplus:
            return f"{table} would hold {_text(missing[0])}, but it holds {_text(surplus[0])}"
        if missing:
            return f"{table} would hold {_text(missing[0])}, but is missing"
        if surplus:
            return f"{table} would not hold {_text(surplus[0])}, but it does"
    return ""


def _text(image: Image) -> str:
    item: Mapping[str, Any] = plain(image)
    return ", ".join(f"{name}={value!r}" for name, value in item.items())
