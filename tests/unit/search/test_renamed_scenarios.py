"""Which scenarios a scenario still stands for, after what was seen of it under its own names and under theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from history_notation import parse

from toctou import Model, Table, handler
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.errors import ModelError
from toctou.execution.laboratory import Laboratory
from toctou.history.finding import Finding
from toctou.history.operation import Execution
from toctou.history.request import Request
from toctou.oracles.oracle import Observes, Oracle, Ordered
from toctou.scheduling.runner import Limits
from toctou.search import name_independence
from toctou.search.name_independence import LocalState, NameIndependence, RenamedScenarios
from toctou.search.renaming import Renaming

SWAPPED = Renaming((("alice", "bob"), ("bob", "alice")))
SCENARIO = parse("A alice: move()\nB bob: move()\nA=200 B=200").requests
RENAMINGS = [SWAPPED, Renaming((("alice", "carol"), ("carol", "alice")))]


class Judge(Oracle):
    """Finds what a test says of a principal's own scenario, in an execution as it is under its names."""

    name = "judge"

    def __init__(
        self, scenario: Scenario, finds: Callable[[Execution], Sequence[Finding]], judged: list[Execution]
    ) -> None:
        self.scenario, self.finds, self.judged = scenario, finds, judged

    def judge(self, execution: Execution) -> Sequence[Finding]:
        self.judged.append(execution)
        return self.finds(execution)


