"""Interleaves recorded requests within a budget: which pairs, in which states, the most severe windows first.

A pair is explored in the state that was recorded before one of its requests; the other one is brought there by replacing its
identifiers (:mod:`toctou.recording.transplanting`), and counts as brought if it is answered there alone as it was in its own
test.  Besides requests of two tests, a pair may be one request twice (sent again by its client), or the same by two callers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations_with_replacement, islice
from typing import Any

from toctou import real_time
from toctou.checking.check import check
from toctou.client.performed_again import services_after
from toctou.declaration.loading import LoadedModel
from toctou.errors import ToctouError, contained
from toctou.recording.callers import NOBODY, Callers
from toctou.recording.kinds import kind
from toctou.recording.leaves import Place, leaves
from toctou.recording.reconstruction import Reconstructed
from toctou.recording.recorded_models import Part, model_of
from toctou.recording.requested import Arguments
from toctou.recording.table_of_windows import WindowRow
from toctou.recording.transplanting import as_caller, mapping, transplanted, with_names
from toctou.scan.probe import Probe, SoloRun, probing
from toctou.scheduling.control import beginning_at
from toctou.search.budget import Budget
from toctou.search.options import Options
from toctou.search.result import ModelResult
from toctou.verdict import StopReason

_OF_ONE_STATE = 10.0
"""Seconds that the pairs of one state may take, so that one large state does not take all of the budget."""

_LONGEST_SESSION = 86_400.0
"""Seconds between the first and the last request of a session whose clock nobody has stopped."""

_MOST_OTHERS = 24
_MOST_BASES = 3
_ENDED = (StopReason.MAX_SECONDS, StopReason.INTERRUPTED)
_MOST_STATES = 6
_OTHER_CALLERS = 2
_OTHER_BODIES = 3

Names = Mapping[int, str]
"""By a request's number, its handler."""


