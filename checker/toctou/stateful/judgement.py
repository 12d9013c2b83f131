"""Decides whether an execution is correct so far, and whether it can still become correct.

When every request has responded, the model's oracles judge the execution as usual.  While some are pending, they judge only
what no continuation can change: who owned an item when it was written, what a finished request left behind, and whether the
responses so far have a serial order.  In that order a pending request may have taken effect or not, and may return any
response (the completions of Herlihy and Wing, TOPLAS 12(3), 1990); so a violation found then remains once all have finished.
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
# Serial runs by index and identity of the requests, in order: a request's clock and random numbers depend on its index.
KnownRuns = dict[tuple[tuple[int, int], ...], SerialRun]

Answers = Callable[[Order], Response | int]
"""The response of the last request of an order when the requests run one after the other."""


class Judge:
    """Judges one session after each of its steps.

    Args:
        session: to be judged.
        known: memoised serial runs of sessions with the same request objects; extended in place.
    """

    def __init__(self, session: Session, known: KnownRuns) -> None:
        model = session.laboratory.model
        self._session = session
        self._known = known
        self._displaced = False
        self._reference = model.reference
        self._retryable = model.retryable
        self._oracles = oracles_of(model, session.laboratory, Scenario(()))
        if model.reference is None:
            # A serial run needs the laboratory that the session occupies; `_serial` notes that it must be resumed.
            own = SerialRuns(self._serial, model.retryable)
            self._oracles = [own if one.name == LINEARIZABILITY else one for one in self._oracles]

    def finding(self) -> Finding | None:
        """The first violation in the session so far, if any."""
        execution, pending = self._session.execution(), self._session.pending
        found = next(self._findings(execution, pending), None)
        self._restore_session()
        return found

    def at_the_end(self, finding: Finding) -> Finding:
        """The same finding in the session's execution after every request has finished."""
        execution = self._session.execution()
        found = list(judged(execution, self._oracles))
        self._restore_session()
        # Another oracle may find it first now, when all of them judge.
        same = [one for one in found if one.oracle == finding.oracle] or found
        if not same:
            raise InternalError(
                f"{finding.statement}, but not once every request of {execution.schedule} had responded"
            )
        return same[0]

    def _findings(self, execution: Execution, pending: Sequence[int]) -> Iterator[Finding]:
        for oracle in self._oracles:
            if pending and oracle.name == LINEARIZABILITY:
                yield from self._unexplainable(execution, pending)
            elif not (pending and isinstance(oracle, Invariant) and oracle.at == "end"):
                yield from oracle.judge(execution)

    def _unexplainable(self, execution: Execution, pending: Sequence[int]) -> Iterator[Finding]:
        """A finding if no completion of the pending requests explains the responses so far."""
        answered = tuple(one for one in participants(execution, self._retryable) if one not in pending)
        # Without operations, a pending request cannot have taken effect.
        started = [one for one in pending if execution.of_request(one)]
        semantics = _Completions(self._answers(execution), frozenset(pending))
        for count in range(len(started) + 1):
            for effective in combinations(started, count):
                if isinstance(search(execution, answered + effective, semantics), Explained):
                    return
        yield Finding(LINEARIZABILITY, "no serial order gives the responses so far", requests=tuple(sorted(answered)))

    def _answers(self, execution: Execution) -> Answers:
        if self._reference is None:
            return lambda order: self._serial(order)[0][-1]
        return _Specified(self._reference, execution)

    def _serial(self, order: Order) -> SerialRun:
        """Run requests of the session one after the other; the session must be resumed afterwards."""
        requests = self._session.requests
        # By id, because arguments need not be hashable; the pool of the machine's class keeps its requests alive.
        key = tuple((index, id(requests[index])) for index in order)
        if key not in self._known:
            self._displaced = True
            scenario = Scenario(tuple(requests))
            try:
                self._known[key] = self._session.laboratory.serial(scenario, order)
            except RandomNumbersShared:  # the laboratory has separated them now
                self._known[key] = self._session.laboratory.serial(scenario, order)
        return self._known[key]

    def _restore_session(self) -> None:
        if self._displaced:
            self._displaced = False
            self._session.resume()


class _Completions:
    """Sequential semantics in which a pending request returns any response, and stored items do not count yet."""

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
    """The responses of the reference; states are memoised by the order that leads to them."""

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
