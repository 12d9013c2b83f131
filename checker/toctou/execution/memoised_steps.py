"""The memoised steps of a laboratory (:mod:`toctou.execution.transition_system`), and whether they can be relied on.

They are tainted once a request that was run behaves differently than memoised, given the same inputs and responses, or has left
something in memory (:mod:`toctou.execution.process_memory`): then requests share more than DynamoDB, and one process is not
what many would be.  So runs are compared even where no step is taken without running it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from toctou.declaration.scenario import Scenario
from toctou.errors import NondeterministicHandler
from toctou.execution.process_memory import ProcessMemory
from toctou.execution.transition_system import MakeStep, Perform, Stored, Taken, TransitionSystem, Walk
from toctou.history.operation import Execution
from toctou.history.request import Response
from toctou.scheduling.strategies.strategy import Step, diverged_step

MOST_FIRST_RUNS = 20
"""Executions that are kept to be run again once steps are tainted."""


class MemoisedSteps:
    """The memoised steps of a model's requests.

    Attributes:
        taken: whether steps may be taken without running them; if not, runs are compared only.
        tainted: whether something has shown that they cannot be relied on.
        first_runs: the executions that were run first.
        suspect: the scenario and the requests of the steps that led to a difference, if one has shown.
        left: names of what requests have left in memory.
        to_repeat: executions in which a request left something when it was run for the first time.
        memory: what is inspected; ``None`` where requests are processes of their own.
    """

    def __init__(
        self,
        memory: ProcessMemory | None,
        make_step: MakeStep,
        perform: Perform,
        stored: Stored,
        *,
        taken: bool = True,
    ) -> None:
        self.taken = taken
        self.tainted = False
        self.first_runs: list[Execution] = []
        self.suspect: tuple[Scenario, tuple[int, ...]] | None = None
        self.left: dict[str, None] = {}
        self.to_repeat: list[Execution] = []
        self.memory = memory
        self._system = TransitionSystem(make_step, perform, stored)
        self._run: set[str] = set()

    def walk(self, scenario: Scenario) -> Walk:
        """An execution of a scenario that takes memoised steps."""
        return self._system.walk(scenario)

    def forget(self) -> None:
        """Forget all steps: from now on requests have other random numbers."""
        self.first_runs, self.to_repeat = [], []
        self._system.forget()

    def check(self, scenario: Scenario, steps: Sequence[Taken], known: Step, run: Step) -> None:
        """Compare the last of these steps, which were run, with the memoised one.

        Raises:
            NondeterministicHandler: it differs.
        """
        if run.observed != known.observed:
            request, _ = steps[-1]
            with self._suspecting(scenario, steps):
                raise diverged_step(len(steps) - 1, request, known, run)

    def learn(
        self,
        scenario: Scenario,
        steps: Sequence[Taken],
        responses: Mapping[int, Response],
        reads_clock: Collection[int],
    ) -> None:
        """Memoise what was run; see :meth:`TransitionSystem.learn`."""
        if not self.taken:
            self._system.trim()
            self.compare(scenario, steps, responses, reads_clock)
            return
        with self._suspecting(scenario, steps):
            self._system.learn(scenario, steps, responses, reads_clock)

    def compare(
        self,
        scenario: Scenario,
        steps: Sequence[Taken],
        responses: Mapping[int, Response],
        reads_clock: Collection[int],
    ) -> None:
        """Compare what was run, to its end or not; see :meth:`TransitionSystem.compare`."""
        with self._suspecting(scenario, steps):
            self._system.compare(scenario, steps, responses, reads_clock)

    @contextmanager
    def _suspecting(self, scenario: Scenario, steps: Sequence[Taken]) -> Iterator[None]:
        try:
            yield
        except NondeterministicHandler:
            self.tainted = True
            self.suspect = scenario, tuple(request for request, _ in steps)
            raise

    def end(self, execution: Execution) -> None:
        """Check what an execution that was run and learned has left in memory."""
        # The first run of a request may leave something: clients and caches are made when they are first needed.
        names = {str(one) for one in execution.requests}
        left = [] if self.memory is None else self.memory.changed()
        self.left.update(dict.fromkeys(left))
        if left and names <= self._run:
            self.tainted = True
        elif left:
            self.to_repeat.append(execution)
        self._run |= names
        if len(self.first_runs) < MOST_FIRST_RUNS:
            self.first_runs.append(execution)
