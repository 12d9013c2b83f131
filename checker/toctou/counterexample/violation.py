"""A finding with its counterexample, its explanation, and its confirmation on a second backend."""

from __future__ import annotations

from dataclasses import dataclass

from toctou.analysis.cause import Cause, cause
from toctou.analysis.edits import Attempt
from toctou.analysis.explanation import Explanation
from toctou.analysis.severity import Severity, severity
from toctou.history.finding import Finding
from toctou.history.operation import Execution

Clarity = tuple[int, int, int]
"""The smaller, the easier a counterexample is to follow."""


def clarity(execution: Execution) -> Clarity:
    """Context switches, operations, and weight of the picks."""
    schedule = execution.schedule
    return schedule.context_switches, len(execution.operations), schedule.weight


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding with its counterexample and its explanation.

    Attributes:
        execution: the counterexample; its schedule reproduces it.
        found_on: name of the backend it was found on.
        confirmed_on: name of the second backend on which the same schedule gave the same finding; ``None`` if none did.
        difference: where the second backend behaved differently; ``""`` if it did not, or was not used.
        occurrences: schedules of the scenario that showed the same finding.
        faults: texts of the faults of toctou itself that cost a part of this, such as the explanation.
        remedy: what may fix it, and what came of trying it; ``None`` until it has been looked for, or if there is nothing.
        attempts: what was tried before, and did not remove it.
    """

    finding: Finding
    explanation: Explanation
    execution: Execution
    found_on: str
    confirmed_on: str | None = None
    difference: str = ""
    occurrences: int = 1
    faults: tuple[str, ...] = ()
    remedy: Attempt | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def severity(self) -> Severity:
        """How severe it is."""
        return severity(self.execution, self.finding, self.explanation)

    @property
    def cause(self) -> Cause:
        """What it comes from; the same for every violation that one change of a handler would fix."""
        return cause(self.execution, self.finding, self.explanation)
