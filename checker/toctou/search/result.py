"""What an exploration returns: one result per scenario, per model and per run."""

from __future__ import annotations

from dataclasses import dataclass

from toctou.counterexample.violation import Violation
from toctou.history.request import Request
from toctou.search.coverage import ModelCoverage
from toctou.verdict import StopReason, Verdict


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One scenario, explored.

    Attributes:
        verdict, stop_reason: see :func:`toctou.verdict.certify`.
        detail: for an ``INCONCLUSIVE`` scenario, why and what to do, as text for the user; else ``""``.
        schedules: executions that ran to their end, one per class of equivalent schedules under ``dpor`` and ``exhaustive``.
        redundant: executions that were begun and given up because an equivalent one had been run.
        interleavings: how many interleavings those schedules represent (the brute-force number).
        seconds: wall time.
        violations: one per distinct finding, the clearest counterexample of each.
        longest: steps of the longest execution.
        sharing: what requests were seen to share besides DynamoDB, as text for the user; else ``""``.
        isolated: whether each request had a process of its own.
        remarks: what a reader of the verdict should know besides, as sentences.
        replayed: of the first execution and the counterexamples, how many were run again and gave the same history.
        stands_for: how many scenarios it represents, itself included; the others differ by names only.
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
    sharing: str = ""
    isolated: bool = False
    remarks: tuple[str, ...] = ()
    stands_for: int = 1
    replayed: int = 0


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model, explored over every scenario of the scope.

    Attributes:
        model: how the model is named on the command line, such as ``models/delete_item.py:ReadThenDelete``.
        title: first line of the model's docstring.
        covered: one sentence saying what was explored, under which assumptions.
        unreached: for each handler that never committed a write, was never accepted, or never called DynamoDB: its name, with
            the argument's value if it is only one, and why.
        coverage: what the verdict rests on; ``None`` where a fault of ours has kept that from being concluded.
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
    coverage: ModelCoverage | None = None

    @property
    def refused(self) -> bool:
        """Whether the model turned out to be invalid while it was explored."""
        return self.stop_reason is StopReason.REFUSED

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the verdict should know besides, as sentences."""
        return tuple(sorted({remark for scenario in self.scenarios for remark in scenario.remarks}))

    @property
    def faults(self) -> tuple[str, ...]:
        """The texts of faults of toctou itself that kept scenarios from being explored, or cost parts of violations."""
        failed = [one.detail for one in self.scenarios if one.stop_reason is StopReason.INTERNAL_ERROR]
        own = [self.detail] if self.stop_reason is StopReason.INTERNAL_ERROR else []
        of_violations = [fault for one in self.violations for fault in one.faults]
        return tuple(dict.fromkeys([*own, *failed, *of_violations]))

    @property
    def schedules(self) -> int:
        """Executions over all scenarios."""
        return sum(scenario.schedules for scenario in self.scenarios)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every violation, in the order of the scenarios."""
        return tuple(violation for scenario in self.scenarios for violation in scenario.violations)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a run has taken from a journal instead of exploring it.

    Attributes:
        file: the journal, as named on the command line.
        written: when it was last written, in UTC: ``2026-01-31 12:00``.
        work_items, scenarios, schedules: how many work items, complete scenarios and schedules were in it.
    """

    file: str
    written: str
    work_items: int
    scenarios: int
    schedules: int

    def __str__(self) -> str:
        return (
            f"{self.schedules:,} schedules were not run again, all of {self.scenarios:,} scenarios among them: their results "
            f"were stored in {self.file}, last written {self.written} UTC"
        )


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything that one command explored.

    Attributes:
        backend, strategy: names as on the command line.
        requests: the scope: how many requests run concurrently at most.
        seed: seed of the random strategy.
        reads: how many versions an eventually consistent read could return, the newest included; 1 for strong reads.
        faults: texts of faults of toctou itself that are no single model's.
        stored: what was taken from a journal; ``None`` if nothing was.
    """

    models: tuple[ModelResult, ...]
    backend: str
    strategy: str
    requests: int
    seed: int
    seconds: float = 0.0
    reads: int = 1
    faults: tuple[str, ...] = ()
    stored: Stored | None = None
