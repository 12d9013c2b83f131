"""Replays what was found on a second backend; a difference between the two is told, and is not taken for a confirmation."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from checker.client.backends import backend_named
from checker.errors import ModelError, ToctouError
from checker.exploration.explorer import judged, replayed, signature
from checker.exploration.judges import oracles_of
from checker.exploration.laboratory import Laboratory
from checker.exploration.loading import LoadedModel
from checker.exploration.options import Options
from checker.exploration.result import ScenarioResult, Violation
from checker.exploration.scenario import Scenario


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
                replace(
                    result,
                    violations=tuple(
                        confirmed(laboratory, Scenario(violation.execution.requests), violation, options.second_backend)
                        for violation in result.violations
                    ),
                )
                for result in results
            )


def confirmed(laboratory: Laboratory, scenario: Scenario, violation: Violation, backend: str) -> Violation:
    """The violation, with what became of its schedule in an open laboratory on another backend."""
    if violation.execution.schedule.oldest_answer:
        return replace(violation, difference=f"{backend}: it never returns a stale answer, so it was not asked")
    try:
        again = replayed(laboratory, scenario, violation.execution.schedule)
    except ToctouError as fault:
        return replace(violation, difference=f"{backend}: {fault.observed}")
    found = {signature(one) for one in judged(again, oracles_of(laboratory.model, laboratory, scenario))}
    if signature(violation.finding) in found:
        return replace(violation, confirmed_on=backend)
    for before, now in zip(violation.execution.operations, again.operations, strict=False):
        if (before.error is None) != (now.error is None) or before.changes != now.changes:
            told = now.error.message if now.error else "it succeeded"
            return replace(violation, difference=f"{backend}: {now.action} of {scenario.requests[now.request]}: {told}")
    return replace(violation, difference=f"{backend}: the same operations, but no such finding")
