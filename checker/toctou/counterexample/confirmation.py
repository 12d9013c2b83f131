"""Replays what was found on a second backend; a difference between the two is told, and is not taken for a confirmation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from toctou.client.backends import backend_named
from toctou.counterexample.violation import Violation
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.errors import ModelError, ToctouError
from toctou.execution.judging import judged, oracles_for, signature
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.operation import Execution
from toctou.scheduling.runner import Limits


def confirmed_on(
    model: type[Model], found: Sequence[Sequence[Violation]], backend: str, limits: Limits
) -> list[tuple[Violation, ...]]:
    """Violations of a model's scenarios, each replayed on a second backend.

    Args:
        model: the model.
        found: the violations of each scenario.
        backend: the second backend's name.
        limits: what a request may use.
    """
    try:
        with closing(backend_named(backend)) as second:
            laboratory = Laboratory(model, second, limits)
            with laboratory.opened():
                return [confirmed(laboratory, violations, backend) for violations in found]
    except ModelError as fault:  # such as an item that the second backend does not take
        difference = f"{backend}: {fault.observed}"
        return [tuple(replace(one, difference=difference) for one in violations) for violations in found]


@dataclass(frozen=True, slots=True)
class _Replay:
    """What a schedule did in an open laboratory on another backend.

    Attributes:
        execution: what happened; ``None`` if it could not be run.
        found: what the oracles found, by signature.
        fault: why it could not be run.
    """

    execution: Execution | None
    found: frozenset[object] = frozenset()
    fault: str = ""


def confirmed(laboratory: Laboratory, violations: Sequence[Violation], backend: str) -> tuple[Violation, ...]:
    """Violations, each with what became of its schedule in an open laboratory on another backend.

    Several of them often show in one execution, which is run once for all.
    """
    replays: list[tuple[Execution, _Replay]] = []
    for execution in (one.execution for one in violations):
        if not execution.schedule.unconfirmable() and _known(replays, execution) is None:
            replays.append((execution, _replay(laboratory, execution)))
    return tuple(_compared(one, _known(replays, one.execution), backend) for one in violations)


def _known(replays: Iterable[tuple[Execution, _Replay]], execution: Execution) -> _Replay | None:
    return next(
        (
            replay
            for first, replay in replays
            if Scenario.of(first) == Scenario.of(execution) and first.schedule == execution.schedule
        ),
        None,
    )


def _replay(laboratory: Laboratory, execution: Execution) -> _Replay:
    scenario = Scenario.of(execution)
    try:
        again = replayed(laboratory, scenario, execution.schedule)
    except ToctouError as fault:
        return _Replay(None, fault=fault.observed)
    oracles = oracles_for(laboratory, scenario)
    return _Replay(again, frozenset(signature(one) for one in judged(again, oracles)))


def _compared(violation: Violation, replay: _Replay | None, backend: str) -> Violation:
    if replay is None:
        return replace(violation, difference=f"{backend}: {violation.execution.schedule.unconfirmable()}")
    if (again := replay.execution) is None:
        return replace(violation, difference=f"{backend}: {replay.fault}")
    if signature(violation.finding) in replay.found:
        return replace(violation, confirmed_on=backend)
    for before, now in zip(violation.execution.operations, again.operations, strict=False):
        if (before.error is None) != (now.error is None) or before.changes != now.changes:
            told = now.error.message if now.error else "it succeeded"
            return replace(violation, difference=f"{backend}: {now.action} of {again.requests[now.request]}: {told}")
    return replace(violation, difference=f"{backend}: the same operations, but no such finding")
