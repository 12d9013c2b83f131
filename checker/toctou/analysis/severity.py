"""Decides how severe a violation is: two tables, what it does and what it takes, and the sum that makes a level of them.

The vector says where the level comes from, so that the number can be checked:

    impact:destroys-others-data/principals:2/preemptions:1/preconditions:none

The first row of ``IMPACTS`` that fits gives the base; ``EASE`` takes something off for each thing that has to come together
for it.  It considers one execution only; how likely a service is to run into it is not known.

Sources:

* The split into what an attacker gains and what it takes, and the levels' limits (9, 7 and 4 of 10), are those of CVSS:
  FIRST, *Common Vulnerability Scoring System v3.1: Specification*, sections 2 and 5, https://www.first.org/cvss/v3.1/.
  The numbers are our own, since CVSS knows neither principals who race nor schedules.
* Integrity of others' data above one's own: CWE-639 (access with another user's key) and CWE-862 (missing authorization).
* Few preemptions suffice for most faults, so one is hardly a hindrance: Musuvathi and Qadeer, *Iterative context bounding
  for systematic testing of multithreaded programs*, PLDI 2007.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from toctou.analysis.explanation import Explanation
from toctou.history.finding import Finding
from toctou.history.footprint import EdgeKind
from toctou.history.operation import Execution


class Level(StrEnum):
    """How severe, most severe first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


LIMITS: Sequence[tuple[float, Level]] = (
    (9.0, Level.CRITICAL),
    (7.0, Level.HIGH),
    (4.0, Level.MEDIUM),
    (0.0, Level.LOW),
)
"""The lowest score of each level."""


