"""The memoised steps of a laboratory (:mod:`toctou.execution.transition_system`), and whether they can be relied on.

They are tainted once a step that was run differs from what was memoised, or has left something in memory
(:mod:`toctou.execution.process_memory`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from toctou.declaration.model import Model
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
        tainted: whether something has shown that they cannot be relied on.
        first_runs: the executions that were run first.
    """

    def __init__(self, model: type[Model], make_step: MakeStep, perform: Perform, stored: Stored) -> None:
        self.tainted = False
        self.first_runs: list[Execution] = []
        self._system = TransitionSystem(make_step, perform, stored)
        self._memory = ProcessMemory(model)

    def walk(self, scenario: Scenario) -> Walk:
        """An execution of a scenario that takes memoised steps."""
        return self._system.walk(scenario)

    def forget(self) -> None:
        """Forget all steps: from now on requests have other random numbers."""
        self.first_runs = []
        self._system.forget()

    def begin(self, instance: Model) -> None:
        """Prepare for an execution that is about to be run."""
        self._memory.begin(instance)

    def check(self, depth: int, request: int, known: Step, run: Step) -> None:
        """Compare a step that was run, after ``depth`` others, with the memoised one.

        Raises:
            NondeterministicHandler: it differs.
        """
        if run.observed != known.observed:
            self.tainted = True
            raise diverged_step(depth, request, known, run)

    def learn(
        self,
        scenario: Scenario,
        steps: Sequence[Taken],
        responses: Mapping[int, Response],
        reads_clock: Collection[int],
    ) -> None:
        """Memoise what was run; see :meth:`TransitionSystem.learn`."""
        try:
            self._system.learn(scenario, steps, responses, reads_clock)
        except NondeterministicHandler:
            self.tainted = True
            raise

    def end(self, execution: Execution) -> None:
        """Check what an execution that was run and learned has left in memory."""
        # The first one may leave something: clients and caches are made when they are first needed.
        if self._memory.changed() and self.first_runs:
            self.tainted = True
        if len(self.first_runs) < MOST_FIRST_RUNS:
            self.first_runs.append(execution)
