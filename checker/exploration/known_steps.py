"""What a laboratory knows of steps, and whether it may rely on that.

Steps are known from executions that were run (:mod:`checker.exploration.transition_system`).  They are no longer relied on once
something that was run differs from what was known, or has left something behind in memory
(:mod:`checker.exploration.process_memory`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from checker.errors import NondeterministicHandler
from checker.exploration.model import Model
from checker.exploration.process_memory import ProcessMemory
from checker.exploration.scenario import Scenario
from checker.exploration.transition_system import MakeStep, Perform, Stored, Taken, TransitionSystem, Walk
from checker.history.operation import Execution
from checker.history.request import Response
from checker.scheduling.strategies.exhaustive import diverged_step
from checker.scheduling.strategies.strategy import Step

MOST_LESSONS = 20
"""Executions that are kept to be run again once there is doubt."""


class KnownSteps:
    """The steps of a model's requests, as far as they are known.

    Args:
        model: the model.
        make_step: see :class:`TransitionSystem`, like the others.
        perform: performs a call after others.
        stored: what is stored after some.

    Attributes:
        doubted: whether they cannot be relied on, as far as has been seen.
        lessons: the executions that were run first.
    """

    def __init__(self, model: type[Model], make_step: MakeStep, perform: Perform, stored: Stored) -> None:
        self.doubted = False
        self.lessons: list[Execution] = []
        self._system = TransitionSystem(make_step, perform, stored)
        self._memory = ProcessMemory(model)

    def walk(self, scenario: Scenario) -> Walk:
        """An execution of a scenario that takes known steps."""
        return self._system.walk(scenario)

    def forget(self) -> None:
        """Requests have other random numbers from now on."""
        self.lessons = []
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
            self.doubted = True
            raise diverged_step(depth, request, known, run)

    def learn(
        self,
        scenario: Scenario,
        steps: Sequence[Taken],
        responses: Mapping[int, Response],
        personal: Collection[int],
    ) -> None:
        """Take in what was run; see :meth:`TransitionSystem.learn`."""
        try:
            self._system.learn(scenario, steps, responses, personal)
        except NondeterministicHandler:
            self.doubted = True
            raise

    def end(self, execution: Execution) -> None:
        """An execution that was begun and run has been taken in.

        The first one may leave something behind: many things are made when they are first needed.
        """
        if self._memory.changed() and self.lessons:
            self.doubted = True
        if len(self.lessons) < MOST_LESSONS:
            self.lessons.append(execution)
