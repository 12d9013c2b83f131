"""Decides whether an event that was delivered several times has left what one delivery leaves.

Sources of events deliver at least once (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html), and clients send a request
again if its answer is lost.  Equal requests of a redelivered handler are such deliveries.  What is stored at the end has to be
what some serial run of the other requests and exactly one delivery leaves, in an order that agrees with real time; which of the
deliveries it is, and what the others answered, is left open.  If every delivery failed, none of them may count either, since
the event is delivered again.  Ignored and varying values are treated as in :mod:`toctou.oracles.serial_runs`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import permutations, product

from toctou.history.finding import Finding
from toctou.history.footprint import Attributes
from toctou.history.item import Change
from toctou.history.operation import Execution
from toctou.history.request import Request, Response
from toctou.history.wording import attribute_words, change_text, changed_attributes, listed
from toctou.oracles.deliveries import repeated
from toctou.oracles.oracle import Observes, Oracle
from toctou.oracles.refusals import Refusals
from toctou.oracles.serial_order import participants
from toctou.oracles.serial_runs import SerialRuns


class ExactlyOnce(Oracle):
    """An event takes effect once, however often it is delivered.

    Args:
        handlers: whose equal requests are deliveries of one event.
        runs: runs the requests one after the other.
        failed: whether a response makes the source deliver again.
    """

    name = "exactly_once"
    observes = Observes()
    asks_model = False

    def __init__(
        self,
        handlers: Collection[str],
        runs: SerialRuns,
        failed: Callable[[Response], bool] = lambda response: response.refused,
        refusals: Refusals = Refusals(),  # noqa: B008 - it is a constant
    ) -> None:
        self._handlers = frozenset(handlers)
        self._runs = runs
        self._failed = failed
        self._refusals = refusals

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """At most one finding, of all events that were delivered several times."""
        events = list(repeated(execution.requests, self._handlers))
        if not events or self._runs.leaves(self._orders(execution, events), execution):
            return
        requests = tuple(sorted(one for each in events for one in each))
        effects = _Effects(execution, events)
        order = next(self._orders(execution, events))
        delivered = listed(f"{execution.requests[one[0]].handler} was delivered {_times(len(one))}" for one in events)
        yield Finding(
            self.name,
            f"{delivered}, and {effects.text}: delivered once, {self._runs.difference(order, execution)}",
            requests=requests,
            operations=tuple(sorted(effects.positions)),
        )

    def judges(self, request: Request, change: Change, changed: Attributes) -> Attributes:
        """What deliveries of events leave."""
        if request.handler not in self._handlers:
            return frozenset()
        return self._runs.ignored.compared(change.item.table, changed)

    def remarks(self, execution: Execution) -> Iterable[str]:
        """What varies by itself and was left out so far."""
        return self._runs.remarks(execution)

    def _orders(self, execution: Execution, events: Sequence[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
        """The orders of which one has to leave what is stored."""
        of_events = {one for each in events for one in each}
        others = [one for one in participants(execution, self._refusals) if one not in of_events]
        preceding = execution.preceding()
        for chosen in product(*(self._counting(execution, each) for each in events)):
            counting = [one for one in chosen if one is not None]
            for order in permutations([*counting, *others]):
                if all(preceding[one].isdisjoint(order[at + 1 :]) for at, one in enumerate(order)):
                    yield order

    def _counting(self, execution: Execution, event: tuple[int, ...]) -> list[int | None]:
        """The deliveries of an event that may be the one that counts, ``None`` for none of them."""
        none_did = all(self._failed(execution.responses[one]) for one in event)
        return [*event, None] if none_did else [*event]


def _times(count: int) -> str:
    return {2: "twice"}.get(count, f"{count} times")


class _Effects:
    """What deliveries of events changed.

    Attributes:
        text: what more than one delivery changed, else what each of them did.
        positions: of the operations that did so.
    """

    def __init__(self, execution: Execution, events: Sequence[tuple[int, ...]]) -> None:
        operations = execution.operations
        self.positions = [
            at for event in events for one in event for at in execution.of_request(one) if operations[at].changes
        ]
        by_delivery: dict[int, list[Change]] = {}
        for at in self.positions:
            by_delivery.setdefault(operations[at].request, []).extend(operations[at].changes)
        first, *more = by_delivery.values() if by_delivery else [[]]
        if not more:
            self.text = f"{'only one' if by_delivery else 'no'} delivery changed anything"
            return
        every = "both deliveries" if len(more) == 1 else f"{len(by_delivery)} deliveries"
        shared = {
            one.item: f"{listed(attribute_words(names))} of {one.item}"
            for one in first
            if (names := frozenset(changed_attributes(one)).intersection(*(_changed(one, each) for each in more)))
        }
        if shared:
            self.text = f"{every} changed {listed(shared.values())}"
            self.positions = [
                at for at in self.positions if any(change.item in shared for change in operations[at].changes)
            ]
        else:
            each = ", another one ".join(change_text(changes[0]) for changes in by_delivery.values())
            self.text = f"each had an effect: one {each}"


def _changed(like: Change, changes: Sequence[Change]) -> set[str]:
    """The attributes of the same item that these change."""
    return {name for one in changes if one.item == like.item for name in changed_attributes(one)}
