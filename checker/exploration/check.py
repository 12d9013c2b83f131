"""Checks models: every scenario of the scope, explored, confirmed on a second backend, and concluded.

This is what the command line, the pytest plugin and :func:`checker.check` share.  Who explores is left to the caller
(:data:`Explore`); what comes out does not depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from checker.client.backends import backend_named
from checker.errors import ToctouError, UncontrolledHandler
from checker.exploration.agenda import Agenda
from checker.exploration.bench import Bench
from checker.exploration.budget import Meter
from checker.exploration.explorer import judged, pausing_at, replayed, signature
from checker.exploration.judges import oracles_of
from checker.exploration.laboratory import Laboratory
from checker.exploration.loading import LoadedModel, named
from checker.exploration.model import Model
from checker.exploration.options import Options
from checker.exploration.progress import Progress, Silent
from checker.exploration.reachability import Reachability
from checker.exploration.result import ModelResult, RunResult, ScenarioResult, Violation
from checker.exploration.scenario import Scenario
from checker.verdict import Evidence, StopReason, Verdict, certify

_TELL_SECONDS = 0.5
_SLICE_SECONDS = 1.0
"""How long a portion is explored before somebody may hear of it."""

Explore = Callable[[Agenda, Options, Meter], Generator[None]]
"""Explores what is on an agenda; yields whenever something was recorded.  No laboratory is open when a model's last portion
has just been recorded, because concluding opens one on another backend."""


def explore_here(agenda: Agenda, options: Options, meter: Meter) -> Generator[None]:
    """Explore in this process, in order.

    Raises:
        KeyboardInterrupt: what had been seen by then is recorded.
    """
    with closing(Bench(options)) as bench:
        while keys := agenda.take():
            portion = agenda.portion(keys[0])
            loaded = agenda.slots[keys[0].slot].loaded
            assert portion is not None  # noqa: S101 - it has just been taken
            until = time.perf_counter() + _SLICE_SECONDS
            advance = bench.explorer(loaded.model, meter).advance(portion, pausing_at(until))
            agenda.record(keys[0], advance)
            if agenda.next_model() is not loaded:
                bench.close()
            if advance.tally.stop_reason is StopReason.INTERRUPTED:
                raise KeyboardInterrupt
            yield


def check(
    models: Sequence[LoadedModel], options: Options, progress: Progress | None = None, explore: Explore = explore_here
) -> RunResult:
    """Check models one after the other.

    Args:
        models: what to check.
        options: how.
        progress: is told how it comes along.
        explore: who explores what is on the agenda: this process, or others.

    Raises:
        BadInput: a model or an option that cannot be used.
    """
    meter = options.budget.started()
    agenda = Agenda(models, options, meter)
    conclusion = _Conclusion(agenda, options, progress or Silent())
    try:
        with closing(explore(agenda, options, meter)) as advances:
            for _ in advances:
                conclusion.go_on()
    except KeyboardInterrupt:
        agenda.interrupt()
        conclusion.go_on()
    return RunResult(
        models=tuple(conclusion.models),
        backend=options.backend,
        strategy=options.strategy,
        reads=options.reads,
        requests=options.requests,
        seed=options.seed,
        seconds=meter.seconds,
    )


def check_model(model: type[Model], **options: Any) -> ModelResult:
    """Check one model, as ``toctou check`` does, and return what came out.

    Args:
        model: the model's class.
        options: fields of :class:`~checker.exploration.options.Options`, for example ``requests=3``.

    Raises:
        BadInput: the model, or an option, cannot be used.
    """
    return check([named(model)], Options(**options)).models[0]


def check_scenario(loaded: LoadedModel, scenario: Scenario, options: Options) -> ScenarioResult:
    """Explore one scenario of a model, without confirming what is found on a second backend.

    Raises:
        BadInput: an option that cannot be used.
    """
    with closing(Bench(options)) as bench:
        return bench.explorer(loaded.model, options.budget.started()).explore(scenario)


class _Conclusion:
    """Turns what has become final into results, model by model.

    Attributes:
        models: those that have been concluded.
    """

    def __init__(self, agenda: Agenda, options: Options, progress: Progress) -> None:
        self.models: list[ModelResult] = []
        self._agenda = agenda
        self._options = options
        self._progress = progress
        self._told = time.monotonic()
        self._begin_model()

    def go_on(self) -> None:
        """Conclude what can be concluded now."""
        for slot, tally in self._agenda.final():
            self._reached.add(tally.reached)
            self._results.append(tally.result(slot.scenario))
            self._progress.end_scenario(slot.loaded.name, self._results[-1])
            following = self._agenda.current()
            if following is None or following.loaded is not slot.loaded:
                self._end_model(slot.loaded)
                self._begin_model()
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS and (status := self._agenda.status()) is not None:
            self._told = now
            self._progress.status(status)

    def _begin_model(self) -> None:
        self._begun = time.perf_counter()
        self._results: list[ScenarioResult] = []
        current = self._agenda.current()
        if current is not None:
            self._reached = Reachability(current.loaded.model)
            total = sum(slot.loaded is current.loaded for slot in self._agenda.slots)
            self._progress.begin_model(current.loaded.name, total)

    def _end_model(self, loaded: LoadedModel) -> None:
        results = _confirmed(loaded, self._results, self._options) if self._options.confirm else self._results
        seconds = time.perf_counter() - self._begun
        self.models.append(_concluded(loaded, results, self._reached, self._options, seconds))
        self._progress.end_model(self.models[-1])


def _confirmed(loaded: LoadedModel, results: list[ScenarioResult], options: Options) -> list[ScenarioResult]:
    """The results, each violation replayed on the second backend."""
    if not any(result.violations for result in results):
        return results
    with closing(backend_named(options.second_backend)) as backend:
        laboratory = Laboratory(loaded.model, backend, options.limits)
        with laboratory.opened():
            return [
                replace(
                    result,
                    violations=tuple(
                        confirmed(laboratory, Scenario(violation.execution.requests), violation, options.second_backend)
                        for violation in result.violations
                    ),
                )
                for result in results
            ]


def confirmed(laboratory: Laboratory, scenario: Scenario, violation: Violation, backend: str) -> Violation:
    """The violation, with what became of its schedule in an open laboratory on another backend."""
    if violation.execution.schedule.oldest_answer:
        return replace(violation, difference=f"{backend}: it never returns a stale answer, so it was not asked")
    try:
        again = replayed(laboratory, scenario, violation.execution.schedule)
    except UncontrolledHandler as fault:
        return replace(violation, difference=f"{backend}: {fault.observed}")
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


def _concluded(
    loaded: LoadedModel,
    results: list[ScenarioResult],
    reachability: Reachability,
    options: Options,
    seconds: float,
) -> ModelResult:
    stopped = next((result for result in results if result.verdict is Verdict.INCONCLUSIVE), None)
    unreached = () if stopped else reachability.unreached()
    results = [_without_vacuous_pass(result, dict(unreached)) for result in results]
    verdict, reason = certify(
        Evidence(
            schedules=sum(result.schedules for result in results),
            exhausted=bool(results) and stopped is None,
            replayed=0 if stopped else len(results),
            violations=sum(len(result.violations) for result in results),
            stop_reason=stopped.stop_reason if stopped else None,
            unreached=tuple(name for name, _ in unreached),
        )
    )
    detail = stopped.detail if stopped else ""
    if reason is StopReason.NEVER_WRITES:
        detail = (
            "a handler never wrote, whatever the schedule, so nothing that it should guard was ever at risk; if it is meant "
            f"only to read, declare it with read_only=True (requests were made as {', '.join(loaded.model.principals)})"
        )
    return ModelResult(
        model=loaded.name,
        title=(loaded.model.__doc__ or "").strip().partition("\n")[0],
        verdict=verdict,
        stop_reason=reason,
        detail=detail,
        covered=_covered(results, options),
        scenarios=tuple(results),
        seconds=seconds,
        unreached=unreached,
    )


def _without_vacuous_pass(result: ScenarioResult, unreached: Mapping[str, str]) -> ScenarioResult:
    """A scenario says nothing about a handler that writes in no schedule of any scenario."""
    names = {request.handler for request in result.requests if request.handler in unreached}
    if result.verdict is not Verdict.VERIFIED or not names:
        return result
    detail = "\n".join(f"{name} never reached a write: {unreached[name]}" for name in sorted(names))
    return replace(result, verdict=Verdict.INCONCLUSIVE, stop_reason=StopReason.NEVER_WRITES, detail=detail)


def _covered(results: list[ScenarioResult], options: Options) -> str:
    schedules = sum(result.schedules for result in results)
    stood_for = sum(result.interleavings for result in results)
    return (
        f"{len(results)} scenarios of up to {options.requests} concurrent requests; {schedules} schedules run, standing for "
        f"{stood_for} interleavings; backend {options.backend}; {_reads(options)}, no faults, "
        "each request with its own clock"
    )


def _reads(options: Options) -> str:
    if options.reads == 1:
        return "strongly consistent reads"
    return f"eventually consistent reads that return one of the last {options.reads} versions"
