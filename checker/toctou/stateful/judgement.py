"""Decides whether an execution is correct so far, and whether it can still become correct.

When every request has responded, the model's oracles judge the execution as usual.  While some are pending, they judge only
what no continuation can change (:meth:`~toctou.oracles.oracle.Oracle.judge_unfinished`), so a violation found then remains
once all have finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from toctou.declaration.scenario import Scenario
from toctou.errors import InternalError
from toctou.execution.judging import judged, oracles_of
from toctou.execution.variations import Variations
from toctou.history.finding import Finding
from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Response
from toctou.oracles.varying import Variants
from toctou.scheduling.restart import Restart
from toctou.stateful.session import Session

Order = tuple[int, ...]
SerialRun = tuple[Sequence[Response], StoredImages]
# Serial runs by index and identity of the requests, in order: a request's clock and random numbers depend on its index.
KnownRuns = dict[tuple[tuple[int, int], ...], SerialRun]


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
        # A serial run needs the laboratory that the session occupies; `_serial` notes that it must be resumed.
        self._oracles = oracles_of(model, self._serial, _Again(session, self._displace))

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
            yield from oracle.judge_unfinished(execution, pending) if pending else oracle.judge(execution)

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
            except Restart:  # the laboratory has separated random numbers now
                self._known[key] = self._session.laboratory.serial(scenario, order)
        return self._known[key]

    def _displace(self) -> None:
        self._displaced = True

    def _restore_session(self) -> None:
        if self._displaced:
            self._displaced = False
            self._session.resume()


class _Again:
    """Runs requests of a growing session again; see :class:`toctou.oracles.serial_runs.Vary`."""

    def __init__(self, session: Session, displace: Callable[[], None]) -> None:
        self._session = session
        self._displace = displace

    def order(self, order: Order, script: tuple[int, ...] = ()) -> Variants:
        return self._variations().order(order, script)

    def execution(self, execution: Execution) -> Variants:
        return self._variations().execution(execution)

    def _variations(self) -> Variations:
        return Variations(self._session.laboratory, Scenario(tuple(self._session.requests)), self._displace)
