"""Builds the happens-before graph of an execution, between operations and between requests.

Between operations the graph has program order, the adjacent data dependencies and real time; apart from stale reads
all its edges point forward in time, so it has no cycle.  The contradiction shows once every request is collapsed into
the one step that it was meant to be: then a cycle says that no serial order of the requests agrees with all edges,
which is Adya's and Bernstein's criterion for serializability, and with the real-time edges that of strict
serializability.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import networkx as nx

from toctou.analysis.dependencies import Dependency
from toctou.history.footprint import EdgeKind
from toctou.history.operation import Execution

RequestGraph = Mapping[int, Mapping[int, Sequence[Dependency]]]
"""Each request, by index, to the requests that it comes before, and why."""


def operation_graph(execution: Execution, found: Sequence[Dependency]) -> nx.MultiDiGraph:
    """Operations by position, with ``request`` and ``action``; edges have ``kind`` and ``dependency``.

    Dependencies within one request are left out, since program order says the same.
    """
    graph = nx.MultiDiGraph()
    for position, operation in enumerate(execution.operations):
        graph.add_node(position, request=operation.request, action=operation.action)
    for one in (*program_order(execution), *crossing(execution, found), *_real_time(execution, _reduced(execution))):
        graph.add_edge(one.earlier, one.later, kind=str(one.kind), dependency=one)
    return graph


def request_graph(execution: Execution, found: Sequence[Dependency], requests: Iterable[int]) -> RequestGraph:
    """The given requests, and each dependency and real-time edge between two of them."""
    operations = execution.operations
    graph: dict[int, dict[int, list[Dependency]]] = {request: {} for request in requests}
    for edges in (found, _real_time(execution, _in_real_time(execution))):
        for one in edges:
            earlier, later = operations[one.earlier].request, operations[one.later].request
            if earlier != later and earlier in graph and later in graph:
                graph[earlier].setdefault(later, []).append(one)
    return graph


def crossing(execution: Execution, found: Sequence[Dependency]) -> Iterator[Dependency]:
    """The dependencies between different requests, and what one request missed of itself, which program order does not say."""
    operations = execution.operations
    return (one for one in found if one.stale or operations[one.earlier].request != operations[one.later].request)


def program_order(execution: Execution) -> Iterator[Dependency]:
    """From each operation to the next of the same request."""
    for request in range(len(execution.requests)):
        positions = execution.of_request(request)
        for earlier, later in pairwise(positions):
            yield Dependency(EdgeKind.PO, earlier, later)


def _real_time(execution: Execution, pairs: Iterable[tuple[int, int]]) -> Iterator[Dependency]:
    """From the last operation of a request to the first of one that was invoked after it had answered."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, one in enumerate(execution.operations):
        first.setdefault(one.request, at)
        last[one.request] = at
    for earlier, later in pairs:
        yield Dependency(EdgeKind.RT, last[earlier], first[later])


def _in_real_time(execution: Execution) -> list[tuple[int, int]]:
    """Requests that perform operations, and those of them that were invoked after they had answered."""
    acting = {one.request for one in execution.operations}
    preceding = execution.preceding()
    return sorted((one, other) for other in acting for one in preceding[other] & acting)


def _reduced(execution: Execution) -> list[tuple[int, int]]:
    """The same without those that follow from others."""
    return sorted(nx.transitive_reduction(nx.DiGraph(_in_real_time(execution))).edges)
