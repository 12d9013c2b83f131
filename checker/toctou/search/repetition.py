"""Runs again what counts as evidence: each counterexample, simplified and completed, and the first schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from toctou.counterexample.candidates import Following
from toctou.counterexample.minimization import simplest
from toctou.counterexample.presentation import presented, tracked
from toctou.errors import NondeterministicHandler, ToctouError, UncontrolledHandler, contained
from toctou.execution.judges import oracles_for
from toctou.execution.judging import Sighting, judged, sightings, signature
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import different, replayed, replayed_alike
from toctou.history.finding import Finding
from toctou.history.operation import Execution
from toctou.history.schedule import Schedule
from toctou.search.exploration import Exploration


def repeat(laboratory: Laboratory, exploration: Exploration, backend: str) -> None:
    """Run every counterexample and the first schedule again, and keep the counterexamples.

    Raises:
        UncontrolledHandler: the history differs.
    """
    scenario, tally = exploration.work_item.scenario, exploration.tally
    counted, faults = _counted(exploration), list[str]()
    simpler = partial(simplest, counted, partial(_shown, laboratory, exploration))
    kept = contained("the search for a simpler counterexample", simpler, counted, faults)
    # The sequential runs are evidence too: they are what an execution is blamed for differing from.
    oracles = oracles_for(laboratory, scenario, afresh=True)
    for key, sighting in kept.items():
        again = replayed_alike(laboratory, scenario, sighting.execution)
        # Of one oracle and the same requests there may be several: an operation may change two items that are another's.
        alike = [one for one in judged(again, oracles) if signature(one) == signature(sighting.finding)]
        if sighting.finding not in alike:
            raise _not_repeated(sighting.finding, next(iter(alike), None))
        own = list(faults)
        smallest = partial(_with_small_arguments, laboratory, key, sighting, exploration)
        smaller = contained("the search for a counterexample with smaller arguments", smallest, sighting, own)
        violation = presented(laboratory, smaller, backend)
        tally.kept[key] = replace(violation, faults=(*own, *violation.faults))
        tally.replayed += 1
    if exploration.first is not None:
        replayed_alike(laboratory, scenario, exploration.first)
        tally.replayed += 1
        _see_uses(laboratory, exploration, exploration.first)


def _see_uses(laboratory: Laboratory, exploration: Exploration, first: Execution) -> None:
    """Have it noted what a request that runs alone looks at in what it has read, if it then writes without a condition on it."""
    begins = exploration.work_item.before == 0  # however many processes explore it
    if begins and len(first.requests) == 1 and exploration.tally.accesses.windows:
        again = contained("the record of what a handler accessed", lambda: tracked(laboratory, first), first, [])
        exploration.observer.see_uses(again)


def _not_repeated(first: Finding, second: Finding | None) -> NondeterministicHandler:
    if second is None:
        return different(first.statement, "no such finding, against the same requests run one after the other again")
    closest = [one.closest and one.closest.contradiction for one in (first, second)]
    before, now = closest if first.statement == second.statement else (first.statement, second.statement)
    return different(f"{before}", f"{now}")


def _counted(exploration: Exploration) -> dict[object, Sighting]:
    """Sightings that are not kept yet, counted together with those of earlier work items."""
    tally, earlier = exploration.tally, exploration.sighted
    sighted, tally.sighted = tally.sighted, {}
    if earlier and sighted:
        tally.decided = frozenset(earlier)
        sighted = {**earlier, **sighted}
        for key in tally.decided:
            since = tally.repeated.pop(key, 0) if sighted[key] is earlier[key] else sighted[key].occurrences
            sighted[key] = replace(sighted[key], occurrences=earlier[key].occurrences + since)
    exploration.sighted = sighted or {
        key: replace(one, occurrences=one.occurrences + tally.repeated[key]) for key, one in earlier.items()
    }
    return sighted


def _shown(
    laboratory: Laboratory, exploration: Exploration, schedule: Schedule
) -> tuple[Execution, Callable[[], dict[object, Sighting]]] | None:
    """See :data:`toctou.counterexample.minimization.Shown`."""
    following = Following(schedule)
    following.begin()
    try:
        execution = laboratory.execute(exploration.work_item.scenario, following)
    except UncontrolledHandler:
        return None
    assert execution is not None  # noqa: S101 - `Following` prunes nothing
    return execution, lambda: dict(sightings(execution, exploration.oracles))


def _with_small_arguments(
    laboratory: Laboratory, key: object, sighting: Sighting, exploration: Exploration
) -> Sighting:
    """The sighting in a represented scenario that has smaller arguments, if there is one."""
    smaller = exploration.renamed.smaller()
    if smaller is None:
        return sighting
    try:
        execution = replayed(laboratory, smaller, sighting.execution.schedule)
        found = dict(sightings(execution, oracles_for(laboratory, smaller))).get(key, sighting)
    except ToctouError:
        return sighting
    return replace(found, occurrences=sighting.occurrences)