@dataclass(frozen=True, slots=True)
class Severity:
    """How severe a violation is, and why.

    Attributes:
        score: from 0.1 to 10, one decimal.
        vector: the facts that the score was made of; see the module's text.
    """

    level: Level
    score: float
    vector: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the tables judge."""

    execution: Execution
    finding: Finding
    explanation: Explanation

    def principals(self) -> int:
        """How many principals act in the execution."""
        return len({request.principal for request in self.execution.requests})

    def preemptions(self) -> int:
        """How often the schedule leaves a request that has not ended for another one."""
        choices = [choice.request for choice in self.execution.schedule.choices]
        return sum(
            one != choices[at + 1] and one in choices[at + 1 :]
            for at, one in enumerate(choices)
            if at + 1 < len(choices)
        )

    def needs_stale_read(self) -> bool:
        """Whether a read of the argument returned what had been overwritten before it was made."""
        return any(
            edge.kind is EdgeKind.RW and edge.earlier > edge.later
            for edge in (*self.explanation.edges, *self.explanation.cycle)
        )

    def needs_fault(self) -> bool:
        """Whether the service failed for reasons of its own."""
        return any(one.error is not None and one.error.code in SERVICE_FAULTS for one in self.execution.operations)

    def wrong_changes(self) -> list[bool]:
        """For each item that the wrong operations changed, whether it is gone."""
        return [
            change.after is None for at in self.finding.operations for change in self.execution.operations[at].changes
        ]

    def answers_wrongly(self) -> bool:
        """Whether only what was read, or answered, is wrong, as far as the execution shows."""
        alone = self.explanation.anomaly == "not_a_race" and self.finding.oracle == "linearizability"
        return alone or self.explanation.anomaly in _OF_ANSWERS

    def loses_anothers_update(self) -> bool:
        """Whether the update that was overwritten had been made for another principal."""
        if self.explanation.anomaly not in {"lost_update", "aba"} or not self.explanation.cycle:
            return False
        last = self.explanation.cycle[-1]
        requests = (self.execution.operations[at].request for at in (last.earlier, last.later))
        return len({self.execution.requests[one].principal for one in requests}) > 1


_OF_ANSWERS = frozenset({"read_skew", "non_repeatable_read", "dirty_read", "stale_read", "outdated_answer"})

SERVICE_FAULTS = frozenset(
    {
        "InternalServerError",
        "ItemCollectionSizeLimitExceededException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""Error codes that are not the handler's doing: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""


@dataclass(frozen=True, slots=True)
class Impact:
    """One thing a violation does.

    Attributes:
        name: its value in the vector.
        base: score of the violation if it took nothing.
    """

    name: str
    base: float
    meaning: str
    fits: Callable[[Scene], bool]


def _anomaly(*names: str) -> Callable[[Scene], bool]:
    return lambda scene: scene.explanation.anomaly in names


def _oracle(name: str) -> Callable[[Scene], bool]:
    return lambda scene: scene.finding.oracle == name


IMPACTS: Sequence[Impact] = (
    Impact(
        "destroys-others-data",
        10.0,
        "an item that belonged to another principal was deleted: the check that should have stopped it was bypassed",
        lambda scene: scene.finding.oracle == "ownership" and any(scene.wrong_changes()),
    ),
    Impact(
        "changes-others-data",
        9.0,
        "an item that belonged to another principal was changed: the check that should have stopped it was bypassed",
        _oracle("ownership"),
    ),
    Impact("breaks-invariant", 7.0, "a rule of the model's own is broken", lambda scene: scene.finding.own),
    Impact("leaves-partial-effect", 6.5, "a failed request left some of its writes", _oracle("no_partial_effect")),
    Impact(
        "loses-anothers-update",
        7.0,
        "an update that had been made for another principal was overwritten without being read",
        Scene.loses_anothers_update,
    ),
    Impact(
        "loses-update",
        6.0,
        "an update was overwritten without being read",
        _anomaly("lost_update", "aba", "dirty_write"),
    ),
    Impact("revives-deleted-data", 7.0, "a deleted item was stored again", _anomaly("resurrection")),
    Impact("repeats-effect", 6.5, "an effect that should occur once occurred twice", _anomaly("duplicate_effect")),
    Impact(
        "refuses-with-an-error",
        3.5,
        "a write was refused, as it should be, and the request ended with an error instead of a refusal",
        _anomaly("unhandled_refusal"),
    ),
    Impact("fails", 4.0, "the request ended with an exception instead of an answer", _oracle("no_exception")),
    Impact(
        "answers-wrongly",
        4.0,
        "what was read, or answered, fits no order of the requests",
        Scene.answers_wrongly,
    ),
    Impact("fits-no-order", 6.0, "answers and stored items fit no order of the requests", _oracle("linearizability")),
    Impact(
        "replaces-unread", 5.0, "what another request had been promised was replaced without being read", lambda _: True
    ),
)
"""What a violation does; the first row that fits."""


@dataclass(frozen=True, slots=True)
class Ease:
    """One metric of what it takes.

    Attributes:
        value: its value in the vector, and what it takes off the base.
    """

    name: str
    value: Callable[[Scene], tuple[str, float]]
    words: Callable[[str], str]


def _counted(count: int, *costs: float) -> tuple[str, float]:
    """A count with its cost; ``costs`` are for 0, 1, 2, …, the last one for everything above too."""
    return str(count), costs[min(count, len(costs) - 1)]


def _preconditions(scene: Scene) -> tuple[str, float]:
    if scene.needs_fault():
        return "fault", 1.5
    return ("stale-read", 1.0) if scene.needs_stale_read() else ("none", 0.0)


_PRECONDITIONS = {"stale-read": "a read has to return a stale result", "fault": "the service has to fail", "none": ""}

EASE: Sequence[Ease] = (
    # one principal can send concurrent requests at will; a second principal has to act at the right moment
    Ease(
        "principals",
        lambda scene: _counted(scene.principals(), 0.0, 0.0, 0.5, 1.0),
        lambda value: f"{value} principals have to act at the same time",
    ),
    # one interruption is a matter of trying often; each further one has to hit as well
    Ease(
        "preemptions",
        lambda scene: _counted(scene.preemptions(), 0.0, 0.5, 1.0, 1.5),
        lambda value: f"another request has to come in between {'once' if value == '1' else f'{value} times'}",
    ),
    # the service has to help: a throttled call, or a replica that lags
    Ease("preconditions", _preconditions, _PRECONDITIONS.__getitem__),
)
"""What it takes; every row counts."""


def severity(execution: Execution, finding: Finding, explanation: Explanation) -> Severity:
    """How severe it is that this execution was possible."""
    scene = Scene(execution, finding, explanation)
    impact = next(one for one in IMPACTS if one.fits(scene))
    metrics = [(one.name, *one.value(scene)) for one in EASE]
    costs = [
        f"−{cost:g} because {one.words(value)}" for one, (_, value, cost) in zip(EASE, metrics, strict=True) if cost
    ]
    score = round(max(impact.base - sum(cost for _, _, cost in metrics), 0.1), 1)
    return Severity(
        level=level_of(score),
        score=score,
        vector="/".join([f"impact:{impact.name}", *(f"{name}:{value}" for name, value, _ in metrics)]),
        meaning=", ".join([f"{impact.meaning} ({impact.base:g} of 10)", *costs]),
    )


def scale() -> str:
    """The limits of the levels, in words: ``critical from 9, high from 7, medium from 4``."""
    return ", ".join(f"{level} from {limit:g}" for limit, level in LIMITS if limit)


def level_of(score: float) -> Level:
    """The level that a score falls into."""
    return next(level for limit, level in LIMITS if score >= limit)
