"""Builds the happens-before graph of an execution, between operations and between requests.

Between operations the graph has program order, the adjacent data dependencies and real time; apart from weak reads
all its edges point forward in time, so it has no cycle.  The contradiction shows once every request is collapsed into
the one step that it was meant to be: then a cycle says that no serial order of the requests agrees with all edges,
which is Adya's and Bernstein's criterion for serializability, and with the real-time edges that of strict
serializability.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import networkx as nx

from checker.analysis.dependencies import Dependency
from checker.history.footprint import EdgeKind
from checker.history.operation import Execution


def operation_graph(execution: Execution, found: Sequence[Dependency]) -> nx.MultiDiGraph:
    """Operations by position, with ``request`` and ``action``; edges have ``kind`` and ``dependency``.

    Dependencies within one request are left out, since program order says the same.
    """
    graph = nx.MultiDiGraph()
    for position, operation in enumerate(execution.operations):
        graph.add_node(position, request=operation.request, action=operation.action)
    for one in (*program_order(execution), *crossing(execution, found), *real_time(execution)):
        graph.add_edge(one.earlier, one.later, kind=str(one.kind), dependency=one)
    return graph


def request_graph(execution: Execution, found: Sequence[Dependency], requests: Iterable[int]) -> nx.MultiDiGraph:
    """The given requests by index; edges have the ``dependency`` or real-time edge between them that they stand for."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(requests)
    for one in (*crossing(execution, found), *real_time(execution, nx.DiGraph)):
        earlier, later = (execution.operations[position].request for position in (one.earlier, one.later))
        if earlier in graph and later in graph:
            graph.add_edge(earlier, later, dependency=one)
    return graph


def crossing(execution: Execution, found: Sequence[Dependency]) -> Iterator[Dependency]:
    """The dependencies between different requests."""
    operations = execution.operations
    return (one for one in found if operations[one.earlier].request != operations[one.later].request)


def program_order(execution: Execution) -> Iterator[Dependency]:
    """From each operation to the next of the same request."""
    for request in range(len(execution.requests)):
        positions = execution.of_request(request)
        for earlier, later in pairwise(positions):
            yield Dependency(EdgeKind.PO, earlier, later)


def real_time(
    execution: Execution, shape: Callable[[nx.DiGraph], nx.DiGraph] = nx.transitive_reduction
) -> Iterator[Dependency]:
    """From the last operation of a request to the first of each that was invoked after it had answered.

    Args:
        execution: what happened.
        shape: which of the edges to give; by default those that do not follow from others.
    """
    order = nx.DiGraph()
    acting = [request for request in range(len(execution.requests)) if execution.of_request(request)]
    order.add_edges_from((a, b) for a in acting for b in acting if a != b and execution.precedes(a, b))
    for earlier, later in sorted(shape(order).edges):
        yield Dependency(EdgeKind.RT, execution.of_request(earlier)[-1], execution.of_request(later)[0])
