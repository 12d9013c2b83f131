"""What may be concluded from an exploration, and the one function that may say VERIFIED.

A pass is a claim with evidence.  :func:`certify` is the only producer of ``Verdict.VERIFIED`` in the project (an
architecture test holds it to that); everything else hands it :class:`Evidence` and takes the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    """The three answers."""

    VERIFIED = "VERIFIED"
    VIOLATED = "VIOLATED"
    INCONCLUSIVE = "INCONCLUSIVE"


class StopReason(StrEnum):
    """Why an exploration ended before it could verify."""

    MAX_SCHEDULES = "max_schedules"
    MAX_SECONDS = "max_seconds"
    INTERRUPTED = "interrupted"
    SAMPLED = "sampled"
    BOUNDED = "bounded"
    NONDETERMINISTIC = "nondeterministic"
    OPERATION_LIMIT = "operation_limit"
    SILENT_HANDLER = "silent_handler"
    OUTSIDE_CONTROL = "outside_control"
    UNSUPPORTED_ACTION = "unsupported_action"
    SERVICE_CRASHED = "service_crashed"
    TOOL_MISSING = "tool_missing"
    WORKER_LOST = "worker_lost"
    REFUSED = "refused"
    NEVER_WRITES = "never_writes"
    NOT_REACHED = "not_reached"
    TAKES_PART = "takes_part"
    UNCONFIRMED = "unconfirmed"
    NOTHING_EXPLORED = "nothing_explored"


class Coverage(IntEnum):
    """What an exploration has run of its scope; of two parts of a scope, the lesser."""

    NOTHING = 0
    """No more can be said than that some schedules were run."""
    BOUND = 1
    """Every schedule within the bound that the strategy states."""
    EVERYTHING = 2
    """Every class of equivalent schedules."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one exploration has to show.

    Attributes:
        schedules: executions that ran to their end.
        coverage: what was executed of the stated scope.
        replayed: executions that were run a second time and gave the same history.
        violations: findings of the oracles that a second execution has reproduced.
        stop_reason: why exploration ended early; ``None`` if nothing cut it short.
        unreached: handlers that never committed a write in any schedule although they are not declared read-only.
    """

    schedules: int
    coverage: Coverage
    replayed: int
    violations: int
    stop_reason: StopReason | None
    unreached: tuple[str, ...] = ()


def certify(evidence: Evidence) -> tuple[Verdict, StopReason | None]:
    """Turn evidence into a verdict and, where it is ``INCONCLUSIVE``, its reason.

    ``VERIFIED`` needs all of: at least one schedule, complete coverage, nothing that cut the exploration short, at
    least one execution that was replayed with the same history, no violation, and no handler without a write.
    """
    if evidence.violations:
        return Verdict.VIOLATED, evidence.stop_reason
    if evidence.stop_reason is not None:
        return Verdict.INCONCLUSIVE, evidence.stop_reason
    if evidence.schedules == 0:
        return Verdict.INCONCLUSIVE, StopReason.NOTHING_EXPLORED
    if evidence.coverage is not Coverage.EVERYTHING:
        bounded = evidence.coverage is Coverage.BOUND
        return Verdict.INCONCLUSIVE, StopReason.BOUNDED if bounded else StopReason.SAMPLED
    if evidence.replayed == 0:
        return Verdict.INCONCLUSIVE, StopReason.NONDETERMINISTIC
    if evidence.unreached:
        return Verdict.INCONCLUSIVE, StopReason.NEVER_WRITES
    return Verdict.VERIFIED, None
