"""Decides whether every request answered instead of raising.

An exception that leaves a handler is a finding of its own: a race often shows first as a ``KeyError`` on an item that
has just gone.  File and line are in the response's :class:`~toctou.history.request.SourceLine`; the statement quotes
the source text only, so that it stays the same when lines above it move.

A delivery of a redelivered event that raises while another delivery of it runs is no finding: it is how a function asks for the
event later, as the idempotency of Powertools does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from toctou.errors import UncontrolledHandler
from toctou.history.finding import Finding
from toctou.history.operation import Execution
from toctou.history.wording import who
from toctou.oracles.absent import absent
from toctou.oracles.deliveries import repeated
from toctou.oracles.oracle import Observes, Oracle
from toctou.oracles.serial_runs import Serial


class NoException(Oracle):
    """No handler raises.

    Args:
        redelivered: handlers whose equal requests are deliveries of one event.
        serial: runs requests one after the other, to see which of them raise by themselves; ``None`` if nothing can.
    """

    name = "no_exception"
    observes = Observes()
    prefix_closed = True
    judges_changes = False

    def __init__(self, redelivered: Collection[str] = (), serial: Serial | None = None) -> None:
        self._redelivered = frozenset(redelivered)
        self._serial = serial

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """One finding per request that raised.

        Raises:
            NotSetUp: one has by itself, for want of what the model has not made.
        """
        for index, response in enumerate(execution.responses):
            if (raised := response.exception) is None or self._meets_another(execution, index):
                continue
            alone = self._raises_alone(execution, index)
            if alone and (missing := absent(execution, index)) is not None:
                raise missing
            where = f" in {raised.source.function} at `{raised.source.text.strip()}`" if raised.source else ""
            message = f": {raised.message}" if raised.message else ""
            positions = execution.of_request(index)
            yield Finding(
                self.name,
                f"{who(execution.requests, index)}'s {execution.requests[index].handler} "
                f"raised {raised.type}{message}{where}",
                requests=(index,),
                operations=positions[-1:],
                alone=alone,
            )

    def _raises_alone(self, execution: Execution, index: int) -> bool:
        """Whether a request raises the same, at the same line, where nobody else runs; by running it, if another one wrote."""
        # A queue that is gone is no change of what is stored, so footprints are asked.
        if not any(one.footprint.writes_something and one.request != index for one in execution.operations):
            return True
        if self._serial is None:
            return False
        try:
            ((response,), _) = self._serial((index,))
        except UncontrolledHandler:  # such as one that waits for what another request writes
            return False
        raised, alone = execution.responses[index].exception, response.exception
        return raised is not None and alone is not None and (raised.type, raised.source) == (alone.type, alone.source)

    def _meets_another(self, execution: Execution, index: int) -> bool:
        """Whether another delivery of the same event ran at the same time."""
        preceding = execution.preceding()
        return any(
            other != index and other not in preceding[index] and index not in preceding[other]
            for event in repeated(execution.requests, self._redelivered)
            if index in event
            for other in event
        )
