"""Checks models: every scenario of the scope, explored, confirmed on a second backend, and concluded.

This is what the command line, the pytest plugin and :func:`checker.check` share.  Who explores is left to the caller
(:class:`Exploring`); what comes out does not depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Context
from typing import Any, Protocol

from checker.errors import ModelError
from checker.exploration.agenda import Agenda, Slot
from checker.exploration.bench import Bench
from checker.exploration.budget import Meter
from checker.exploration.here import Here
from checker.exploration.journal import Journal
from checker.exploration.loading import LoadedModel, named
from checker.exploration.model import Model
from checker.exploration.options import Options
from checker.exploration.progress import Progress, Silent
from checker.exploration.reachability import Reachability
from checker.exploration.result import ModelResult, RunResult, ScenarioResult
from checker.exploration.scenario import Scenario
from checker.scheduling.strategies import STRATEGIES
from checker.verdict import Evidence, StopReason, Verdict, certify

_NEARLY_CERTAIN = 0.9999
"""No schedules that are drawn make certain, however many there are."""

_TELL_SECONDS = 0.5


class Exploring(Protocol):
    """Who explores."""

    def explore(self, agenda: Agenda, options: Options, meter: Meter) -> Generator[None]:
        """Explore what is on an agenda; yields whenever something may have been recorded."""

    def finish(
        self, models: Sequence[tuple[LoadedModel, tuple[ScenarioResult, ...]]], options: Options
    ) -> Iterator[tuple[ScenarioResult, ...]]:
        """Replay on a second backend what was found in these models, in order."""


def check(
    models: Sequence[LoadedModel],
    options: Options,
    progress: Progress | None = None,
    exploring: Exploring | None = None,
    journal: Journal | None = None,
) -> RunResult:
    """Check models one after the other; one that turns out to be wrong on the way ends its own exploration only.

    Args:
        models: what to check.
        options: how.
        progress: is told how it comes along.
        exploring: who explores; this process, if nobody else does.
        journal: what was explored before; takes what is explored now.

    Raises:
        BadInput: an option that cannot be used; a model that cannot, if nothing was explored of any other.
    """
    meter = options.budget.started()
    agenda = Agenda(models, options, meter, journal)
    progress, exploring = progress or Silent(), exploring or Here()
    conclusion = _Conclusion(agenda, progress)
    try:
        conclusion.go_on()
        with closing(exploring.explore(agenda, options, meter)) as advances:
            for _ in advances:
                conclusion.go_on()
    except KeyboardInterrupt:
        agenda.interrupt()
        conclusion.go_on()
    concluded: list[ModelResult] = []
    for results in exploring.finish([(one.loaded, tuple(one.results)) for one in conclusion.explored], options):
        concluded.append(_concluded(conclusion.explored[len(concluded)], results, options))
        progress.end_model(concluded[-1])
    _check_any_explored(concluded, agenda.refusals)
    return RunResult(
        models=tuple(concluded),
        backend=options.backend,
        strategy=options.strategy,
        reads=options.reads,
        requests=options.requests,
        seed=options.seed,
        seconds=meter.seconds,
    )


def _check_any_explored(models: Sequence[ModelResult], refusals: Sequence[ModelError]) -> None:
    """Refuse a run in which every model was refused before anything was found out about it."""
    scenarios = [scenario for model in models for scenario in model.scenarios]
    if refusals and all(scenario.stop_reason is StopReason.REFUSED for scenario in scenarios):
        raise refusals[0]


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


@dataclass(slots=True)
class _Explored:
    """A model's scenarios, as they become final; ``total`` is how many there should be."""

    loaded: LoadedModel
    reached: Reachability
    total: int
    results: list[ScenarioResult] = field(default_factory=list)
    seconds: float = 0.0


