"""The common part of the two oracles that compare an execution with its requests run one after the other.

While requests are pending, only what no completion explains is a violation: in a serial order a pending request may have taken
effect or not, and may have any response (the completions of Herlihy and Wing, TOPLAS 12(3), 1990).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator
from itertools import combinations

from toctou.history.finding import Finding, SerialOrder
from toctou.history.operation import Execution
from toctou.history.request import Response
from toctou.history.wording import listed, who
from toctou.oracles.deliveries import are_all_of_one_event
from toctou.oracles.oracle import Observes, Oracle
from toctou.oracles.refusals import Refusals
from toctou.oracles.serial_order import Explained, SequentialSemantics, best_order, participants, search


class Serializability(Oracle):
    """The requests can have run one at a time, in some order that agrees with real time.

    A request that was rejected without any effect may be left out, or be rejected for another reason, as ``refusals`` say.
    """

    name = "linearizability"
    observes = Observes()

    def __init__(self, refusals: Refusals = Refusals()) -> None:  # noqa: B008 - it is a constant
        self._refusals = refusals

    @abstractmethod
    def semantics(self, execution: Execution) -> SequentialSemantics:
        """What the requests of an execution do when they run one after the other."""

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """At most one finding, with the serial order that comes closest."""
        if are_all_of_one_event(execution.requests, self._refusals.redelivered):
            return
        outcome = self._outcome(execution)
        if isinstance(outcome, SerialOrder):
            yield self._unexplained(execution, outcome)

    def judge_unfinished(self, execution: Execution, pending: Collection[int]) -> Iterable[Finding]:
        """A finding if no completion of the pending requests explains the responses that were given."""
        if are_all_of_one_event(execution.requests, self._refusals.redelivered):
            return
        answered = tuple(one for one in participants(execution, self._refusals) if one not in pending)
        begun = [one for one in pending if execution.of_request(one)]
        for semantics in self.unfinished(execution):
            completions = _Completions(semantics, execution, frozenset(pending))
            # A pending request that has performed nothing has had no effect; any of the others may have taken effect.
            for count in range(len(begun) + 1):
                for effective in combinations(begun, count):
                    if isinstance(search(execution, answered + effective, completions, self._refusals), Explained):
                        return
        yield Finding(self.name, "no serial order gives the responses so far", requests=tuple(sorted(answered)))

    def unfinished(self, execution: Execution) -> Iterator[SequentialSemantics]:
        """What the requests of an execution may do when they run one after the other, while some are pending."""
        yield self.semantics(execution)

    def closest(self, execution: Execution) -> SerialOrder:
        """The serial order that comes closest; without a contradiction if it explains everything."""
        return best_order(self._outcome(execution))

    def _outcome(self, execution: Execution) -> Explained | SerialOrder:
        requests = participants(execution, self._refusals)
        return search(execution, requests, self.semantics(execution), self._refusals)

    def _unexplained(self, execution: Execution, closest: SerialOrder) -> Finding:
        requests = sorted(participants(execution, self._refusals))
        named = [
            f"{who(execution.requests, index)}'s {execution.requests[index].handler} ({execution.responses[index]})"
            for index in requests
        ]
        alone = f"{listed(named)} behaved differently than it does alone"
        if len(named) == 1 and len({one.unit for one in execution.operations if one.request == requests[0]}) > 1:
            alone = f"no order of the threads of {listed(named)}, one after the other, gives this"
        statement = (
            f"no serial order of {listed(named)} gives these responses and these stored items: {closest.contradiction}"
            if len(named) > 1
            else f"{alone}: {closest.contradiction}"
            if named
            else f"every request was rejected, yet {closest.contradiction}"
        )
        return Finding(self.name, statement, requests=tuple(requests), closest=closest)


class _Completions:
    """Sequential semantics in which a pending request has any response, and stored items do not count yet."""

    def __init__(self, semantics: SequentialSemantics, execution: Execution, pending: frozenset[int]) -> None:
        self._semantics = semantics
        self._execution = execution
        self._pending = pending

    def answer(self, order: tuple[int, ...]) -> Response | int:
        last = order[-1]
        return self._execution.responses[last] if last in self._pending else self._semantics.answer(order)

    def fits(self, order: tuple[int, ...], observed: Response) -> bool:
        return order[-1] in self._pending or self._semantics.fits(order, observed)

    def refuses(self, order: tuple[int, ...]) -> bool:
        return order[-1] not in self._pending and self._semantics.refuses(order)

    def agrees(self, order: tuple[int, ...]) -> bool:  # noqa: ARG002 - the protocol's signature
        return True

    def difference(self, order: tuple[int, ...]) -> str:  # noqa: ARG002 - the protocol's signature
        return ""
