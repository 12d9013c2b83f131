"""Replays what was found on a second backend; a difference between the two is reported, and confirms nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from toctou.counterexample.violation import Violation
from toctou.declaration.scenario import Scenario
from toctou.errors import ToctouError, contained
from toctou.execution.judges import oracles_for
from toctou.execution.judging import judged, signature
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.operation import Execution


@dataclass(frozen=True, slots=True)
class _Replay:
    """A schedule on the second backend: the execution, or the fault, and the signatures of its findings."""

    execution: Execution | None
    found: frozenset[object] = frozenset()
    fault: str = ""


def confirmed(laboratory: Laboratory, violations: Sequence[Violation], backend: str) -> tuple[Violation, ...]:
    """Violations, each with the outcome of its schedule in an open laboratory on another backend."""
    replays: list[tuple[Scenario, Execution, _Replay]] = []
    compared: list[Violation] = []
    for one in violations:
        faults: list[str] = []
        without = replace(one, difference=f"{backend}: it could not be asked")
        now = contained(
            f"the confirmation on {backend}", partial(_confirmed, laboratory, one, backend, replays), without, faults
        )
        compared.append(replace(now, faults=(*now.faults, *faults)))
    return tuple(compared)


def _confirmed(
    laboratory: Laboratory, one: Violation, backend: str, replays: list[tuple[Scenario, Execution, _Replay]]
) -> Violation:
    execution, scenario = one.execution, Scenario.of(one.execution)
    if reason := execution.schedule.unconfirmable():
        return replace(one, difference=f"{backend}: {reason}")
    # Several violations often show in one execution, which is replayed once.
    same = (known for of, first, known in replays if of == scenario and first.schedule == execution.schedule)
    replay = next(same, None)
    if replay is None:
        replay = _replay(laboratory, scenario, execution)
        replays.append((scenario, execution, replay))
    return _compared(one, replay, backend)


def _replay(laboratory: Laboratory, scenario: Scenario, execution: Execution) -> _Replay:
    try:
        again = replayed(laboratory, scenario, execution.schedule)
    except ToctouError as fault:
        return _Replay(None, fault=fault.observed)
    return _Replay(again, frozenset(map(signature, judged(again, oracles_for(laboratory, scenario)))))


def _compared(violation: Violation, replay: _Replay, backend: str) -> Violation:
    if (again := replay.execution) is None:
        return replace(violation, difference=f"{backend}: {replay.fault}")
    if signature(violation.finding) in replay.found:
        return replace(violation, confirmed_on=backend)
    for before, now in zip(violation.execution.operations, again.operations, strict=False):
        if (before.error is None) != (now.error is None) or before.changes != now.changes:
            outcome = now.error.message if now.error else "it succeeded"
            return replace(violation, difference=f"{backend}: {now.action} of {again.requests[now.request]}: {outcome}")
    return replace(violation, difference=f"{backend}: the same operations, but no such finding")
