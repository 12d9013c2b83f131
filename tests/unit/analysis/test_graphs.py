"""The graph of operations is acyclic in time; the contradiction is a cycle between requests."""

import networkx as nx
import pytest
from history_notation import parse

from toctou.analysis.cycles import cycles
from toctou.analysis.dependencies import Accesses
from toctou.analysis.happens_before import operation_graph, request_graph
from toctou.analysis.versions import Versions

LOST = "item x n=0\nA.get(x) B.get(x) A.set(x.n=1) B.set(x.n=2)"


def dependencies(execution):
    return Accesses(Versions(execution)).dependencies()


def cycles_of(text: str, *, offending: tuple[int, ...] = (), about: tuple[int, ...] = ()):
    execution = parse(text)
    graph = request_graph(execution, dependencies(execution), range(len(execution.requests)))
    return [[(str(one.kind), one.earlier, one.later) for one in cycle] for cycle in cycles(graph, offending, about)]


def test_operations_are_ordered_by_all_five_kinds():
    execution = parse("item x n=0\nA.get(x) B.set(x.n=1) B.set(x.n=2) B=200 A.set(x.n=3) A=200 C.get(x)")
    graph = operation_graph(execution, dependencies(execution))
    assert sorted((a, b, kind) for a, b, kind in graph.edges(data="kind")) == [
        (0, 1, "rw"),
        (0, 3, "po"),
        (1, 2, "po"),
        (2, 3, "ww"),
        (2, 4, "rt"),
        (3, 4, "rt"),
        (3, 4, "wr"),
    ]
    assert nx.is_directed_acyclic_graph(graph)
    assert graph.nodes[1] == {"request": 1, "action": "UpdateItem"}


def test_real_time_is_reduced_between_operations_and_whole_between_requests():
    execution = parse("A.get(x) A=200 B.get(x) B=200 C.get(x)")
    assert sorted(operation_graph(execution, ()).edges()) == [(0, 1), (1, 2)]
    assert {one: sorted(others) for one, others in request_graph(execution, (), range(3)).items()} == {
        0: [1, 2],
        1: [2],
        2: [],
    }


def test_requests_that_are_left_out_have_no_edges():
    execution = parse(LOST)
    assert request_graph(execution, dependencies(execution), [0]) == {0: {}}


def test_a_lost_update_is_a_cycle_between_its_requests_but_not_between_its_operations():
    execution = parse(LOST)
    assert nx.is_directed_acyclic_graph(operation_graph(execution, dependencies(execution)))
    (cycle,) = cycles_of(LOST)
    assert sorted(cycle) == [("rw", 1, 2), ("ww", 2, 3)]


@pytest.mark.parametrize(
    "text",
    [
        "item x n=0\nA.get(x) A.set(x.n=1) B.get(x) B.set(x.n=2)",
        "item x n=0\nA.get(x) B.get(x) A.set(x.n=1)",
        "A.add(x.n=1) B.add(x.n=1) A.add(x.n=1) B.add(x.n=1)",
        "item x n=0\nA.set(x.n=1 if n=0) B.set(x.n=2 if n=0)!",
    ],
    ids=["serial", "one_writer", "increments", "conditions"],
)
def test_serializable_histories_have_no_cycle(text):
    assert cycles_of(text) == []


def test_three_requests_can_close_a_cycle_that_no_two_do():
    text = "A.get(x) A.set(y.n=1) B.get(y) B.set(z.n=1) C.get(z) C.set(x.n=1)"
    assert cycles_of(text) == []
    skewed = "A.get(x) B.get(y) C.get(z) A.set(y.n=1) B.set(z.n=1) C.set(x.n=1)"
    (cycle,) = cycles_of(skewed)
    assert sorted(cycle) == [("rw", 0, 5), ("rw", 1, 3), ("rw", 2, 4)]


def test_cycles_go_through_the_offending_operation_if_any_does():
    text = "item x n=0\nitem y n=0\nA.get(x) A.get(y) B.set(x.n=1) B.set(y.n=1) A.set(x.n=2) A.set(y.n=2)"
    everywhere = cycles_of(text)
    through = cycles_of(text, offending=(5,))
    assert through
    assert all(any(5 in edge[1:] for edge in cycle) for cycle in through)
    assert len(through) < len(everywhere)
    assert cycles_of(text, offending=(99,)) == everywhere


def test_writes_that_changed_something_come_first():
    text = "item x n=0 m=0\nA.get(x) B.set(x.m=0) B.set(x.n=1) A.set(x.m=5,n=5)"
    assert all(edge != ("rw", 0, 1) for edge in cycles_of(text)[0])


def test_requests_that_the_finding_is_about_come_first():
    text = "item x n=0\nitem y n=0\nA.get(x) B.get(x) C.get(y) D.get(y) A.set(x.n=1) B.set(x.n=2) C.set(y.n=1) D.set(y.n=2)"
    assert {position for _, *pair in cycles_of(text, about=(2, 3))[0] for position in pair} == {3, 6, 7}
    assert {position for _, *pair in cycles_of(text, about=(0, 1))[0] for position in pair} == {1, 4, 5}
