"""What a laboratory knows of steps, and whether it may rely on that.

Steps are known from executions that were run (:mod:`toctou.execution.transition_system`).  They are no longer relied on once
something that was run differs from what was known, or has left something behind in memory
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
from toctou.scheduling.strategies.exhaustive import diverged_step
from toctou.scheduling.strategies.strategy import Step

MOST_FIRST_RUNS = 20
"""Executions that are kept to be run again once there is doubt."""


class MemoisedSteps:
    """The steps of a model's requests, as far as they are known.

    Args:
        model: the model.
        make_step: see :class:`TransitionSystem`, like the others.
        perform: performs a call after others.
        stored: what is stored after some.

    Attributes:
        tainted: whether they cannot be relied on, as far as has been seen.
        first_runs: the executions that were run first.
    """

    def __init__(self, model: type[Model], make_step: MakeStep, perform: Perform, stored: Stored) -> None:
        self.tainted = False
        self.first_runs: list[Execution] = []
        self._system = TransitionSystem(make_step, perform, stored)
        self._memory = ProcessMemory(model)

    def walk(self, scenario: Scenario) -> Walk:
        """An execution of a scenario that takes known steps."""
        return self._system.walk(scenario)

    def forget(self) -> None:
        """Requests have other random numbers from now on."""
        self.first_runs = []
        self._system.forget()

    def begin(self, instance: Model) -> None:
        """An execution is about to be run."""
        self._memory.begin(instance)

    def check(self, depth: int, request: int, known: Step, run: Step) -> None:
        """Hold a step that was run, after so many others, against what was known of it.

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
        """Take in what was run; see :meth:`TransitionSystem.learn`."""
        try:
            self._system.learn(scenario, steps, responses, reads_clock)
        except NondeterministicHandler:
            self.tainted = True
            raise

    def end(self, execution: Execution) -> None:
        """An execution that was begun and run has been taken in.

        The first one may leave something behind: many things are made when they are first needed.
        """
        if self._memory.changed() and self.first_runs:
            self.tainted = True
        if len(self.first_runs) < MOST_FIRST_RUNS:
            self.first_runs.append(execution)