@dataclass(frozen=True, slots=True)
class Explored:
    """What was explored in one state.

    Attributes:
        base: the request before which it was.
        result: of the state as a model, with a scenario for each pair.
        tests: by the name of each request, the test that it comes from.
    """

    base: Reconstructed
    result: ModelResult
    tests: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Interleaved:
    """What came of interleaving.

    Attributes:
        explored: one entry for each state.
        unreplayable: handlers whose requests are not answered outside of their tests as they were in them, and why.
        left: pairs of handlers that were not explored, because the budget had ended.
        apart: pairs of handlers that write in the same tables, and of which neither was accepted in a state of the other.
        faults: texts of faults of toctou itself.
        seconds: how long it took.
    """

    explored: list[Explored] = field(default_factory=list)
    unreplayable: dict[str, str] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    apart: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Interleaving:
    """Interleaves the requests of a session.

    Args:
        requests: all of them.
        names: their handlers, in the same order.
        callers: who calls.
        windows: the most severe first.
        raises: by entry, exceptions by which its functions refuse.
        seconds: the budget.
    """

    def __init__(
        self,
        requests: Sequence[Reconstructed],
        names: Sequence[str],
        callers: Callers,
        windows: Sequence[WindowRow],
        *,
        raises: Mapping[str, set[str]],
        seconds: float,
    ) -> None:
        self._names: Names = {one.requested.number: name for one, name in zip(requests, names, strict=True)}
        self._callers = callers
        self._raises = raises
        self._budget = seconds
        self._scores = _scores(windows)
        counts: Counter[str] = Counter()
        tests = dict.fromkeys(one.requested.test for one in requests)
        alike = Counter(one.rpartition("::")[2] for one in tests)
        alike_inside = Counter(one.partition("::")[2] for one in tests)
        self._labels: dict[int, str] = {}
        for one in requests:
            counts[one.requested.test] += 1
            short = one.requested.test.rpartition("::")[2]
            name = short if alike[short] == 1 else one.requested.test.partition("::")[2]
            name = name if alike_inside[name] <= 1 else one.requested.test
            self._labels[one.requested.number] = f"{name} #{counts[one.requested.test]}"
        usable = [one for one in requests if not one.doubt and one.response is not None and one.operations]
        kinds: dict[Hashable, list[Reconstructed]] = {}
        for one in usable:
            kinds.setdefault(kind(one, self._names[one.requested.number]), []).append(one)
        self._kinds = kinds
        self._known_callers = list(dict.fromkeys(callers.of(one) for one in requests))
        self._tried: set[Hashable] = set()
        self._unfinished: set[frozenset[Hashable]] = set()
        self._interrupted = False
        self._done: set[frozenset[Hashable]] = set()
        self.result = Interleaved()

    def run(self, status: Callable[[str], None] = lambda _: None) -> Interleaved:
        """Explore until everything is, or the budget has ended; an interrupt ends it as well."""
        begun = real_time.seconds()
        bases = self._bases()
        try:
            for at, (own, candidates) in enumerate(bases, 1):
                name = self._name(candidates[0])
                status(f"{at} of {len(bases)}: {name}")
                for base in candidates:
                    rest = self._budget - (real_time.seconds() - begun)
                    if rest <= 0:
                        break
                    self._tried.add(own)
                    explore = partial(self._explored, own, base, min(rest, _OF_ONE_STATE))
                    explored = contained(f"the requests around {name}", explore, None, self.result.faults)
                    if explored is not None:
                        self.result.explored.append(explored)
                        _raise_if_interrupted(explored.result)
                    if name not in self.result.unreplayable:
                        break
                    if base is not candidates[-1]:
                        del self.result.unreplayable[name]
            self._meet_elsewhere(begun, status)
        except KeyboardInterrupt:
            self._interrupted = True
        self.result.seconds = real_time.seconds() - begun
        self._note_left()
        return self.result

    def _meet_elsewhere(self, begun: float, status: Callable[[str], None]) -> None:
        """Bring pairs together in later states of their kinds, that were not in the first ones."""
        pending = list(self._unexplored())
        for at, (own, other) in enumerate(pending, 1):
            status(f"pairs that have not met: {at} of {len(pending)}")
            for one, another in ((own, other), (other, own)):
                for base in self._kinds[one][1:_MOST_STATES]:
                    rest = self._budget - (real_time.seconds() - begun)
                    if rest <= 0:
                        return
                    if frozenset({one, another}) in self._done or not base.accepted:
                        continue
                    explore = partial(self._explored, one, base, min(rest, _OF_ONE_STATE), another)
                    explored = contained("requests that have not met", explore, None, self.result.faults)
                    if explored is not None:
                        self.result.explored.append(explored)
                        _raise_if_interrupted(explored.result)

    def _unexplored(self) -> Iterator[tuple[Hashable, Hashable]]:
        """Pairs of kinds that write in the same tables, and neither were explored nor commute."""
        writing = [(own, one[0]) for own, one in self._kinds.items() if one[0].accepted and one[0].writes]
        for (own, one), (other, another) in combinations_with_replacement(writing, 2):
            if frozenset({own, other}) not in self._done and _tables(one) & _tables(another):
                yield own, other

    def _bases(self) -> list[tuple[Hashable, Sequence[Reconstructed]]]:
        """Accepted requests of each kind, those with the most severe windows first, then those that write."""
        found = [
            (own, requests[:_MOST_BASES])
            for own, requests in self._kinds.items()
            if requests[0].accepted and (requests[0].writes or self._score(requests[0]))
        ]
        return sorted(found, key=lambda one: -self._score(one[1][0]))

    def _score(self, request: Reconstructed) -> int:
        return self._scores.get(self._names[request.requested.number], 0)

    def _others(self, own: Hashable, base: Reconstructed) -> list[tuple[Hashable, Reconstructed]]:
        """Requests that may meet it: accepted ones that write in its tables, one or two of each kind."""
        tables = _tables(base)
        found = [
            (other, one)
            for other, requests in self._kinds.items()
            for one in (self._other_values(base, requests) if other == own else requests[:1])
            if one.accepted and (one.writes or other == own) and tables & _tables(one)
            if frozenset({own, other}) not in self._done
        ]
        return sorted(found, key=lambda one: (one[0] != own, -self._score(one[1])))[:_MOST_OTHERS]

    def _other_values(self, base: Reconstructed, requests: Sequence[Reconstructed]) -> list[Reconstructed]:
        """The first request of the same kind that says something else, whatever its identifiers."""
        for one in requests[:_MOST_OTHERS]:
            if one is not base:
                own = with_names(one.requested.arguments, mapping(one, base, self._callers))
                if _data_of(own) != _data_of(base.requested.arguments):
                    return [one]
        return []

    def _explored(
        self, own: Hashable, base: Reconstructed, seconds: float, only: Hashable | None = None
    ) -> Explored | None:
        others = self._others(own, base) if only is None else [(only, self._kinds[only][0])]
        raises = frozenset(self._raises.get(base.requested.entry.name, ()))
        first = Part(
            base,
            self._name(base),
            self._callers.of(base),
            base.requested.arguments,
            self._labels[base.requested.number],
            raises,
        )
        surroundings = base.requested.surroundings
        began = _began(base, [one for _, one in others])
        with surroundings.restored(), beginning_at(began), services_after(base.services):
            parts = self._brought(own, first, others, real_time.seconds() + seconds / 2)
            if not parts:
                return None
            pairs, met = self._pairs(own, first, parts)
            if not pairs:
                return None
            everybody = list(dict.fromkeys(one for pair in pairs for one in pair))
            model = model_of(base, everybody, pairs, owner=self._callers.owner)
            options = Options(requests=2, budget=Budget(max_seconds=seconds))
            try:
                run = check([LoadedModel(_model_name(base, first), model)], options)
            except ToctouError as refused:
                self.result.unreplayable.setdefault(self._name(base), str(refused).partition("\n")[0])
                return None
        return self._concluded(base, pairs, met, run.models[0])

    def _concluded(
        self,
        base: Reconstructed,
        pairs: Sequence[tuple[Part, Part]],
        met: Sequence[frozenset[Hashable]],
        result: ModelResult,
    ) -> Explored:
        by_requests = {tuple(part.request for part in pair): other for pair, other in zip(pairs, met, strict=True)}
        for scenario in result.scenarios:
            pair = by_requests[scenario.requests]
            (self._unfinished if scenario.stop_reason in _ENDED else self._done).add(pair)
        tests = {part.label: part.recorded.requested.test for pair in pairs for part in pair}
        return Explored(base, result, tests)

    def _name(self, request: Reconstructed) -> str:
        return self._names[request.requested.number]

    def _brought(
        self, own: Hashable, first: Part, others: Sequence[tuple[Hashable, Reconstructed]], until: float
    ) -> list[tuple[Hashable, Part, SoloRun]]:
        """The request itself, and those others that are answered in its state as they were in their own."""
        candidates: list[tuple[Hashable, list[Part]]] = []
        for other, one in others:
            if clash := first.recorded.requested.surroundings.clash(one.requested.surroundings):
                self.result.unreplayable.setdefault(f"{first.handler} × {self._name(one)}", clash)
                continue
            candidates.append((other, list(self._candidates(first, one))))
        if first.recorded.writes and not any(other == own for other, _ in others):
            candidates.append((own, list(_with_other_bodies(first))))
        candidates += [(own, [one]) for one in other_callers(first, self._callers, self._known_callers)]
        everybody = [first, *(part for _, parts in candidates for part in parts)]
        found: list[tuple[Hashable, Part, SoloRun]] = []
        with probing(model_of(first.recorded, everybody, (), owner=None), Options()) as probe:
            run = self._replayed(probe, first)
            if run is None:
                return []
            found.append((own, first, run))
            for other, parts in candidates:
                for part in parts if real_time.seconds() < until else ():
                    solo = probe.run(part.request)
                    if solo.response is not None and solo.response.status == _status(part.recorded) and solo.operations:
                        found.append((other, part, solo))
                        break
        return found

    def _replayed(self, probe: Probe, first: Part) -> SoloRun | None:
        """The request alone; ``None`` if it is not answered as it was in its test."""
        run = probe.run(first.request)
        if run.response is not None and run.response.status == _status(first.recorded):
            return run
        instead = run.fault.partition("\n")[0] or f"it is answered {run.response} instead of {_status(first.recorded)}"
        self.result.unreplayable.setdefault(first.handler, f"{first.label}: {instead}")
        return None

    def _candidates(self, first: Part, other: Reconstructed) -> Iterator[Part]:
        raises = frozenset(self._raises.get(other.requested.entry.name, ()))
        place = self._callers.places.get(other.requested.entry.name)
        for at, arguments in enumerate(transplanted(other, first.recorded, self._callers)):
            moved = replace(other, requested=replace(other.requested, arguments=arguments))
            label = self._labels[other.requested.number] + (f" ({at + 1})" if at else "")
            caller = self._callers.of(moved) if place is not None else NOBODY
            yield Part(other, self._name(other), caller, arguments, label, raises)

    def _pairs(
        self, own: Hashable, first: Part, parts: Sequence[tuple[Hashable, Part, SoloRun]]
    ) -> tuple[list[tuple[Part, Part]], list[frozenset[Hashable]]]:
        """What is explored: the request with itself, and with each other one that conflicts."""
        (_, _, alone), *others = parts
        pairs: list[tuple[Part, Part]] = []
        met: list[frozenset[Hashable]] = []
        if alone.writes and frozenset({own}) not in self._done:
            pairs.append((first, first))
            met.append(frozenset({own}))
        for other, part, solo in others:
            if alone.conflicts_with(solo):
                pairs.append((first, part))
                met.append(frozenset({own, other}))
            else:
                self._done.add(frozenset({own, other}))  # whichever comes first makes no difference
        return pairs, met

    def _note_left(self) -> None:
        """The pairs that were not explored, and why."""
        spent = self._interrupted or self.result.seconds >= self._budget
        for own, other in self._unexplored():
            pair = self._name(self._kinds[own][0]), self._name(self._kinds[other][0])
            if frozenset({own, other}) in self._unfinished or (spent and not {own, other} <= self._tried):
                self.result.left.append(pair)
            elif not {f"{pair[0]} × {pair[1]}", *pair} & self.result.unreplayable.keys():
                self.result.apart.append(pair)
        self.result.left = list(dict.fromkeys(self.result.left))
        self.result.apart = list(dict.fromkeys(self.result.apart))


