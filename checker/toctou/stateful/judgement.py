"""Decides whether what has happened so far is right, and whether it can still turn out right.

When every request has answered, an execution is judged by the oracles of its model like any other.  While some are
pending, an oracle is asked only what no continuation can mend: who owned an item when it was written, what a request
that has answered left behind, and whether the answers given so far have a serial order.  In that order a pending
request may have taken effect or not, and may answer anything (the completions of Herlihy and Wing, TOPLAS 12(3), 1990);
so whatever is found then is found again when the pending requests have run to their end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

from toctou.declaration.scenario import Scenario
from toctou.errors import InternalError
from toctou.execution.judging import judged, oracles_of
from toctou.execution.laboratory import RandomNumbersShared
from toctou.history.finding import Finding
from toctou.history.item import plain
from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Response
from toctou.oracles.invariant import Invariant
from toctou.oracles.linearizability import NAME as LINEARIZABILITY
from toctou.oracles.oracle import ask
from toctou.oracles.serial_order import Explained, participants, search
from toctou.oracles.serial_runs import SerialRuns
from toctou.specification import Specification
from toctou.stateful.session import PENDING, Session

Order = tuple[int, ...]
SerialRun = tuple[Sequence[Response], StoredImages]
KnownRuns = dict[tuple[tuple[int, int], ...], SerialRun]
"""Serial runs by index and identity of the requests, in order: a request's clock and numbers depend on its index."""

Answers = Callable[[Order], Response | int]
"""What the last request of an order answers when the requests of the order run one after the other."""


class Judge:
    """Judges one session after each of its steps.

    Args:
        session: what is judged.
        known: serial runs of earlier sessions with the same request objects, to be added to.
    """

    def __init__(self, session: Session, known: KnownRuns) -> None:
        model = session.laboratory.model
        self._session = session
        self._known = known
        self._detoured = False
        self._reference = model.reference
        self._retryable = model.retryable
        self._oracles = oracles_of(model, session.laboratory, Scenario(()))
        if model.reference is None:
            own = SerialRuns(self._serial, model.retryable)
            self._oracles = [own if one.name == LINEARIZABILITY else one for one in self._oracles]

    def finding(self) -> Finding | None:
        """What is wrong with the session as it stands, if anything."""
        execution, pending = self._session.execution(), self._session.pending
        found = next(self._findings(execution, pending), None)
        self._return()
        return found

    def at_the_end(self, finding: Finding) -> Finding:
        """The same finding in the session's execution when every request has run to its end."""
        execution = self._session.execution()
        found = list(judged(execution, self._oracles))
        self._return()
        same = [one for one in found if one.oracle == finding.oracle] or found
        if not same:
            raise InternalError(f"{finding.statement}, but not once every request of {execution.schedule} had answered")
        return same[0]

    def _findings(self, execution: Execution, pending: Sequence[int]) -> Iterator[Finding]:
        for oracle in self._oracles:
            if pending and oracle.name == LINEARIZABILITY:
                yield from self._hopeless(execution, pending)
            elif not (pending and isinstance(oracle, Invariant) and oracle.at == "end"):
                yield from oracle.judge(execution)

    def _hopeless(self, execution: Execution, pending: Sequence[int]) -> Iterator[Finding]:
        """A finding if no completion of the pending requests explains the answers that were given."""
        answered = tuple(one for one in participants(execution, self._retryable) if one not in pending)
        begun = [one for one in pending if execution.of_request(one)]
        semantics = _Completions(self._answers(execution), frozenset(pending))
        for count in range(len(begun) + 1):
            for effective in combinations(begun, count):
                if isinstance(search(execution, answered + effective, semantics), Explained):
                    return
        yield Finding(LINEARIZABILITY, "no serial order gives the responses so far", requests=tuple(sorted(answered)))

    def _answers(self, execution: Execution) -> Answers:
        if self._reference is None:
            return lambda order: self._serial(order)[0][-1]
        return _Specified(self._reference, execution)

    def _serial(self, order: Order) -> SerialRun:
        """Run requests of the session one after the other; the session has to be resumed afterwards."""
        requests = self._session.requests
        key = tuple((index, id(requests[index])) for index in order)
        if key not in self._known:
            self._detoured = True
            scenario = Scenario(tuple(requests))
            try:
                self._known[key] = self._session.laboratory.serial(scenario, order)
            except RandomNumbersShared:
                self._known[key] = self._session.laboratory.serial(scenario, order)
        return self._known[key]

    def _return(self) -> None:
        if self._detoured:
            self._detoured = False
            self._session.resume()


class _Completions:
    """Sequential semantics in which a pending request answers anything, and what is stored does not count yet."""

    def __init__(self, answers: Answers, pending: frozenset[int]) -> None:
        self._answers = answers
        self._pending = pending

    def answer(self, order: Order) -> Response | int:
        return PENDING if order[-1] in self._pending else self._answers(order)

    def agrees(self, order: Order) -> bool:  # noqa: ARG002 - the protocol's signature
        return True

    def difference(self, order: Order) -> str:  # noqa: ARG002 - the protocol's signature
        return ""


class _Specified:
    """What the reference answers; states are remembered by the order that leads to them."""

    def __init__(self, specification: Specification, execution: Execution) -> None:
        self._specification = specification
        self._requests = execution.requests
        initial = {table: [plain(image) for image in images] for table, images in execution.initial.items()}
        state = ask("`state_of` of the specification", specification.state_of, initial)
        self._nodes: dict[Order, tuple[Any, Response | int]] = {(): (state, PENDING)}

    def __call__(self, order: Order) -> Response | int:
        return self._node(order)[1]

    def _node(self, order: Order) -> tuple[Any, Response | int]:
        if order not in self._nodes:
            state, _ = self._node(order[:-1])
            step = self._specification.step
            self._nodes[order] = ask("`step` of the specification", step, state, self._requests[order[-1]])
        return self._nodes[order]
