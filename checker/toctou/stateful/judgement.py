"""Decides whether what has happened so far is right, and whether it can still turn out right.

When every request has answered, an execution is judged by the oracles of its model like any other.  While some are
pending, an oracle is asked only what no continuation can repair (:meth:`~toctou.oracles.oracle.Oracle.judge_unfinished`),
so that whatever is found then is found again when the pending requests have run to their end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toctou.declaration.scenario import Scenario
from toctou.errors import InternalError
from toctou.execution.judging import judged, oracles_of
from toctou.history.finding import Finding
from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Response
from toctou.scheduling.restart import Restart
from toctou.stateful.session import Session

Order = tuple[int, ...]
SerialRun = tuple[Sequence[Response], StoredImages]
KnownRuns = dict[tuple[tuple[int, int], ...], SerialRun]
"""Serial runs by index and identity of the requests, in order: a request's clock and numbers depend on its index."""


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
        self._oracles = oracles_of(model, self._serial)

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
            yield from oracle.judge_unfinished(execution, pending) if pending else oracle.judge(execution)

    def _serial(self, order: Order) -> SerialRun:
        """Run requests of the session one after the other; the session has to be resumed afterwards."""
        requests = self._session.requests
        key = tuple((index, id(requests[index])) for index in order)
        if key not in self._known:
            self._detoured = True
            scenario = Scenario(tuple(requests))
            try:
                self._known[key] = self._session.laboratory.serial(scenario, order)
            except Restart:
                self._known[key] = self._session.laboratory.serial(scenario, order)
        return self._known[key]

    def _return(self) -> None:
        if self._detoured:
            self._detoured = False
            self._session.resume()