def _raise_if_interrupted(result: ModelResult) -> None:
    """A check ends at an interrupt, and returns what it has; the others are not to begin."""
    if any(one.stop_reason is StopReason.INTERRUPTED for one in result.scenarios):
        raise KeyboardInterrupt


def _began(base: Reconstructed, others: Sequence[Reconstructed]) -> int:
    """When clocks begin: with the last of the requests, or what was signed for it would not be valid yet.

    A test that has stopped its clock at some other time is not waited for.
    """
    times = [one.requested.time for one in (base, *others)]
    return int(max(time for time in times if time - times[0] < _LONGEST_SESSION)) + 1


def _with_other_bodies(first: Part) -> Iterator[Part]:
    """The same request with other bodies, which the suite does not show, but the application's schema allows."""
    for at, arguments in enumerate(islice(first.recorded.requested.entry.others(first.arguments), _OTHER_BODIES), 1):
        yield replace(first, arguments=arguments, label=f"{first.label}, another body ({at})")


def other_callers(first: Part, callers: Callers, known: Sequence[str]) -> Iterator[Part]:
    """The same request as others of the suite make it."""
    place = callers.places.get(first.recorded.requested.entry.name)
    if place is None:
        return
    for caller in [one for one in known if one not in (first.principal, NOBODY)][:_OTHER_CALLERS]:
        arguments = as_caller(first.arguments, place, caller)
        yield replace(first, principal=caller, arguments=arguments, label=f"{first.label} as {caller}")


def _data_of(arguments: Arguments) -> list[tuple[Place, Any]]:
    return list(leaves(arguments))


def _scores(windows: Sequence[WindowRow]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in windows:
        found[one.handler] = max(found.get(one.handler, 0), one.score)
    return found


def _status(request: Reconstructed) -> int | None:
    return None if request.response is None else request.response.status


def _tables(request: Reconstructed) -> frozenset[str]:
    return frozenset(
        name
        for operation in request.operations
        for name in (
            *(item.table for item in operation.footprint.items()),
            *(one.table for one in operation.footprint.ranges),
        )
    )


def _model_name(base: Reconstructed, first: Part) -> str:
    """As models are named: the file, and the test in it with the number of the request."""
    file, _, inside = base.requested.test.partition("::")
    return f"{file}:{inside} #{first.label.rpartition('#')[2]}".replace("::", ".")