class Represented:
    """The scenarios that alice's and bob's request may stand for, those of bob's and alice's, and of carol's and bob's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, laboratory: Laboratory) -> None:
        self.names_matter: Callable[[LocalState, Renaming], bool] = lambda *_: False
        self.finds: Callable[[Execution], Sequence[Finding]] = lambda _: []
        self.observes = Observes()
        self.asked: list[tuple[LocalState, Renaming]] = []
        self.judged: list[Execution] = []
        self.oracles_made: list[Scenario] = []
        monkeypatch.setattr(name_independence, "oracles_for", self._oracles)
        monkeypatch.setattr(name_independence, "observed", lambda model: self.observes)
        monkeypatch.setattr(NameIndependence, "behaves_alike", self._behaves_alike)
        self._laboratory = laboratory

    def _oracles(self, laboratory: Laboratory, scenario: Scenario) -> list[Oracle]:
        self.oracles_made.append(scenario)
        silent = Judge(scenario, lambda _: pytest.fail("it asks no function of the model"), [])
        silent.asks_model = False
        return [Judge(scenario, self.finds, self.judged), silent]

    def _behaves_alike(self, one: LocalState, renaming: Renaming) -> bool:
        self.asked.append((one, renaming))
        return not self.names_matter(one, renaming)

    def new(
        self, requests: tuple[Request, ...] = SCENARIO, renamings: Sequence[Renaming] = RENAMINGS
    ) -> RenamedScenarios:
        return RenamedScenarios(NameIndependence(self._laboratory), Scenario(requests), renamings)


class OfItems(Model):
    tables = (Table("Items", "item_id"),)

    @handler()
    def move(self, principal: str) -> int:
        return 200


@pytest.fixture
def represented(monkeypatch: pytest.MonkeyPatch) -> Iterator[Represented]:
    laboratory = Laboratory(OfItems, backend_named("embedded"), Limits())
    with laboratory.opened():
        yield Represented(monkeypatch, laboratory)


def told(events: str, start: str = "item x n=0") -> Execution:
    return parse(f"{start}\nA alice: move()\nB bob: move()\n{events}")


FINDING = Finding("judge", "wrong", (0, 1), (0,))
PLAIN = "A.get(x) A.set(x.n=1) A=200 B.get(x) B.set(x.n=2) B=200"


def test_all_are_represented_until_a_difference_shows(represented: Represented):
    scenarios = represented.new()
    assert scenarios
    for _ in range(2):
        scenarios.see(told(PLAIN), [])
    assert scenarios
    assert scenarios.apart == set()
    scenarios.separate()
    assert not scenarios
    assert scenarios.apart == {0, 1}
    assert not represented.new(renamings=[])


@pytest.mark.parametrize("at", [0, 1])
def test_one_whose_request_behaves_differently_is_apart(represented: Represented, at: int):
    """The others are represented as before; it is not looked at again."""
    represented.names_matter = lambda one, renaming: one.request.principal == "bob" and renaming is RENAMINGS[at]
    scenarios = represented.new()
    scenarios.see(told(PLAIN), [])
    assert scenarios.apart == {at}
    assert scenarios
    represented.asked.clear()
    scenarios.see(told("A.get(x) A=404 B=200"), [])
    assert {renaming for _, renaming in represented.asked} == {RENAMINGS[1 - at]}
    represented.names_matter = lambda *_: True
    scenarios.see(told("A.get(x) A=405 B=200"), [])
    assert not scenarios


def test_a_local_state_is_asked_about_once_for_each_renaming(represented: Represented):
    scenarios = represented.new()
    scenarios.see(told(PLAIN), [])
    assert [(one.request.principal, renaming) for one, renaming in represented.asked] == [
        (name, renaming) for renaming in RENAMINGS for name in ("alice", "bob")
    ]
    represented.asked.clear()
    scenarios.see(told(PLAIN), [])
    assert represented.asked == []
    scenarios.see(told(PLAIN.replace("B=200", "B=201")), [])
    assert [(one.request.principal, renaming) for one, renaming in represented.asked] == [
        ("bob", renaming) for renaming in RENAMINGS
    ]


OTHER_FINDINGS = {
    "none": [],
    "one_more": [FINDING, FINDING],
    "property": [replace(FINDING, oracle="other")],
    "requests": [replace(FINDING, requests=(0,))],
    "operations": [replace(FINDING, operations=(1,))],
}


@pytest.mark.parametrize("found", OTHER_FINDINGS.values(), ids=OTHER_FINDINGS)
@pytest.mark.parametrize("swapped", [False, True])
def test_one_that_is_judged_differently_is_apart(represented: Represented, found: list[Finding], swapped: bool):
    here, there = ([FINDING], found) if not swapped else (found, [FINDING])
    represented.finds = lambda execution: there if execution.requests[0].principal == "carol" else here
    scenarios = represented.new()
    scenarios.see(told(PLAIN), [])
    assert scenarios.apart == {1}


def test_one_that_is_judged_the_same_is_not_apart(represented: Represented):
    represented.finds = lambda execution: [replace(FINDING, statement=str(execution.requests))]
    scenarios = represented.new()
    scenarios.see(told(PLAIN), [])
    assert scenarios.apart == set()
    # As it is, and under its other names.
    assert [one.requests[0].principal for one in represented.judged] == ["alice", "bob", "carol"]
    assert [[one.principal for one in scenario.requests] for scenario in represented.oracles_made] == [
        ["alice", "bob"],
        ["bob", "alice"],
        ["carol", "bob"],
    ]
    scenarios.see(told(PLAIN.replace("200", "201")), [])
    assert len(represented.oracles_made) == 3


def test_one_whose_predicate_fails_is_apart(represented: Represented):
    def finds(execution: Execution) -> list[Finding]:
        if execution.requests[0].principal == "bob":
            raise ModelError("it raised KeyError", expected="", cause="", remedy="")
        return []

    represented.finds = finds
    scenarios = represented.new()
    scenarios.see(told(PLAIN), [])
    assert scenarios.apart == {0}


def test_executions_that_differ_in_real_time_are_judged_as_well(represented: Represented):
    first = told("A.get(x) B.get(x) A.set(x.n=1) B.set(x.n=2) A=200 B=200")
    other = told(PLAIN)
    represented.finds = lambda one: [FINDING] if one.preceding()[1] and one.requests[0].principal == "bob" else []
    scenarios = represented.new()
    scenarios.see(first, [])
    assert scenarios.apart == set()
    scenarios.see(first, [other])
    assert scenarios.apart == {0}


ORDERED = Observes(order=Ordered.WRITES)
ALL_ORDERED = Observes(order=Ordered.OPERATIONS)
OTHERS = Observes(others=(("Items", frozenset({"n"})),))
SETS = "A.set(x.n=1) B.set(y.n=1) A=200 B=200"
SETS_SWAPPED = "B.set(y.n=1) A.set(x.n=1) A=200 B=200"
READS = "A.get(x) B.get(y) A.set(x.n=1) A=200 B=200"
READS_SWAPPED = "B.get(y) A.get(x) A.set(x.n=1) A=200 B=200"
OUTCOMES = [
    ("responses", Observes(), SETS, SETS.replace("B=200", "B=201"), True),
    ("final", Observes(), SETS, SETS.replace("y.n=1", "y.n=2"), True),
    (
        "real_time",
        Observes(),
        "A.get(x) B.get(x) A.set(x.n=1) A=200 B=200",
        "A.get(x) A.set(x.n=1) A=200 B.get(x) B=200",
        True,
    ),
    ("who_wrote", Observes(), "A.set(x.n=1) B.get(x) A=200 B=200", "B.set(x.n=1) A.get(x) A=200 B=200", True),
    ("order_of_writes_that_nobody_observes", Observes(), SETS, SETS_SWAPPED, False),
    ("order_of_writes", ORDERED, SETS, SETS_SWAPPED, True),
    ("order_of_writes_where_other_items_are_read", OTHERS, SETS, SETS_SWAPPED, True),
    ("order_of_reads_that_nobody_observes", ORDERED, READS, READS_SWAPPED, False),
    ("order_of_reads", ALL_ORDERED, READS, READS_SWAPPED, True),
]


@pytest.mark.parametrize(
    ("observes", "first", "second", "judged"), [one[1:] for one in OUTCOMES], ids=[one[0] for one in OUTCOMES]
)
def test_each_outcome_that_oracles_can_tell_is_judged_once(
    represented: Represented, observes: Observes, first: str, second: str, judged: bool
):
    start = "item x n=0\nitem y n=0"
    represented.observes = observes
    scenarios = represented.new()
    one, other = told(first, start), told(second, start)
    scenarios.see(one, [])
    represented.judged.clear()
    scenarios.see(one, [one])
    assert represented.judged == []
    # As one that differs in real time only, so that local states, which may be new, do not have it judged.
    scenarios.see(one, [other])
    assert bool(represented.judged) == judged


def test_an_outcome_is_judged_again_where_a_request_has_come_to_it_otherwise(represented: Represented):
    one = told("A.set(x.n=1) B.get(x) A=200 B=200")
    other = told("B.get(x) A.set(x.n=1) A=200 B=200")
    both = told("A.set(x.n=1) B.get(x) B.get(x) A=200 B=200")
    scenarios = represented.new()
    for fresh in (one, other, both):
        represented.judged.clear()
        scenarios.see(fresh, [replace(fresh)])
        assert [each.operations for each in represented.judged[:1]] == [fresh.operations]
        assert len(represented.judged) == 3, "once under each of its names"


def test_too_many_to_compare_are_all_apart(represented: Represented, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(name_independence, "MOST", 3)
    scenarios = represented.new()
    scenarios.see(told(PLAIN), [])
    assert scenarios, "two local states, and an outcome"
    scenarios.see(told(PLAIN), [])
    assert not scenarios


def test_the_smallest_of_those_that_are_left(represented: Represented):
    def of(*values: str) -> tuple[Request, ...]:
        return tuple(Request("alice", "move", (("name", value),)) for value in values)

    longer, shorter = Renaming((("bb", "cccc"), ("cccc", "bb"))), Renaming((("bb", "a"), ("a", "bb")))
    scenarios = represented.new(of("bb", "bb"), [longer, shorter])
    assert scenarios.smaller() == Scenario(of("a", "a"))
    scenarios.apart.add(1)
    assert scenarios.smaller() is None
    assert represented.new(of("bb"), [Renaming((("bb", "cc"), ("cc", "bb")))]).smaller() is None
    assert represented.new(of("bb", "a"), [shorter]).smaller() is None
