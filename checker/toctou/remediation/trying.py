"""Decides whether a remedy removes a race: it is applied, and every scenario of its handler is explored again.

A violation of the same cause, or a new one in the same handler, shows what else the remedy has to ask for: it is extended by that
and tried once more.  Where that does not help, the next candidate is tried.  A remedy that a backend refuses is never suggested.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from toctou import real_time
from toctou.analysis.cause import Site
from toctou.analysis.edit_words import Shown, remedy_text
from toctou.analysis.edits import Attempt, Edit, Remedy, Together, Tried, merged
from toctou.analysis.wording import Words
from toctou.client.backends import backend_named
from toctou.client.patches import Patches
from toctou.counterexample.violation import Violation
from toctou.declaration.isolation import isolation_name
from toctou.declaration.loading import LoadedModel
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.errors import ToctouError, contained
from toctou.execution.laboratory import Laboratory
from toctou.search.bench import Bench
from toctou.search.budget import Budget, Meter
from toctou.search.options import Options
from toctou.search.result import ScenarioResult
from toctou.search.work_item import WorkItem
from toctou.verdict import StopReason, Verdict

MOST_ROUNDS = 4
"""How often a remedy is extended."""

MOST_CANDIDATES = 6

LEAST_SCHEDULES = 2_000
_MORE = 4  # times the schedules that the model took
_SHARE = 0.5  # of the seconds for exploring, which are for trying in addition

_ENDED: Mapping[StopReason | None, str] = {
    StopReason.MAX_SECONDS: "the time for trying had ended",
    StopReason.MAX_SCHEDULES: "the schedules for trying had been spent",
}
_UNCHANGED = "no call of these scenarios is changed by it"

Fixing = Callable[[int, int], None]
"""Is told the number of the finding that is about to be looked at, and how many there are."""


def with_remedies(
    loaded: LoadedModel, results: Sequence[ScenarioResult], options: Options, fixing: Fixing, faults: list[str]
) -> tuple[ScenarioResult, ...]:
    """The results of a model, each violation with its remedy and what came of it; ``faults`` receives those of our own."""
    causes = _by_cause(results)
    if not causes:
        return tuple(results)
    trying = _Trying(loaded.model, results, options, faults)
    found: dict[Hashable, tuple[Attempt, tuple[Attempt, ...]]] = {}
    for at, (key, violations) in enumerate(causes.items(), 1):
        fixing(at, len(causes))
        attempts = list(trying.attempts(key, violations)) if options.fixes else _untried(violations[0])
        if attempts:
            best = min(attempts, key=lambda one: _ORDER.index(one.tried.outcome))
            shown = tuple(one for one in attempts if one is not best and one.tried.outcome == "remains")
            found[key] = best, shown
    found = trying.all_together(found)
    return tuple(
        replace(one, violations=tuple(_completed(violation, found) for violation in one.violations)) for one in results
    )


_ORDER = ("removed", "other", "not_tried", "remains", "refused")


def _completed(violation: Violation, found: dict[Hashable, tuple[Attempt, tuple[Attempt, ...]]]) -> Violation:
    known = found.get(cause_key(violation))
    return violation if known is None else replace(violation, remedy=known[0], attempts=known[1])


def _by_cause(results: Sequence[ScenarioResult]) -> dict[Hashable, list[Violation]]:
    causes: dict[Hashable, list[Violation]] = {}
    for one in results:
        for violation in one.violations:
            causes.setdefault(cause_key(violation), []).append(violation)
    # The clearest is the one whose remedies are tried.
    for violations in causes.values():
        violations.sort(
            key=lambda one: (-one.severity.score, len(one.execution.requests), len(one.execution.operations))
        )
    return dict(sorted(causes.items(), key=lambda one: -one[1][0].severity.score))


def cause_key(violation: Violation) -> Hashable:
    """What is the same for violations of one cause, whether or not a remedy has changed their calls."""
    return _decision(violation, ())


def _decision(violation: Violation, edits: Sequence[Edit]) -> Hashable:
    """The key of a cause, without its write where edits move the writes of the handler to another place."""
    cause = violation.cause
    window = cause.window
    moved = any(isinstance(one, Together) and one.places[0].handler == cause.handler for one in edits)
    place = "" if window.shared else cause.handler
    return place, _site(window.read), None if moved else _site(window.write), cause.other


def _site(site: Site | None) -> Hashable:
    return None if site is None else site.source or site.tables


def _untried(violation: Violation) -> list[Attempt]:
    why = "fixes were not to be tried"
    return [Attempt(one, Tried("not_tried", one.untried or why)) for one in violation.explanation.remedies[:1]]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of edits: ``tried``, and the violation that was met, if one was."""

    tried: Tried
    violation: Violation | None = None


