"""Puts simpler counterexamples in place of those that an exploration came across.

A class of schedules is run by one of them, which is seldom the one that switches least between requests, and other classes may
show the same.  So a few more schedules are run, and judged by the same oracles: whatever shows a violation that is known (the
same oracle, requests and anomaly) more clearly takes the place of the counterexample that was kept.  None is lost, and the
number of schedules that are tried is limited, so that an exploration that finds much does not take much longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from toctou.counterexample.candidates import fewer_switches
from toctou.counterexample.violation import Clarity, clarity
from toctou.execution.judging import Sighting
from toctou.history.operation import Execution
from toctou.history.schedule import Schedule

MOST = 40
"""Schedules that are tried for a scenario at most, and again for each pick."""

Shown = Callable[[Schedule], tuple[Execution, Callable[[], Mapping[object, Sighting]]] | None]
"""Runs a schedule as far as it fits; the execution, and what tells the violations it shows; ``None`` if it cannot be run."""


def simplest(kept: Mapping[object, Sighting], shown: Shown) -> dict[object, Sighting]:
    """The violations, each with the clearest counterexample that was found.

    Args:
        kept: violations of one scenario, by what makes two of them the same.
        shown: runs schedules.
    """
    found = dict(kept)
    if not found:
        return found
    longest = max((one.execution.schedule for one in found.values()), key=lambda one: one.context_switches)
    requests = len({choice.request for choice in longest.choices})
    if (
        longest.context_switches > requests
    ):  # with as many switches as requests, one interrupts another, which is a race
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
        if all(candidate.context_switches >= _clear(one)[0] and not _clear(one)[2] for one in found.values()):
            return
        outcome = shown(candidate)
        if outcome is None or outcome[0].schedule in tried:
            continue
        execution, violations = outcome
        tried.add(execution.schedule)
        if not any(clarity(execution) < _clear(one) for one in found.values()):
            continue
        for key, violation in violations().items():
            if key in found and _clear(violation) < _clear(found[key]):
                found[key] = replace(violation, occurrences=found[key].occurrences)


def _clear(violation: Sighting) -> Clarity:
    return clarity(violation.execution)
