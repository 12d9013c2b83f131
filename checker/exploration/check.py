"""Checks models: every scenario of the scope, explored, confirmed on a second backend, and concluded.

This is what the command line, the pytest plugin and :func:`checker.check` share.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from checker.client.backends import backend_named
from checker.errors import BadInput, ToctouError, UncontrolledHandler
from checker.exploration.budget import Budget, Meter
from checker.exploration.explorer import Explorer, judged, replayed, signature
from checker.exploration.judges import oracles_of
from checker.exploration.laboratory import Laboratory
from checker.exploration.loading import LoadedModel, named
from checker.exploration.model import Model
from checker.exploration.reachability import Reachability
from checker.exploration.result import ModelResult, RunResult, ScenarioResult, Violation
from checker.exploration.scenario import Scenario, scenarios
from checker.scheduling.runner import Limits
from checker.scheduling.strategies import STRATEGIES
from checker.verdict import Evidence, StopReason, Verdict, certify

_RANDOM_SCHEDULES = 200


@dataclass(frozen=True, slots=True)
class Options:
    """How to check.

    Attributes:
        requests: how many requests run concurrently at most; at least 1.
        strategy: a name in :data:`checker.scheduling.strategies.STRATEGIES`.
        backend: ``embedded``, ``moto`` or ``endpoint=URL``.
        reads: how many versions a read without ``ConsistentRead`` may return, the newest included; 1 for strong reads.
        symmetry: leave out schedules in which interchangeable requests have only changed places.
        confirm: replay each violation on a second backend.
        budget: schedules per scenario, seconds for the whole run.
        seed: for the random strategy.
        limits: what one request may use.
    """

    requests: int = 2
    strategy: str = "exhaustive"
    backend: str = "embedded"
    reads: int = 1
    symmetry: bool = True
    confirm: bool = True
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.requests < 1:
            raise BadInput(f"{self.requests} concurrent requests", expected="at least 1")
        if self.strategy not in STRATEGIES:
            raise BadInput(f"there is no strategy {self.strategy!r}", expected=" or ".join(STRATEGIES))
        if self.reads < 1:
            raise BadInput(f"a weak read that may return {self.reads} versions", expected="at least 1, the newest")
        if self.reads > 1 and self.strategy == "dpor":
            raise BadInput(
                "the strategy dpor with eventually consistent reads",
                expected="--strategy exhaustive or random",
                cause="a weak read branches without a race, for which that reduction makes no provision",
            )

    @property
    def second_backend(self) -> str:
        """Where violations are confirmed."""
        return "moto" if self.backend == "embedded" else "embedded"


class Progress(Protocol):
    """Is told how a run comes along."""

    def begin_model(self, model: str, total: int) -> None:
        """A model with this many scenarios is about to be explored."""

    def end_scenario(self, model: str, result: ScenarioResult) -> None:
        """One scenario has been explored."""

    def end_model(self, result: ModelResult) -> None:
        """A model has been explored and its violations were replayed on the second backend."""


class Silent:
    """Tells nobody."""

    def begin_model(self, model: str, total: int) -> None:
        """See :class:`Progress`."""

    def end_scenario(self, model: str, result: ScenarioResult) -> None:
        """See :class:`Progress`."""

    def end_model(self, result: ModelResult) -> None:
        """See :class:`Progress`."""


def check(models: Sequence[LoadedModel], options: Options, progress: Progress | None = None) -> RunResult:
    """Check models one after the other.

    Raises:
        BadInput: a model or an option that cannot be used.
    """
    meter = options.budget.started()
    results: list[ModelResult] = []
    for loaded in models:
        results.append(_check_model(loaded, options, meter, progress or Silent()))
        if results[-1].stop_reason is StopReason.INTERRUPTED:
            break
    return RunResult(
        models=tuple(results),
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
        options: fields of :class:`Options`, for example ``requests=3``.

    Raises:
        BadInput: the model, or an option, cannot be used.
    """
    return check([named(model)], Options(**options)).models[0]


def check_scenario(loaded: LoadedModel, scenario: Scenario, options: Options) -> ScenarioResult:
    """Explore one scenario of a model, without confirming what is found on a second backend.

    Raises:
        BadInput: an option that cannot be used.
    """
    with closing(backend_named(options.backend, options.reads)) as backend:
        laboratory = Laboratory(loaded.model, backend, options.limits)
        with laboratory.opened():
            return _explorer(laboratory, options, options.budget.started()).explore(scenario)


def _check_model(loaded: LoadedModel, options: Options, meter: Meter, progress: Progress) -> ModelResult:
    begun = time.perf_counter()
    work = list(scenarios(loaded.model.requests(), options.requests))
    progress.begin_model(loaded.name, len(work))
    results: list[ScenarioResult] = []
    with closing(backend_named(options.backend, options.reads)) as backend:
        laboratory = Laboratory(loaded.model, backend, options.limits)
        with laboratory.opened():
            explorer = _explorer(laboratory, options, meter)
            for scenario in work:
                results.append(explorer.explore(scenario))
                progress.end_scenario(loaded.name, results[-1])
                if results[-1].stop_reason is StopReason.INTERRUPTED:
                    break
    if options.confirm:
        results = _confirmed(loaded, results, options)
    result = _concluded(loaded, results, explorer.reachability, options, time.perf_counter() - begun)
    progress.end_model(result)
    return result


def _explorer(laboratory: Laboratory, options: Options, meter: Meter) -> Explorer:
    strategy = STRATEGIES[options.strategy]
    return Explorer(
        laboratory,
        partial(strategy, options.seed),
        _metered(options, meter),
        options.backend,
        symmetry=options.symmetry and strategy.symmetric,
    )


def _metered(options: Options, meter: Meter) -> Meter:
    """A strategy that never ends by itself gets a budget of schedules if the user gave none."""
    if STRATEGIES[options.strategy].complete or meter.budget.max_schedules is not None:
        return meter
    return Meter(replace(meter.budget, max_schedules=_RANDOM_SCHEDULES), meter.begun)


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
                        confirmed(laboratory, Scenario(result.requests), violation, options.second_backend)
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
