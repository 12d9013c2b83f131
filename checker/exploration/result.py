"""What an exploration returns: one result per scenario, per model and per run."""

from __future__ import annotations

from dataclasses import dataclass

from checker.analysis.cause import Cause, cause
from checker.analysis.explanation import Explanation
from checker.analysis.severity import Severity, severity
from checker.history.finding import Finding
from checker.history.operation import Execution
from checker.history.request import Request
from checker.verdict import StopReason, Verdict


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding with its counterexample, before anybody has explained it, which takes longer than running the schedule.

    Attributes:
        finding, execution, occurrences: see :class:`Violation`.
    """

    finding: Finding
    execution: Execution
    occurrences: int = 1


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding with its counterexample and its explanation.

    Attributes:
        finding: what is wrong.
        explanation: why it should not have been possible.
        execution: the counterexample; its schedule reproduces it.
        found_on: name of the backend it was found on.
        confirmed_on: name of the second backend on which the same schedule gave the same finding; ``None`` if it was not
            confirmed.
        difference: where the second backend behaved differently; ``""`` if it did not, or was not asked.
        occurrences: schedules of the scenario that showed the same finding.
    """

    finding: Finding
    explanation: Explanation
    execution: Execution
    found_on: str
    confirmed_on: str | None = None
    difference: str = ""
    occurrences: int = 1

    @property
    def severity(self) -> Severity:
        """How severe it is."""
        return severity(self.execution, self.finding, self.explanation)

    @property
    def cause(self) -> Cause:
        """What it comes from; the same for every violation that one change of a handler would mend."""
        return cause(self.execution, self.finding, self.explanation)


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One scenario, explored.

    Attributes:
        requests: the concurrent requests.
        verdict, stop_reason: see :func:`checker.verdict.certify`.
        detail: for an ``INCONCLUSIVE`` scenario, the text that tells a person why and what to do; else ``""``.
        schedules: executions that ran to their end, one per class of equivalent schedules under ``dpor`` and ``exhaustive``.
        redundant: executions that were begun and given up because an equivalent one had been run.
        interleavings: how many interleavings those schedules stand for (the brute-force number).
        seconds: wall time.
        violations: one per distinct finding, the clearest counterexample of each.
        longest: steps of the longest execution.
        stands_for: how many scenarios it stands for, itself included; the others differ by names only.
    """

    requests: tuple[Request, ...]
    verdict: Verdict
    stop_reason: StopReason | None
    detail: str
    schedules: int
    redundant: int
    interleavings: int
    seconds: float
    violations: tuple[Violation, ...]
    longest: int = 0
    stands_for: int = 1


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model, explored over every scenario of the scope.

    Attributes:
        model: how the model is named on the command line, such as ``models/delete_item.py:ReadThenDelete``.
        title: first line of the model's docstring.
        covered: one sentence saying what was explored, under which assumptions.
        unreached: for each handler that never committed a write: its name and why.
    """

    model: str
    title: str
    verdict: Verdict
    stop_reason: StopReason | None
    detail: str
    covered: str
    scenarios: tuple[ScenarioResult, ...]
    seconds: float
    unreached: tuple[tuple[str, str], ...] = ()

    @property
    def refused(self) -> bool:
        """Whether it turned out to be wrong while it was explored, so that exploring ended there."""
        return self.stop_reason is StopReason.REFUSED

    @property
    def schedules(self) -> int:
        """Executions over all scenarios."""
        return sum(scenario.schedules for scenario in self.scenarios)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every violation, in the order of the scenarios."""
        return tuple(violation for scenario in self.scenarios for violation in scenario.violations)


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything that one command explored.

    Attributes:
        models: in the order of the targets.
        backend, strategy: names as on the command line.
        requests: the scope: how many requests run concurrently at most.
        seed: seed of the random strategy.
        reads: how many versions a weak read could return, the newest included; 1 for strong reads.
    """

    models: tuple[ModelResult, ...]
    backend: str
    strategy: str
    requests: int
    seed: int
    seconds: float = 0.0
    reads: int = 1
