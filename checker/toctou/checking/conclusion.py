"""Concludes a model from its scenarios, and says in one sentence what was covered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Context

from toctou.client.backends import is_repeatable
from toctou.declaration.loading import LoadedModel
from toctou.declaration.model import Model
from toctou.scheduling.strategies import selected
from toctou.search.options import Options
from toctou.search.reachability import Reachability
from toctou.search.result import ModelResult, ScenarioResult
from toctou.verdict import Coverage, Evidence, StopReason, Verdict, certify


@dataclass(slots=True)
class Explored:
    """A model's scenarios, as they become final; ``total`` is how many there should be."""

    loaded: LoadedModel
    reached: Reachability
    total: int
    results: list[ScenarioResult] = field(default_factory=list)
    seconds: float = 0.0


_NEARLY_CERTAIN = 0.9999
"""Sampling never makes certain, however many schedules it draws."""


def concluded_model(explored: Explored, confirmed: Sequence[ScenarioResult], options: Options) -> ModelResult:
    """The result of a model whose scenarios are final."""
    loaded = explored.loaded
    # An invalid model is the reason for whatever else is inconclusive.
    stopped = next((result for result in confirmed if result.stop_reason is StopReason.REFUSED), None) or next(
        (result for result in confirmed if result.verdict is Verdict.INCONCLUSIVE), None
    )
    unreached = () if stopped else explored.reached.unreached()
    # Memory that has shown in one scenario is there in all of them, whether it has shown in the others or not.
    sharing = next((result.sharing for result in confirmed if result.sharing), "")
    results = [_without_vacuous_pass(_doubted(result, sharing), dict(unreached)) for result in confirmed]
    # After an interrupt scenarios are missing, and nothing may be concluded of all.
    represented = sum(result.stands_for for result in results)
    verdict, reason = certify(
        Evidence(
            schedules=sum(result.schedules for result in results),
            coverage=Coverage.EVERYTHING if represented == explored.total and stopped is None else Coverage.NOTHING,
            replayed=0 if stopped else len(results),
            violations=sum(len(result.violations) for result in results),
            stop_reason=stopped.stop_reason if stopped else None,
            shares_memory=bool(sharing) and any(len(result.requests) > 1 for result in results),
            unreached=tuple(name for name, _ in unreached),
        )
    )
    detail = stopped.detail if stopped else ""
    if reason is StopReason.SHARED_MEMORY:
        detail = detail or sharing
    if reason is StopReason.NEVER_WRITES:
        detail = (
            "no schedule made a handler write, so its guard was never tested; if it is meant "
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


def _doubted(result: ScenarioResult, sharing: str) -> ScenarioResult:
    if not sharing or result.verdict is not Verdict.VERIFIED or len(result.requests) == 1:
        return result
    return replace(result, verdict=Verdict.INCONCLUSIVE, stop_reason=StopReason.SHARED_MEMORY, detail=sharing)


def _without_vacuous_pass(result: ScenarioResult, unreached: Mapping[str, str]) -> ScenarioResult:
    # A scenario says nothing about a handler that writes in no schedule of any scenario.
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
        f"each request with its own clock{_memoised(model, results, options)}{_extent(results, options)}"
    )


def _memoised(model: type[Model], results: list[ScenarioResult], options: Options) -> str:
    if any(result.sharing for result in results):
        return "; all requests in one process, whose memory they were seen to share: every step run from then on"
    if options.every_step or model.service is not None or not is_repeatable(options.backend, options.reads):
        return ""
    return ", memoised steps not run again"


def _extent(results: list[ScenarioResult], options: Options) -> str:
    """What was run of the scope, if not everything; under sampling, the probability that a violation would have shown."""
    strategy = selected(options.strategy)
    if strategy.kind.covers is Coverage.EVERYTHING or not results:
        return ""
    if strategy.kind.covers is Coverage.BOUND:
        return f"; only schedules with {strategy.stated_bound} were run"
    likely: dict[float, str] = {}
    for result in results:
        chance = strategy.kind.chance(len(result.requests), max(result.longest, 1))
        if chance is None:
            return "; no bound is known on the probability that a violation is missed"
        drawn = max(result.schedules - 1, 0)  # the first one may have assumed a shorter execution
        likely[1 - (1 - chance[0]) ** drawn] = chance[1]
    least = min([_NEARLY_CERTAIN, *likely])
    what = next(iter(likely.values()), "a violation")
    probability = Context(prec=3, rounding=ROUND_FLOOR).create_decimal_from_float(least)
    return f"; {what} of a scenario is met with a probability of at least {probability}, going by the longest execution seen"


def _reads(options: Options) -> str:
    if options.reads == 1:
        return "strongly consistent reads"
    return f"eventually consistent reads that return one of the last {options.reads} versions"