class _Trying:
    def __init__(
        self, model: type[Model], results: Sequence[ScenarioResult], options: Options, faults: list[str]
    ) -> None:
        self._model = model
        self._faults = faults
        self._results = results
        self._options = options
        seconds = options.budget.max_seconds
        self._meter = Meter(Budget(max_seconds=seconds and seconds * _SHARE), real_time.seconds())
        self._all = [violation for one in results for violation in one.violations]
        self._known = {cause_key(violation) for violation in self._all}
        self._left = max(LEAST_SCHEDULES, _MORE * sum(one.schedules for one in results))

    def attempts(self, key: Hashable, violations: Sequence[Violation]) -> Iterator[Attempt]:
        """The remedies of a cause with what came of each, until one removes it: as they are, and then extended."""
        candidates = _candidates(violations)
        failed: list[Attempt] = []
        without_effect: list[Attempt] = []
        for rounds in (1, MOST_ROUNDS):
            for remedy in candidates if rounds == 1 else [one.remedy for one in failed]:
                if not remedy.edits:
                    yield Attempt(remedy, Tried("not_tried", remedy.untried))
                    continue
                trying = partial(self._attempt, remedy, key, violations, rounds)
                attempt = contained("trying a fix", trying, None, self._faults)
                if attempt is None:
                    yield Attempt(remedy, Tried("not_tried", "the checker failed while trying it"))
                    return
                if attempt.tried.outcome == "refused" or attempt.tried.text == _UNCHANGED:
                    without_effect.append(attempt)
                elif attempt.tried.outcome in ("removed", "not_tried"):
                    yield attempt
                    return
                elif rounds == 1:
                    failed.append(attempt)
        yield from failed or map(_left_over, without_effect[:1])

    def all_together(
        self, found: dict[Hashable, tuple[Attempt, tuple[Attempt, ...]]]
    ) -> dict[Hashable, tuple[Attempt, tuple[Attempt, ...]]]:
        """The same, having tried all remedies at once where there are several."""
        removing = {key: one for key, one in found.items() if one[0].tried.outcome == "removed"}
        if len(removing) < 2 or len(removing) < len(self._known):
            return found
        edits: tuple[Edit, ...] = ()
        for best, _ in removing.values():
            edits = merged(edits, best.remedy.edits)
        outcome = self._explored(edits, None, self._results, stop_at_known=True)
        if outcome.tried.outcome == "not_tried":
            return found
        what = outcome.tried.text if outcome.violation is None else "another race appears"
        others = len(removing) - 1
        said = f"with the {'fix' if others == 1 else f'{others} fixes'} of the other finding{'s' if others > 1 else ''}: {what}"
        return {
            key: (
                replace(best, tried=replace(best.tried, text=f"{best.tried.text}; {said}"))
                if key in removing
                else best,
                rest,
            )
            for key, (best, rest) in found.items()
        }

    def _attempt(self, remedy: Remedy, key: Hashable, violations: Sequence[Violation], rounds: int) -> Attempt:
        handlers = {one.cause.handler for one in violations}
        first = [one.execution.requests for one in violations]  # no set: a request may be given a list, or an event
        scenarios = [one for one in self._results if any(request.handler in handlers for request in one.requests)]
        scenarios.sort(key=lambda one: one.requests not in first)
        for at in range(rounds):
            outcome = self._explored(remedy.edits, key, scenarios)
            met = outcome.violation
            if met is None or (cause_key(met) != key and met.cause.handler not in handlers):
                return Attempt(remedy, outcome.tried)
            wider = next((one for one in _extended(remedy, met, violations[0]) if one.edits != remedy.edits), None)
            if wider is None or at == rounds - 1:
                break
            remedy = wider
        return Attempt(remedy, outcome.tried)

    def _explored(
        self,
        edits: tuple[Edit, ...],
        key: Hashable,
        scenarios: Sequence[ScenarioResult],
        *,
        stop_at_known: bool = False,
    ) -> _Outcome:
        """Explore scenarios with edits until something speaks against them."""
        budget = replace(self._meter.budget, max_schedules=self._options.budget.max_schedules or self._left)
        options = replace(self._options, confirm=False, budget=budget)
        meter = replace(self._meter, budget=budget)
        schedules, explored, others = 0, 0, False
        with closing(Bench(options, edits)) as bench:
            explorer = bench.explorer(self._model)
            patches = explorer.patches
            for one in scenarios:
                work_item = WorkItem(Scenario(one.requests), symmetry=options.symmetric)
                while (advance := explorer.advance(work_item, meter)).again is not None:
                    work_item = advance.again
                result = advance.tally.result(Scenario(one.requests))
                schedules += result.schedules
                explored += 1
                self._left -= result.schedules + result.redundant
                if result.stop_reason is StopReason.INTERRUPTED:
                    raise KeyboardInterrupt
                if patches.refused:
                    return _Outcome(Tried("refused", patches.refused, schedules, explored))
                known = () if stop_at_known else self._others(key, edits)
                against = [violation for violation in result.violations if _decision(violation, edits) not in known]
                if against:
                    if not patches.applied:
                        return _Outcome(Tried("not_tried", patches.unfit or _UNCHANGED))
                    return _Outcome(_met(against[0], key, schedules, explored), against[0])
                others = others or bool(result.violations)
                if result.verdict is Verdict.INCONCLUSIVE or self._left <= 0:
                    return _Outcome(self._cut_off(result, schedules, explored, len(scenarios)))
        return _Outcome(self._concluded(patches, edits, schedules, explored, others=others))

    def _others(self, key: Hashable, edits: Sequence[Edit]) -> set[Hashable]:
        """The causes of the other findings, which are not to be removed."""
        others = [one for one in self._all if cause_key(one) != key]
        own = {_decision(one, edits) for one in self._all if cause_key(one) == key}
        return {_decision(one, edits) for one in others} - own

    def _cut_off(self, result: ScenarioResult, schedules: int, explored: int, total: int) -> Tried:
        why = _ENDED.get(result.stop_reason) or result.detail.partition("\n")[0] or "more was not to be tried"
        if not schedules:
            return Tried("not_tried", why)
        seen = f"{_count(schedules, 'schedule')} of {explored} of {_count(total, 'scenario')}"
        text = f"no violation in {seen}, then {why}"
        return Tried("not_tried", text, schedules, explored)

    def _concluded(
        self, patches: Patches, edits: tuple[Edit, ...], schedules: int, explored: int, *, others: bool
    ) -> Tried:
        if not patches.applied:
            return Tried("not_tried", patches.unfit or _UNCHANGED)
        if not patches.succeeded:
            return Tried("remains", "the call never succeeds with it", schedules, explored)
        if self._options.confirm and (refused := self._refused_elsewhere(edits)):
            return Tried("refused", refused, schedules, explored)
        where = f"{_count(schedules, 'schedule')} of {_count(explored, 'scenario')}"
        if others:
            return Tried("removed", f"this finding is gone in {where}; the other findings remain", schedules, explored)
        return Tried("removed", f"no violation in {where}", schedules, explored)

    def _refused_elsewhere(self, edits: tuple[Edit, ...]) -> str:
        """What the second backend has against calls that are changed by the edits."""
        isolation = isolation_name(isolated=any(one.isolated for one in self._results))
        try:
            with (
                closing(backend_named(self._options.second_backend)) as backend,
                Laboratory(self._model, backend, self._options.limits, isolation, edits).opened() as laboratory,
            ):
                for one in self._results:
                    if laboratory.patches.applied:
                        break
                    laboratory.serial(Scenario(one.requests), range(len(one.requests)), afresh=True)
                return laboratory.patches.refused
        except ToctouError:
            return ""  # nothing is known of the second backend then, which refuses nothing


