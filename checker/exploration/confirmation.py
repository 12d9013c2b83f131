"""Replays what was found on a second backend; a difference between the two is told, and is not taken for a confirmation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from checker.client.backends import backend_named
from checker.errors import ModelError, ToctouError
from checker.exploration.explorer import judged, replayed, signature
from checker.exploration.judges import oracles_of
from checker.exploration.laboratory import Laboratory
from checker.exploration.loading import LoadedModel
from checker.exploration.options import Options
from checker.exploration.result import ScenarioResult, Violation
from checker.exploration.scenario import Scenario
from checker.history.operation import Execution


def with_confirmations(
    loaded: LoadedModel, results: tuple[ScenarioResult, ...], options: Options
) -> tuple[ScenarioResult, ...]:
    """The results of one model, each violation replayed on the second backend, unless that is not wanted."""
    if not options.confirm or not any(result.violations for result in results):
        return results
    try:
        return _confirmed_all(loaded, results, options)
    except ModelError as fault:  # such as an item that the second backend does not take
        told = f"{options.second_backend}: {fault.observed}"
        return tuple(
            replace(one, violations=tuple(replace(violation, difference=told) for violation in one.violations))
            for one in results
        )


def _confirmed_all(
    loaded: LoadedModel, results: tuple[ScenarioResult, ...], options: Options
) -> tuple[ScenarioResult, ...]:
    with closing(backend_named(options.second_backend)) as backend:
        laboratory = Laboratory(loaded.model, backend, options.limits)
        with laboratory.opened():
            return tuple(
                replace(result, violations=confirmed(laboratory, result.violations, options.second_backend))
                for result in results
            )


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
        if not execution.schedule.oldest_answer and _known(replays, execution) is None:
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
    oracles = oracles_of(laboratory.model, laboratory, scenario)
    return _Replay(again, frozenset(signature(one) for one in judged(again, oracles)))


def _compared(violation: Violation, replay: _Replay | None, backend: str) -> Violation:
    if replay is None:
        return replace(violation, difference=f"{backend}: it never returns a stale answer, so it was not asked")
    if (again := replay.execution) is None:
        return replace(violation, difference=f"{backend}: {replay.fault}")
    if signature(violation.finding) in replay.found:
        return replace(violation, confirmed_on=backend)
    for before, now in zip(violation.execution.operations, again.operations, strict=False):
        if (before.error is None) != (now.error is None) or before.changes != now.changes:
            told = now.error.message if now.error else "it succeeded"
            return replace(violation, difference=f"{backend}: {now.action} of {again.requests[now.request]}: {told}")
    return replace(violation, difference=f"{backend}: the same operations, but no such finding")
