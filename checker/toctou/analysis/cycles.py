"""Finds the cycles between requests, the most explanatory ones first.

A cycle takes one edge between each two neighbouring requests.  There are often many: the order in which they are given
prefers those that go through the operations which an oracle found wrong, then short ones, then edges whose writer
really changed a value, then edges that need no explanation of real time.  Few requests run at once, so all cycles are
considered, up to :data:`MOST_CYCLES`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import islice, product

import networkx as nx

from toctou.analysis.dependencies import Dependency
from toctou.analysis.happens_before import RequestGraph
from toctou.history.footprint import EdgeKind

MOST_CYCLES = 5_000
_REMEMBERED = 512
Cycle = tuple[Dependency, ...]
"""Dependencies that lead from request to request and back to the first; each ends in the request where the next starts."""

_TELLING = {EdgeKind.RW: 0, EdgeKind.WR: 1, EdgeKind.WW: 1, EdgeKind.RT: 3}


def cycles(graph: RequestGraph, offending: Collection[int] = (), about: Collection[int] = ()) -> tuple[Cycle, ...]:
    """Every cycle between requests, the most explanatory one first.

    Args:
        offending: positions of operations; if cycles go through any of them, only those are given.
        about: indices of requests; preferred to other requests.
    """
    found = list(islice(_all_cycles(graph), MOST_CYCLES))
    through = [(requests, cycle) for requests, cycle in found if _touches(cycle, offending)]

    def rank(candidate: tuple[tuple[int, ...], Cycle]) -> tuple[int, ...]:
        requests, cycle = candidate
        return (
            len(cycle),
            len(set(requests) - set(about)),
            sum(not one.changed for one in cycle if one.kind is not EdgeKind.RT),
            sum(_TELLING[one.kind] for one in cycle),
            sum(one.judged for one in cycle),
            *sorted(one.later for one in cycle),
        )

    return tuple(cycle for _, cycle in sorted(through or found, key=rank))


def _touches(cycle: Cycle, offending: Collection[int]) -> bool:
    return any(one.earlier in offending or one.later in offending for one in cycle)


def _all_cycles(graph: RequestGraph) -> Iterator[tuple[tuple[int, ...], Cycle]]:
    for requests in _ways_around(tuple((earlier, tuple(later)) for earlier, later in graph.items())):
        steps = zip(requests, [*requests[1:], requests[0]], strict=True)
        for cycle in product(*(graph[earlier][later] for earlier, later in steps)):
            yield requests, cycle


@lru_cache(maxsize=_REMEMBERED)
def _ways_around(graph: tuple[tuple[int, tuple[int, ...]], ...]) -> tuple[tuple[int, ...], ...]:
    """Executions are many, graphs of a few requests are few."""
    drawn = nx.from_dict_of_lists(dict(graph), create_using=nx.DiGraph)
    return tuple(tuple(requests) for requests in islice(nx.simple_cycles(drawn), MOST_CYCLES))