def _candidates(violations: Sequence[Violation]) -> Sequence[Remedy]:
    """Those of the clearest violation of each kind, without those that ask for the same."""
    clearest = {one.explanation.anomaly: one for one in reversed(violations)}
    ordered = sorted(clearest.values(), key=violations.index)
    found: dict[tuple[Edit, ...], Remedy] = {}
    for violation in ordered:
        for one in violation.explanation.remedies:
            found.setdefault(one.edits, one)
    return list(found.values())[:MOST_CANDIDATES]


def _extended(remedy: Remedy, met: Violation, first: Violation) -> Iterator[Remedy]:
    """The remedy of a violation with what one that was met despite it asks for."""
    for one in met.explanation.remedies:
        if one.edits:
            edits = merged(remedy.edits, one.edits)
            if len(edits) > len(remedy.edits):
                text = f"{remedy.text}.  Besides: {one.text}"
            else:  # it asks for more at the same places
                text = remedy_text(Shown(Words(first.execution), first.finding), edits)
            yield Remedy(edits, text)


def _left_over(attempt: Attempt) -> Attempt:
    """What is said of a remedy without effect where there is no other: as it stands, it is no fix."""
    if attempt.tried.outcome != "refused":
        return attempt
    return replace(attempt, tried=Tried("not_tried", f"it is not accepted as it stands: {attempt.tried.text}"))


def _met(violation: Violation, key: Hashable, schedules: int, explored: int) -> Tried:
    headline = violation.explanation.headline
    if cause_key(violation) == key:
        return Tried("remains", headline, schedules, explored)
    handlers = " × ".join(request.handler for request in violation.execution.requests)
    return Tried("other", f"{handlers}: {violation.explanation.anomaly_title}: {headline}", schedules, explored)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
