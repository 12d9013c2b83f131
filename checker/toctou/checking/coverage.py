"""Says what the verdict of a model rests on: how much was run, in which scope, and under which assumptions.

It claims what was seen, of the scenarios that were explored, and nothing of any others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from toctou.checking.judged import judged_by, unjudged
from toctou.checking.unguarded import unguarded_writes
from toctou.client.backends import is_repeatable
from toctou.declaration.model import Model
from toctou.declaration.served import serves_functions
from toctou.history.wording import listed
from toctou.scheduling.strategies import selected
from toctou.search.accesses import Accesses
from toctou.search.coverage import ModelCoverage, Stated
from toctou.search.explorer import separated
from toctou.search.options import Options
from toctou.search.result import ScenarioResult
from toctou.verdict import Coverage, StopReason, Verdict

_SEPARATED = separated("")
_EXPLORED = {StopReason.NEVER_WRITES, StopReason.NEVER_CALLED, StopReason.NOT_REACHED, StopReason.SHARED_MEMORY}
"""Reasons why nothing is concluded from schedules although all of them were run."""

_COVERED = {
    Coverage.EVERYTHING: "every class of equivalent interleavings is run once",
    Coverage.BOUND: "only schedules within its bound are run",
    Coverage.NOTHING: "schedules are drawn at random; others were not run",
}


def coverage_of(
    model: type[Model], accesses: Accesses, results: Sequence[ScenarioResult], total: int, options: Options
) -> ModelCoverage:
    """What the verdict of a model rests on.

    Args:
        model: the model.
        accesses: what was seen of its handlers.
        results: its scenarios, concluded.
        total: how many scenarios there are.
        options: how they were explored.
    """
    represented = sum(one.stands_for for one in results)
    explored = {request.handler for one in results if one.schedules for request in one.requests}
    handlers = [name for name in model.handlers() if name in explored]
    remaining = tuple(_remaining(results, total - represented))
    return ModelCoverage(
        explored=len(results),
        represented=represented,
        scenarios=total,
        requests=max((len(one.requests) for one in results), default=0),
        schedules=sum(one.schedules for one in results),
        redundant=sum(one.redundant for one in results),
        interleavings=sum(one.interleavings * one.stands_for for one in results),
        exhaustive=selected(options.strategy).kind.covers is Coverage.EVERYTHING,
        replayed=sum(one.replayed for one in results),
        longest=max((one.longest for one in results), default=0),
        scope=tuple(_scope(model, results, options, cut_off=bool(remaining))),
        assumptions=tuple(_assumptions(model, accesses, results, options, represented)),
        judged=tuple(judged_by(accesses, model, handlers)),
        unjudged=tuple(unjudged(accesses, model, handlers)),
        unguarded=tuple(unguarded_writes(accesses, model, results, complete=represented == total)),
        remaining=remaining,
    )


def _scope(
    model: type[Model], results: Sequence[ScenarioResult], options: Options, *, cut_off: bool
) -> Iterator[Stated]:
    strategy = selected(options.strategy)
    bound = f", {strategy.stated_bound}" if strategy.stated_bound else ""
    left = "; here not all of it was run" if cut_off else ""
    yield Stated("strategy", f"{options.strategy}: {_COVERED[strategy.kind.covers]}{bound}{left}")
    yield Stated(
        "reads",
        "strongly consistent"
        if options.reads == 1
        else f"without ConsistentRead, one of the last {options.reads} versions of what is read",
    )
    yield Stated("isolation", _isolation(model, results, options))
    redelivered = [name for name, one in model.handlers().items() if one.redelivered]
    again = f"an event may be delivered again ({listed(redelivered)}); no others" if redelivered else "none"
    yield Stated("faults", f"{again}: no call fails, is throttled or loses its reply, and no request ends half-way")
    yield Stated("clock", "simulated; each request has its own, and its own random numbers")


def _isolation(model: type[Model], results: Sequence[ScenarioResult], options: Options) -> str:
    if model.service is not None:
        return "processes: the service's own, one for each request"
    if any(one.isolated for one in results):
        remarks = [remark for one in results for remark in one.remarks if remark.startswith(_SEPARATED)]
        if remarks:
            why = remarks[0].removeprefix(_SEPARATED)
        elif options.isolation == "processes":
            why = "--isolation processes asks for it"
        elif model.isolation == "processes":
            why = "the model asks for it"
        elif serves_functions(model):
            why = "an instance of a Lambda function serves one request at a time"
        else:
            why = "requests have threads of their own"
        return f"processes, one for each request: {why}"
    sharing = next((one.sharing for one in results if one.sharing), "")
    if sharing:
        return f"memory of one process, which requests were seen to share: {sharing.partition(chr(10))[0]}"
    return "memory of one process, which requests were not seen to share"


def _assumptions(
    model: type[Model], accesses: Accesses, results: Sequence[ScenarioResult], options: Options, represented: int
) -> Iterator[Stated]:
    replayed = sum(one.replayed for one in results)
    again = (
        f"{replayed:,} execution{' was' if replayed == 1 else 's were'} run again, with the same history"
        if replayed
        else "none was run again"
    )
    yield Stated(
        "deterministic", f"a request behaves alike whenever it is given the same inputs and responses: {again}"
    )
    sharing = any(one.sharing for one in results)
    if not (sharing or options.every_step or model.service is not None) and is_repeatable(
        options.backend, options.reads
    ):
        yield Stated(
            "memoised", "steps that were run before were not run again in every schedule; --every-step runs them all"
        )
    if represented > len(results):
        yield Stated(
            "names",
            f"{represented - len(results):,} scenarios were not run, because they differ from one that was by names only: each "
            "request was run alone under their names, in each local state, and did the same",
        )
    if accesses.clocks:
        yield Stated(
            "clock", f"{listed(sorted(accesses.clocks))} read the clock or random numbers: one value each was tried"
        )
    yield Stated("engine", _engine(options.backend))
    if model.services:
        yield Stated("services", f"calls to {listed(model.services)} were performed on moto, an imitation of AWS")
    if model.answers:
        yield Stated("answers", f"{listed(model.answers)} returned what the model declares")
    yield from _declared(model)
    yield Stated("output", "what handlers print or log is not compared")


def _engine(backend: str) -> str:
    words = {"embedded": "toctou's own engine", "moto": "moto, an imitation of AWS"}
    where = backend.partition("=")[2]
    return f"DynamoDB is {words.get(backend) or f'what answers at {where}'}"


def _declared(model: type[Model]) -> Iterator[Stated]:
    """What the model declares about its handlers, and nothing has checked."""
    if model.owns is not Model.owns:
        yield Stated("owner", "`owns` of the model says who may change an item")
    elif model.owner is not None:
        yield Stated(
            "owner", f"the owner of an item is whom its attribute {model.owner} names; an item without it has none"
        )
    if model.ignore:
        names = [
            f"{name} of {'responses' if part == 'body' else part}"
            for part, every in model.ignore.items()
            for name in every
        ]
        yield Stated("ignore", f"{listed(names)} may differ from what the requests leave one after the other")
    if accepted := _retryable(model):
        yield Stated(
            "retryable", f"a request that is refused without effect with {accepted} counts as not having happened"
        )
    if model.setup is not Model.setup:
        yield Stated("setup", "`setup` of the model stores the same each time")


def _retryable(model: type[Model]) -> str:
    rules = [model.retryable, *(one.retryable for one in model.handlers().values() if one.retryable is not None)]
    if any(callable(one) for one in rules):
        return "a status that `retryable` names"
    return listed(map(str, sorted({status for one in rules if not callable(one) for status in one})))


def _remaining(results: Sequence[ScenarioResult], missing: int) -> Iterator[str]:
    if missing:
        yield f"{missing:,} scenario{'' if missing == 1 else 's'} of the scope {'was' if missing == 1 else 'were'} not explored"
    stopped = [one for one in results if one.verdict is Verdict.INCONCLUSIVE and one.stop_reason not in _EXPLORED]
    for reason, count in sorted(Counter(str(one.stop_reason) for one in stopped).items()):
        schedules = sum(one.schedules for one in stopped if str(one.stop_reason) == reason)
        yield (
            f"{count:,} scenario{' is' if count == 1 else 's are'} inconclusive ({reason}), of which {schedules:,} "
            f"schedule{' was' if schedules == 1 else 's were'} run"
        )
    cut = sum(one.verdict is Verdict.VIOLATED and one.stop_reason is not None for one in results)
    if cut:
        yield f"{cut:,} violated scenario{' was' if cut == 1 else 's were'} not explored to the end"
