"""What has happened so far in one execution: operations and responses, of which an :class:`Execution` is made at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toctou.declaration.scenario import Scenario
from toctou.errors import InternalError
from toctou.history.operation import Execution, Operation, StoredImages
from toctou.history.output import Written
from toctou.history.request import Response
from toctou.history.schedule import Schedule


@dataclass(slots=True, eq=False)
class Recording:
    """One execution, while it runs.

    Attributes:
        operations: in the order they took effect.
        responses: by request.
    """

    operations: list[Operation] = field(default_factory=list)
    responses: dict[int, Response] = field(default_factory=dict)
    _answered_after: dict[int, int] = field(default_factory=dict)

    def answered(self, request: int, response: Response) -> None:
        """Record the response of a request whose threads may go on."""
        if request not in self.responses:
            self.responses[request] = response
            self._answered_after[request] = len(self.operations)

    def answered_after(self, request: int) -> int:
        """How many operations there were when a request answered, now at the latest."""
        return self._answered_after.get(request, len(self.operations))

    def execution(
        self,
        scenario: Scenario,
        schedule: Schedule,
        endings: Mapping[int, int],
        stored: tuple[StoredImages, StoredImages],
        *,
        idle: frozenset[int] = frozenset(),
        output: tuple[Written, ...] = (),
        isolated: bool,
    ) -> Execution:
        """The execution, which has ended.

        Args:
            scenario, schedule, endings, idle, output, isolated: see :class:`~toctou.history.operation.Execution`.
            stored: the items at the start and at the end.
        """
        count = len(scenario.requests)
        if len(self.responses) != count:
            raise InternalError(f"{count - len(self.responses)} requests of {scenario} ended without a response")
        initial, final = stored
        return Execution(
            requests=scenario.requests,
            initial=initial,
            operations=tuple(self.operations),
            responses=tuple(self.responses[request] for request in range(count)),
            final=final,
            schedule=schedule,
            endings=tuple(endings[request] for request in range(count)),
            left_out=scenario.left_out,
            idle=idle,
            isolated=isolated,
            output=output,
        )
