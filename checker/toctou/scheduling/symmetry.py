"""Which interchangeable requests are in the same local state after some steps.

They are where exchanging them leaves the steps taken so far as they are: what they saw, and which steps depend on which.
Whatever follows a step of one then follows, with the two exchanged, the same step of the other, so that one of the two need
not be explored (the idea of Ip and Dill, *Better Verification Through Symmetry*, FMSD 9, 1996).  Going only by what they saw
would lose classes: two requests that read the same value may have begun on different sides of another request's write, which
real time distinguishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toctou.history.footprint import Footprint
from toctou.scheduling.dependence import Dependent, Interchangeable

Taken = tuple[int, Footprint, Any]
"""A step: its request, what it is taken to touch, and what its request saw of it."""


def alike(interchangeable: Interchangeable, depends: Dependent, taken: Sequence[Taken], one: int, other: int) -> bool:
    """Whether two requests are interchangeable and in the same local state after these steps."""
    if interchangeable[one] != interchangeable[other]:
        return False
    seen = {asked: [saw for request, _, saw in taken if request == asked] for asked in (one, other)}
    if seen[one] != seen[other]:
        return False
    if not seen[one]:
        return True
    return _order(taken, depends, {}) == _order(taken, depends, {one: other, other: one})


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
