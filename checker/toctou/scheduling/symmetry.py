"""Which interchangeable requests are in the same local state after some steps.

Two requests are if exchanging them preserves what they saw and the partial order of all steps so far.  Everything that follows
a step of one then follows the same step of the other, with the two exchanged, so that one of the two need not be explored (Ip
and Dill, *Better Verification Through Symmetry*, FMSD 9, 1996).  Comparing only what they saw would lose classes: two requests
that read the same value may have begun on different sides of another request's write, which real time distinguishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toctou.history.footprint import Footprint
from toctou.scheduling.dependence import Dependent, Interchangeable

Taken = tuple[int, Footprint, Any]
"""A step: its request, what it counts as touching, and what its request saw of it."""


def alike(interchangeable: Interchangeable, depends: Dependent, taken: Sequence[Taken], one: int, other: int) -> bool:
    """Whether two requests are interchangeable and in the same local state after these steps."""
    if interchangeable[one] != interchangeable[other]:
        return False
    first, second = ([saw for request, _, saw in taken if request == actor] for actor in (one, other))
    if first != second:
        return False
    return not first or _order(taken, depends, {}) == _order(taken, depends, {one: other, other: one})


def _order(
    taken: Sequence[Taken], depends: Dependent, renamed: dict[int, int]
) -> frozenset[tuple[tuple[int, int], tuple[int, int]]]:
    """Which steps depend on which earlier ones, each named by its request, after renaming, and its number in it."""
    counts: dict[int, int] = {}
    steps: list[tuple[tuple[int, int], Footprint]] = []
    pairs = set()
    for original, footprint, _ in taken:
        request = renamed.get(original, original)
        event = request, counts.get(request, 0)
        counts[request] = event[1] + 1
        for earlier, earlier_footprint in steps:
            if earlier[0] == request or depends(earlier_footprint, footprint):
                pairs.add((earlier, event))
        steps.append((event, footprint))
    return frozenset(pairs)
