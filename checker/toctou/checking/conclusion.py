"""Concludes a model from its scenarios, and says in one sentence what was covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Context

from toctou.client.backends import is_repeatable
from toctou.client.other_services import undeclared_service
from toctou.declaration.loading import LoadedModel
from toctou.declaration.model import Model
from toctou.distribution.work_queue import Slot
from toctou.scheduling.strategies import selected
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


_NEARLY_CERTAIN = 0.9999
"""Sampling never makes certain, however many schedules it draws."""


def concluded_model(explored: Explored, confirmed: Sequence[ScenarioResult], options: Options) -> ModelResult:
    """The result of a model whose scenarios are final."""
    loaded = explored.loaded
    # An invalid model is the reason for whatever else is inconclusive.
    stopped = next((result for result in confirmed if result.stop_reason is StopReason.REFUSED), None) or next(
        (result for result in confirmed if result.verdict is Verdict.INCONCLUSIVE), None
    )
    vacuous = [] if stopped else explored.reached.vacuous()
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
    detail = _stopped_by(stopped, confirmed) if stopped else ""
    if reason is StopReason.SHARED_MEMORY:
        detail = detail or sharing
    if reason in _VACUOUS:
        detail = _VACUOUS[reason]
        if unknown := explored.reached.unauthenticated():
            detail = f"{unknown}: the application does not know who calls; {_remedy(loaded.model)}"
        elif literal := _literal_routes(loaded.model, explored.reached.unrouted()):
            detail = literal
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
        unreached=tuple((one.name, one.instead) for one in vacuous),
    )


def _stopped_by(stopped: ScenarioResult, results: Sequence[ScenarioResult]) -> str:
    """The reason why nothing is concluded; if it is a service of which the model says nothing, every such service, once."""
    if not undeclared_service(stopped.detail):
        return stopped.detail
    by_service: dict[str, str] = {}
    for one in results:
        if service := undeclared_service(one.detail):
            by_service.setdefault(service, one.detail)
    return "\n".join(by_service.values())


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
    StopReason.NEVER_WRITES: "no schedule made a handler write, so its guard was never tested; if it is meant only to read, "
    "declare it with read_only=True",
    StopReason.NEVER_CALLED: "no schedule made a handler call DynamoDB, so nothing was raced for; give it arguments and items "
    "with which it does",
    StopReason.NOT_REACHED: "no schedule made a handler answer 2xx, so only its rejections were tested; give it arguments, "
    "items and principals with which it is accepted",
}
"""Why a pass would say nothing, and what to do."""


def _literal_routes(model: type[Model], unrouted: Sequence[str]) -> str:
    """What to say of functions that may look up their code by the template of the route, which is the model's."""
    for name in unrouted:
        handler = model.handlers()[name].function
        request = str(getattr(handler, "request", ""))
        if (getattr(handler, "function", None) or (model.function and model.app is None)) and request:
            template = request.partition(" ")[2].partition("?")[0]
            return (
                f"{name} came to no code that calls DynamoDB, as if the function had no such route: the resource of the event is "
                f"{template!r}, as the model writes it; where the function's route has a parameter, write one with its name "
                f'(route("DELETE /notes/{{id}}", id=["n1"]))'
            )
    return ""


def _remedy(model: type[Model]) -> str:
    headers = 'headers = {"Authorization": "Bearer {principal}"}, or a function that makes them'
    if model.function is None or model.api == "alb":
        return f"say so in the model: {headers}"
    return f'say so in the model: caller = claims("sub"), or another claim or field of an authorizer; or {headers}'


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
