"""Concludes a model from its scenarios, and says in one sentence what was covered."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Context

from toctou.checking.unreached import advice, who_calls
from toctou.client.backends import is_repeatable
from toctou.client.other_services import undeclared_service
from toctou.declaration.loading import LoadedModel
from toctou.declaration.model import Model
from toctou.distribution.work_queue import Slot
from toctou.scheduling.strategies import selected
from toctou.search.accesses import Accesses
from toctou.search.options import Options
from toctou.search.reachability import Reachability, Vacuous, names_of
from toctou.search.result import ModelResult, ScenarioResult
from toctou.verdict import Coverage, Evidence, StopReason, Verdict, certify


@dataclass(slots=True)
class Explored:
    """A model's scenarios, as they become final; ``total`` is how many there should be, ``first`` the one that is the first."""

    loaded: LoadedModel
    reached: Reachability
    total: int
    results: list[ScenarioResult] = field(default_factory=list)
    seconds: float = 0.0
    first: Slot | None = None
    accesses: Accesses = field(default_factory=Accesses)


_NEARLY_CERTAIN = 0.9999
"""Sampling never makes certain, however many schedules it draws."""


def concluded_model(explored: Explored, confirmed: Sequence[ScenarioResult], options: Options) -> ModelResult:
    """The result of a model whose scenarios are final."""
    loaded = explored.loaded
    # What a handler that fails by itself has done instead of writing stands in its finding, and what it has missed.
    alone = [one for result in confirmed for one in result.violations if one.explanation.anomaly == "fails_alone"]
    failing = {one.cause.handler for one in alone}
    doubtful = [result for result in confirmed if not _misses_what_others_make(result, failing)]
    # An invalid model is the reason for whatever else is inconclusive.
    stopped = next((result for result in doubtful if result.stop_reason is StopReason.REFUSED), None) or next(
        (result for result in doubtful if result.verdict is Verdict.INCONCLUSIVE), None
    )
    vacuous = [] if stopped else [one._replace(instead=advice(one, loaded.model)) for one in explored.reached.vacuous()]
    # Memory that has shown in one scenario is there in all of them, whether it has shown in the others or not.
    sharing = next((result.sharing for result in confirmed if result.sharing), "")
    results = [_without_vacuous_pass(_doubted(result, sharing), vacuous) for result in confirmed]
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
            vacuous=vacuous[0].reason if vacuous else None,
        )
    )
    detail = _stopped_by(stopped, doubtful) if stopped else ""
    if reason is StopReason.SHARED_MEMORY:
        detail = detail or sharing
    if reason in _VACUOUS:
        detail = _VACUOUS[reason]
        if unknown := explored.reached.unauthenticated():
            detail = who_calls(loaded.model, unknown, explored.reached.answers())
        detail += f" (requests were made as {', '.join(loaded.model.principals)})"
    return ModelResult(
        model=loaded.name,
        title=(loaded.model.__doc__ or "").strip().partition("\n")[0],
        verdict=verdict,
        stop_reason=reason,
        detail=detail,
        covered=_covered(loaded.model, results, options),
        scenarios=tuple(results),
        seconds=explored.seconds,
        unreached=tuple((one.name, one.instead) for one in vacuous if one.name not in failing),
    )


def _misses_what_others_make(result: ScenarioResult, failing: Container[str]) -> bool:
    """Whether a scenario lacks what another handler makes, so that the one which misses it has a finding of another scenario."""
    return result.stop_reason is StopReason.NOT_SET_UP and any(one.handler in failing for one in result.requests)


def _stopped_by(stopped: ScenarioResult, results: Sequence[ScenarioResult]) -> str:
    """The reason why nothing is concluded; if it is something that the model leaves out, all that it does, each once."""
    if not _left_out(stopped):
        return stopped.detail
    details: dict[str, str] = {}
    for one in results:
        if what := _left_out(one):
            details.setdefault(what, one.detail)
    return "\n".join(details.values())


def _left_out(result: ScenarioResult) -> str:
    """What a model should have said: a service, or how something is made; ``""`` if that is not why it is inconclusive."""
    return result.detail if result.stop_reason is StopReason.NOT_SET_UP else undeclared_service(result.detail)


def without_conclusion(explored: Explored, results: Sequence[ScenarioResult], fault: str) -> ModelResult:
    """The result of a model of which a fault of ours keeps anything from being concluded but what was found."""
    evidence = Evidence(
        schedules=sum(result.schedules for result in results),
        coverage=Coverage.NOTHING,
        replayed=0,
        violations=sum(len(result.violations) for result in results),
        stop_reason=StopReason.INTERNAL_ERROR,
    )
    verdict, reason = certify(evidence)
    return ModelResult(explored.loaded.name, "", verdict, reason, fault, "", tuple(results), explored.seconds)


def _doubted(result: ScenarioResult, sharing: str) -> ScenarioResult:
    if not sharing or result.verdict is not Verdict.VERIFIED or len(result.requests) == 1:
        return result
    return replace(result, verdict=Verdict.INCONCLUSIVE, stop_reason=StopReason.SHARED_MEMORY, detail=sharing)


_VACUOUS = {
    StopReason.NEVER_WRITES: "no schedule made a handler write, so its guard was never tested",
    StopReason.NEVER_CALLED: "no schedule made a handler call DynamoDB, so nothing was raced for",
    StopReason.NOT_REACHED: "no schedule made a handler answer 2xx, so only its rejections were tested",
}
"""Why a pass would say nothing; what to do stands with each handler."""


def _without_vacuous_pass(result: ScenarioResult, vacuous: Sequence[Vacuous]) -> ScenarioResult:
    # A scenario says nothing about a handler that does not do what it is there for in any schedule of any scenario.
    concerned = [one for one in vacuous if any(one.name in names_of(request) for request in result.requests)]
    if result.verdict is not Verdict.VERIFIED or not concerned:
        return result
    never = {StopReason.NEVER_WRITES: "reached a write", StopReason.NEVER_CALLED: "called DynamoDB"}
    detail = "\n".join(f"{one.name} never {never.get(one.reason, 'was accepted')}: {one.instead}" for one in concerned)
    return replace(result, verdict=Verdict.INCONCLUSIVE, stop_reason=concerned[0].reason, detail=detail)


def _covered(model: type[Model], results: list[ScenarioResult], options: Options) -> str:
    schedules = sum(result.schedules for result in results)
    stood_for = sum(result.interleavings * result.stands_for for result in results)
    alike = sum(result.stands_for for result in results)
    for_others = "" if alike == len(results) else f", standing for {alike} (the others differ by names only)"
    return (
        f"{len(results)} scenarios of up to {options.requests} concurrent requests{for_others}; "
        f"{schedules} schedules run, standing for "
        f"{stood_for} interleavings; backend {options.backend}; {_reads(options)}, no faults, "
        f"each request with its own clock{_isolated(results)}{_memoised(model, results, options)}{_extent(results, options)}"
    )


def _isolated(results: list[ScenarioResult]) -> str:
    return " and in a process of its own" if any(result.isolated for result in results) else ""


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
