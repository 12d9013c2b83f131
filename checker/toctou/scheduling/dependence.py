"""The partial order behind one execution, and what follows from it without running anything.

Two executions are equivalent if one becomes the other by swapping neighbouring operations that do not depend on each other
(Mazurkiewicz traces).  All of them give the same responses and the same stored items, so one is run for the class.  Two
questions concern the whole class: how many interleavings it represents (:func:`interleavings`), and whether a sibling orders
*requests* differently in real time (:func:`real_time_siblings`), which decides whether they are strictly serializable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import permutations

from toctou.history.footprint import EMPTY, Footprint, dependent

_REMEMBERED = 512
"""Partial orders whose results are memoised, per function: enough for what recurs, and a megabyte or two of sets."""

Dependent = Callable[[Footprint, Footprint], bool]
Interchangeable = Sequence[int]
"""For each request, the number of its group; requests of one group are interchangeable.  Empty if none are."""

_MOST_PAIRS = 4_096
"""Pairs of footprints whose dependence is memoised."""


class Remembered:
    """A memoised dependence: most executions of a scenario share their footprints."""

    def __init__(self, depends: Dependent) -> None:
        self._depends = depends
        self._known: dict[tuple[int, int], tuple[bool, Footprint, Footprint]] = {}

    def __call__(self, left: Footprint, right: Footprint) -> bool:
        """See :data:`Dependent`."""
        pair = id(left), id(right)
        known = self._known.get(pair)
        if known is None:
            if len(self._known) >= _MOST_PAIRS:
                self._known.clear()
            # Keeping both prevents other footprints from getting their identities.
            known = self._known[pair] = self._depends(left, right), left, right
        return known[0]

    def __reduce__(self) -> tuple[type[Remembered], tuple[Dependent]]:
        return Remembered, (self._depends,)


def writes_in_order(left: Footprint, right: Footprint) -> bool:
    """For oracles that observe the order of all writes."""
    return (left.writes_something and right.writes_something) or dependent(left, right)


def in_order(left: Footprint, right: Footprint) -> bool:
    """For oracles that observe the order of all operations; a step that performs none has no place in it."""
    return EMPTY not in (left, right)


Order = tuple[int, ...]
"""Positions of steps in a new order."""

# Per step of an execution: the request it belongs to, and the earlier positions that must stay before it.
Shape = tuple[tuple[int, frozenset[int]], ...]


def shape(steps: Sequence[tuple[int, Footprint]], depends: Dependent = dependent) -> Shape:
    """The partial order of an execution given as (request, footprint) in order."""
    rows: list[tuple[int, frozenset[int]]] = []
    for later, (request, footprint) in enumerate(steps):
        before = frozenset(
            earlier
            for earlier, (other, earlier_footprint) in enumerate(steps[:later])
            if other == request or depends(earlier_footprint, footprint)
        )
        rows.append((request, before))
    return tuple(rows)


@lru_cache(maxsize=_REMEMBERED)
def interleavings(order: Shape) -> int:
    """How many interleavings of the operations respect the partial order (its linear extensions)."""
    counts: dict[frozenset[int], int] = {frozenset(): 1}
    for _ in order:
        longer: dict[frozenset[int], int] = {}
        for done, ways in counts.items():
            for position, (_, before) in enumerate(order):
                if position not in done and before <= done:
                    grown = done | {position}
                    longer[grown] = longer.get(grown, 0) + ways
        counts = longer
    return sum(counts.values())


@lru_cache(maxsize=_REMEMBERED)
def mirror_images(order: Shape, interchangeable: tuple[int, ...]) -> int:
    """How many different partial orders result from exchanging interchangeable requests, this one included."""
    if len(set(interchangeable)) == len(interchangeable):
        return 1
    taken: dict[int, int] = {}
    events: list[tuple[int, int]] = []
    for request, _ in order:
        events.append((request, taken.get(request, 0)))
        taken[request] = taken.get(request, 0) + 1
    pairs = [(events[earlier], event) for event, (_, before) in zip(events, order, strict=True) for earlier in before]
    images = set()
    for renamed in permutations(range(len(interchangeable))):
        if all(interchangeable[one] == interchangeable[other] for one, other in enumerate(renamed)):
            image = frozenset(((renamed[a], m), (renamed[b], n)) for (a, m), (b, n) in pairs)
            images.add((image, frozenset((renamed[request], count) for request, count in taken.items())))
    return len(images)


@lru_cache(maxsize=_REMEMBERED)
def real_time_siblings(order: Shape, requests: int) -> tuple[Order, ...]:
    """Equivalent orders of the steps whose real-time orders of requests, with the executed one, imply all others.

    An explanation that agrees with a real-time order agrees with every weaker one, so the strongest are enough.  Take any
    equivalent order, and its requests in the order of their ends; pull them to the front in that order, each together with
    the steps that it depends on.  Those precede the request's end, so that everything that began after that end still does:
    the result is at least as strong.  So pulling the requests forward in each of their permutations misses nothing.  (Cycles
    of real time and data dependencies are not enough: a reference may make two requests dependent that share no item.)
    """
    before = _closure(order)
    strongest: dict[frozenset[tuple[int, int]], Order] = {}
    executed = tuple(range(len(order)))
    strongest[_real_time(order, executed)] = executed
    if _possible(order, before, requests) in strongest:
        return ()
    for pulled in _pulled_forward(order, before, requests):
        strongest.setdefault(_real_time(order, pulled), pulled)
    return tuple(
        sibling
        for real_time, sibling in strongest.items()
        if sibling != executed and not any(real_time < other for other in strongest)
    )


def _real_time(order: Shape, sequence: Order) -> frozenset[tuple[int, int]]:
    """Pairs of requests of which the first ended before the second began."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, position in enumerate(sequence):
        request = order[position][0]
        first.setdefault(request, at)
        last[request] = at
    return frozenset((one, other) for one, end in last.items() for other, begin in first.items() if end < begin)


def _possible(order: Shape, before: list[frozenset[int]], requests: int) -> frozenset[tuple[int, int]]:
    """Pairs of requests of which the first ends before the second begins in some equivalent order."""
    needs: list[set[int]] = [set() for _ in range(requests)]
    for (request, _), earlier in zip(order, before, strict=True):
        needs[request].add(request)
        needs[request].update(order[position][0] for position in earlier)
    present = [request for request in range(requests) if needs[request]]
    return frozenset((one, other) for one in present for other in present if other not in needs[one])


def _closure(order: Shape) -> list[frozenset[int]]:
    closed: list[frozenset[int]] = []
    for _, direct in order:
        closed.append(direct.union(*(closed[earlier] for earlier in direct)))
    return closed


def _pulled_forward(order: Shape, before: list[frozenset[int]], requests: int) -> Iterator[Order]:
    """The requests one after the other, each preceded by what it needs, in each of their permutations."""
    own = [frozenset(at for at, (one, _) in enumerate(order) if one == request) for request in range(requests)]
    needed = [sorted(steps.union(*(before[at] for at in steps))) for steps in own]

    def extend(taken: Order, left: Sequence[int]) -> Iterator[Order]:
        done = frozenset(taken)
        # A request whose steps others have all needed adds nothing: permutations that differ only in its position coincide.
        left = [request for request in left if not own[request] <= done]
        if not left:
            yield taken
        for request in left:
            yield from extend((*taken, *(at for at in needed[request] if at not in done)), left)

    return extend((), range(requests))