class _Conclusion:
    """Turns what has become final into results, model by model.

    Attributes:
        explored: one for each model that was begun.
    """

    def __init__(self, agenda: Agenda, progress: Progress) -> None:
        self.explored: list[_Explored] = []
        self._agenda = agenda
        self._progress = progress
        self._told = time.monotonic()
        self._begin(agenda.current())

    def go_on(self) -> None:
        """Conclude what can be concluded now."""
        for slot, tally in self._agenda.final():
            self._begin(slot)
            of_model = self.explored[-1]
            of_model.reached.add(tally.reached)
            of_model.seconds += tally.seconds
            of_model.results.append(replace(tally.result(slot.scenario), stands_for=slot.stands_for))
            self._progress.end_scenario(slot.loaded.name, of_model.results[-1])
            self._begin(self._agenda.current())
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS and (status := self._agenda.status()) is not None:
            self._told = now
            self._progress.status(status)

    def _begin(self, slot: Slot | None) -> None:
        """The slot's model is begun, unless it was already."""
        if slot is not None and not (self.explored and self.explored[-1].loaded is slot.loaded):
            total = self._agenda.total(slot.loaded)
            self.explored.append(_Explored(slot.loaded, Reachability(slot.loaded.model), total))
            self._progress.begin_model(slot.loaded.name, total)


def _concluded(explored: _Explored, confirmed: Sequence[ScenarioResult], options: Options) -> ModelResult:
    loaded = explored.loaded
    stopped = next((result for result in confirmed if result.stop_reason is StopReason.REFUSED), None) or next(
        (result for result in confirmed if result.verdict is Verdict.INCONCLUSIVE), None
    )
    unreached = () if stopped else explored.reached.unreached()
    results = [_without_vacuous_pass(result, dict(unreached)) for result in confirmed]
    verdict, reason = certify(
        Evidence(
            schedules=sum(result.schedules for result in results),
            exhausted=sum(result.stands_for for result in results) == explored.total and stopped is None,
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
        covered=_covered(loaded.model, results, options),
        scenarios=tuple(results),
        seconds=explored.seconds,
        unreached=unreached,
    )


def _without_vacuous_pass(result: ScenarioResult, unreached: Mapping[str, str]) -> ScenarioResult:
    """A scenario says nothing about a handler that writes in no schedule of any scenario."""
    names = {request.handler for request in result.requests if request.handler in unreached}
    if result.verdict is not Verdict.VERIFIED or not names:
        return result
    detail = "\n".join(f"{name} never reached a write: {unreached[name]}" for name in sorted(names))
    return replace(result, verdict=Verdict.INCONCLUSIVE, stop_reason=StopReason.NEVER_WRITES, detail=detail)


def _covered(model: type[Model], results: list[ScenarioResult], options: Options) -> str:
    schedules = sum(result.schedules for result in results)
    stood_for = sum(result.interleavings * result.stands_for for result in results)
    alike = sum(result.stands_for for result in results)
    for_others = "" if alike == len(results) else f", standing for {alike} (the others differ by names only)"
    return (
        f"{len(results)} scenarios of up to {options.requests} concurrent requests{for_others}; "
        f"{schedules} schedules run, standing for "
        f"{stood_for} interleavings; backend {options.backend}; {_reads(options)}, no faults, "
        f"each request with its own clock{_known(model, options)}{_likely(results, options)}"
    )


def _known(model: type[Model], options: Options) -> str:
    if options.every_step or options.backend != "embedded" or options.reads > 1 or model.service is not None:
        return ""
    return ", steps that were known not run again"


def _likely(results: list[ScenarioResult], options: Options) -> str:
    """How likely the schedules of any scenario were to meet what they look for, if the strategy draws them and this is known."""
    strategy = STRATEGIES[options.strategy]
    if strategy.complete or not results:
        return ""
    likely: dict[float, str] = {}
    for result in results:
        bound = strategy.bound(len(result.requests), max(result.longest, 1))
        if bound is None:
            return "; no bound is known on the probability that a violation is missed"
        drawn = max(result.schedules - 1, 0)  # the first one may have gone by a shorter execution
        likely[1 - (1 - bound[0]) ** drawn] = bound[1]
    least = min([_NEARLY_CERTAIN, *likely])
    what = next(iter(likely.values()), "a violation")
    told = Context(prec=3, rounding=ROUND_FLOOR).create_decimal_from_float(least)
    return f"; {what} of a scenario is met with a probability of at least {told}, going by the longest execution seen"


def _reads(options: Options) -> str:
    if options.reads == 1:
        return "strongly consistent reads"
    return f"eventually consistent reads that return one of the last {options.reads} versions"
