"""Decides whether a race that was found once is gone: what the tests call that ``toctou report --format pytest`` writes.

The counterexample's schedule is followed first, and while an oracle objects the test fails with the explanation.  If no
oracle objects, or the schedule no longer fits because the handlers perform other operations now, every interleaving of the same
requests is explored, on the items that the model starts from now.  So a test passes because the race is gone, not because
one schedule of it is; and whatever cannot be concluded does not pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from toctou.analysis.explain import explain
from toctou.checking.check import check_scenario
from toctou.client.backends import backend_replaying
from toctou.counterexample.violation import Violation
from toctou.declaration.loading import LoadedModel, load
from toctou.declaration.scenario import Scenario
from toctou.errors import ScheduleDiverged, TargetError
from toctou.execution.judges import oracles_for
from toctou.execution.judging import judged
from toctou.execution.kept_memory import may_separate, memory_kept
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.picks.staleness import STALENESS
from toctou.history.request import Request
from toctou.history.schedule import parse_schedule
from toctou.reporting.document import violation_document
from toctou.reporting.text import render_violation
from toctou.scheduling.runner import Limits
from toctou.search.budget import Budget
from toctou.search.options import Options
from toctou.verdict import Verdict

MAX_SCHEDULES = 20_000
"""A fixed handler of a few operations has some dozens; a test that needs more is better off in ``toctou check``."""


class RaceIsBack(AssertionError):
    """The race is there, still or again; the text is the report."""


class RaceIsUndecided(AssertionError):
    """Nothing can be concluded about the race; the text says why."""


def assert_race_is_gone(
    model: str,
    requests: Sequence[Request],
    *,
    schedule: str,
    oracle: str,
    near: str = "",
    backend: str = "embedded",
    isolation: str = "memory",
) -> str:
    """Pass if no interleaving of these requests violates anything; else say which one does.

    Args:
        model: the target, as ``toctou check`` takes it.
        requests: the concurrent requests of the counterexample.
        schedule: its schedule.
        oracle: what objected to it.
        near: the test's own file; a model's file that is not found from the working directory is searched for in the folders
            above this one.
        backend: where to run: ``embedded``, ``moto`` or ``endpoint=URL``.
        isolation: where the requests of that schedule run: in ``processes`` of their own, or in the ``memory`` of this one.

    Returns:
        What was done, in one sentence, which is also printed: pytest shows it with ``-rP``.

    Raises:
        RaceIsBack: an oracle objects.
        RaceIsUndecided: the handlers left the checker's control, or there are too many interleavings.
        ScheduleDiverged: the model has no such handler any more, or one with other arguments: write the test anew.
        BadInput: the model cannot be loaded.
    """
    __tracebackhide__ = True
    (loaded,) = load([_found(model, near)])
    scenario = Scenario(tuple(requests))
    _check_fits(loaded, scenario)
    reads = parse_schedule(schedule).largest(STALENESS) + 1
    where = isolation if isolation == "processes" else "auto"  # other schedules may show what is shared
    options = Options(backend=backend, reads=reads, isolation=where, budget=Budget(MAX_SCHEDULES, None))
    with memory_kept([loaded.model] if may_separate(loaded.model, where) else ()):
        done = _followed(loaded, scenario, schedule, oracle, backend=backend, isolation=isolation)
        result = check_scenario(loaded, scenario, options)
    if result.violations:
        raise RaceIsBack(_failure(loaded, result.violations[0], f"{done}, but another one shows a violation"))
    if result.verdict is not Verdict.VERIFIED:
        raise RaceIsUndecided(f"{done}; exploring all others ended with {result.stop_reason}: {result.detail}")
    summary = f"{done}; all {result.schedules} classes of interleavings of these requests hold."
    print(summary)
    return summary


def _followed(
    loaded: LoadedModel, scenario: Scenario, schedule: str, oracle: str, *, backend: str, isolation: str
) -> str:
    """Run the schedule; the outcome, if no oracle objects."""
    __tracebackhide__ = True
    with closing(backend_replaying(backend, parse_schedule(schedule))) as store:
        laboratory = Laboratory(loaded.model, store, Limits(), isolation)
        with laboratory.opened():
            try:
                execution = replayed(laboratory, scenario, parse_schedule(schedule))
            except ScheduleDiverged as diverged:
                return diverged.observed.partition("\n")[0]
            findings = list(judged(execution, oracles_for(laboratory, scenario)))
    if not findings:
        return f"the schedule {schedule} runs, and {oracle} no longer objects"
    finding = next((one for one in findings if one.oracle == oracle), findings[0])
    violation = Violation(finding, explain(execution, finding), execution, backend)
    raise RaceIsBack(_failure(loaded, violation, f"the schedule {schedule} still shows the race"))


def _failure(loaded: LoadedModel, violation: Violation, why: str) -> str:
    return f"{why}\n\n{render_violation(violation_document(loaded.name, violation))}"


def _found(model: str, near: str) -> str:
    """The target, its file taken from a folder above the test where the working directory does not have it."""
    place, colon, name = model.rpartition(":")
    if not near or not place.endswith(".py") or Path(place).exists():
        return model
    for folder in Path(near).resolve().parents:
        if (folder / place).exists():
            return f"{folder / place}{colon}{name}"
    raise TargetError(
        f"there is no file {place!r}",
        expected=f"the file of the model {name}, below {Path.cwd()} or a folder above {near}",
        cause="the model has been moved since the test was written",
        remedy="put its new place into the test",
    )


def _check_fits(loaded: LoadedModel, scenario: Scenario) -> None:
    handlers = loaded.model.handlers()
    for request in scenario.requests:
        handler = handlers.get(request.handler)
        if handler is not None and set(request.values) == set(handler.pools):
            continue
        missing = "no such handler" if handler is None else f"a handler with the arguments {', '.join(handler.pools)}"
        raise ScheduleDiverged(
            f"the test no longer fits the model {loaded.name}: for {request} there is {missing}",
            expected="the handlers that the counterexample was found with",
            cause="the model has changed since the test was written",
            remedy="run `toctou check` again; if it finds the race, write the test anew with `toctou report --format pytest`",
        )
