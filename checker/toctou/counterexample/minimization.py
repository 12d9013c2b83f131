"""Replaces the counterexamples of an exploration by simpler ones.

A class of schedules is run by one of them, which seldom has the fewest context switches.  So a few more schedules are run, and
one that shows a known violation more clearly replaces its counterexample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from toctou.counterexample.candidates import fewer_switches
from toctou.counterexample.violation import clarity
from toctou.execution.judging import Sighting
from toctou.history.operation import Execution
from toctou.history.schedule import Schedule

MOST = 40
"""Schedules that are tried at most for a scenario, and for each round of simpler picks."""

Shown = Callable[[Schedule], tuple[Execution, Callable[[], Mapping[object, Sighting]]] | None]
"""Runs a schedule as far as it fits; returns the execution and a function that judges it; ``None`` if it cannot be run."""


def simplest(kept: Mapping[object, Sighting], shown: Shown) -> dict[object, Sighting]:
    """The violations of one scenario, by identity, each with the clearest counterexample that was found."""
    found = dict(kept)
    if not found:
        return found
    longest = max((one.execution.schedule for one in found.values()), key=lambda one: one.context_switches)
    requests = len({choice.request for choice in longest.choices})
    # With as many switches as requests, one request interrupts another, which is the least that a race needs.
    if longest.context_switches > requests:
        _improve(found, fewer_switches(longest), shown)
    for key in kept:
        while found[key].execution.schedule.weight:
            before = clarity(found[key].execution)
            _improve(found, found[key].execution.schedule.simpler_picks(), shown)
            if clarity(found[key].execution) == before:
                break
    return found


def _improve(found: dict[object, Sighting], candidates: Iterable[Schedule], shown: Shown) -> None:
    tried: set[Schedule] = set()
    for candidate, _ in zip(candidates, range(MOST), strict=False):
        clearest = [clarity(one.execution) for one in found.values()]
        if all(candidate.context_switches >= switches and not weight for switches, _, weight in clearest):
            return
        outcome = shown(candidate)
        if outcome is None or outcome[0].schedule in tried:
            continue
        execution, violations = outcome
        tried.add(execution.schedule)
        if not any(clarity(execution) < one for one in clearest):
            continue
        for key, violation in violations().items():
            if key in found and clarity(violation.execution) < clarity(found[key].execution):
                found[key] = replace(violation, occurrences=found[key].occurrences)
