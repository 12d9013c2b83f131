"""What can be concluded from an exploration, and the one function that may say VERIFIED.

A pass is a claim with evidence.  :func:`certify` is the only producer of ``Verdict.VERIFIED`` in the project, enforced by an
architecture test; all other code passes it :class:`Evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    """The three possible conclusions."""

    VERIFIED = "VERIFIED"
    VIOLATED = "VIOLATED"
    INCONCLUSIVE = "INCONCLUSIVE"


class StopReason(StrEnum):
    """Why an exploration ended before it could verify."""

    MAX_SCHEDULES = "max_schedules"
    MAX_SECONDS = "max_seconds"
    INTERRUPTED = "interrupted"
    SAMPLED = "sampled"  # a random strategy cannot show that it has seen every class of schedules
    BOUNDED = "bounded"
    NONDETERMINISTIC = "nondeterministic"
    SHARED_MEMORY = "shared_memory"  # requests share more than DynamoDB, which may hide a race between processes
    OPERATION_LIMIT = "operation_limit"
    SILENT_HANDLER = "silent_handler"
    OUTSIDE_CONTROL = "outside_control"
    UNSUPPORTED_ACTION = "unsupported_action"
    SERVICE_CRASHED = "service_crashed"
    TOOL_MISSING = "tool_missing"
    NOT_SET_UP = "not_set_up"  # a handler fails for want of what only a deployment, or the model, can make
    WORKER_LOST = "worker_lost"
    INTERNAL_ERROR = "internal_error"  # a fault of toctou itself
    REFUSED = "refused"  # an invalid model, noticed only while it was explored
    NEVER_WRITES = "never_writes"  # without a write there is nothing to race for: a pass would be vacuous
    NEVER_CALLED = "never_called"  # it answered without a call to DynamoDB, so nothing was raced for
    NOT_REACHED = "not_reached"  # no request of a handler, of an argument's value, or of an operation was accepted
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
    """The evidence of one exploration.

    Attributes:
        schedules: complete executions.
        coverage: what was executed of the stated scope.
        replayed: executions that gave the same history when run a second time.
        violations: findings that a second execution has reproduced.
        stop_reason: why exploration ended early; ``None`` if nothing cut it short.
        vacuous: what some handler has done in no schedule, so that a pass would say nothing of it; ``None`` if there is none.
    """

    schedules: int
    coverage: Coverage
    replayed: int
    violations: int
    stop_reason: StopReason | None
    vacuous: StopReason | None = None
    shares_memory: bool = False
    leaves_undone: bool = False


def certify(evidence: Evidence) -> tuple[Verdict, StopReason | None]:
    """Turn evidence into a verdict and, if it is ``INCONCLUSIVE``, its reason.

    ``VERIFIED`` needs at least one schedule, complete coverage without an early end, at least one execution replayed with the
    same history, no violation, no memory that requests share, nothing left undone,
    and no handler that a pass would say nothing of.
    """
    # A violation comes first: it is proof by itself, however incomplete the exploration was.
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
    if evidence.leaves_undone:
        return Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL
    if evidence.shares_memory:
        return Verdict.INCONCLUSIVE, StopReason.SHARED_MEMORY
    if evidence.vacuous is not None:
        return Verdict.INCONCLUSIVE, evidence.vacuous
    return Verdict.VERIFIED, None
