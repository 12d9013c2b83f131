"""What is known of requests, and what is not known yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

import toctou
from toctou import Model, Table, handler
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.errors import NondeterministicHandler
from toctou.execution import transition_system
from toctou.execution.laboratory import Laboratory
from toctou.history.operation import Execution
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.replay import Replay
from toctou.search.budget import Budget

items = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
ran: list[str] = []
"""Handlers that were really run."""


class OfItems(Model):
    tables = (Table("Items", "item_id"),)
    items = {"Items": [{"item_id": "i1", "value": 0}]}
    principals = ("alice", "bob")

    @handler()
    def increment(self, principal: str) -> tuple[int, int]:
        ran.append(principal)
        item = items.get_item(Key={"item_id": "i1"})["Item"]
        items.put_item(Item={**item, "value": item["value"] + 1})
        return 200, int(item["value"])

    @handler()
    def describe(self, principal: str) -> int:
        ran.append(principal)
        return int(items.meta.client.describe_table(TableName="Items")["Table"]["ItemCount"] >= 0) + 199

    @handler()
    def nothing(self, principal: str) -> int:
        ran.append(principal)
        return 204


ALICE, BOB = OfItems.requests()[:2]
BOTH = Scenario((ALICE, BOB))


@contextmanager
def opened(backend: str = "embedded", window: int = 1) -> Iterator[Laboratory]:
    laboratory = Laboratory(OfItems, backend_named(backend, window), Limits())
    with laboratory.opened():
        laboratory.memoise()
        yield laboratory


def run(laboratory: Laboratory, scenario: Scenario, order: str, *, afresh: bool = False) -> tuple[Execution, list[str]]:
    """An execution in which requests take their steps in this order, and whose handlers were run for it."""
    ran.clear()
    strategy = Replay(Schedule(tuple(Choice("AB".index(letter)) for letter in order)))
    strategy.begin()
    execution = laboratory.execute(scenario, strategy, afresh=afresh)
    assert execution is not None
    return execution, list(ran)


def test_what_was_run_twice_is_known_and_comes_out_the_same():
    with opened() as laboratory:
        for order in ("AABB", "ABAB", "ABBA", "BBAA"):
            first, _ = run(laboratory, BOTH, order)
            run(laboratory, BOTH, order)
            known, who = run(laboratory, BOTH, order)
            assert who == []
            again, who = run(laboratory, BOTH, order, afresh=True)
            assert sorted(who) == ["alice", "bob"]
            assert known == first == again


def test_a_request_that_ended_like_this_once_only_is_run():
    with opened() as laboratory:
        run(laboratory, Scenario((ALICE,)), "AA")
        assert run(laboratory, Scenario((ALICE,)), "AA")[1] == ["alice"]
        assert run(laboratory, Scenario((ALICE,)), "AA")[1] == []


def test_a_request_is_known_whatever_its_index():
    with opened() as laboratory:
        for _ in range(2):
            run(laboratory, Scenario((BOB,)), "AA")
        assert run(laboratory, Scenario((BOB,)), "AA")[1] == []
        run(laboratory, BOTH, "AABB")
        execution, who = run(laboratory, Scenario((BOB, ALICE)), "AABB")
        assert [one.request for one in execution.operations] == [0, 0, 1, 1]
        assert who == ["bob", "alice"], "alice has not been run behind bob"


def test_a_request_that_goes_on_after_what_was_never_before_it_is_run():
    """Both requests are known alone, and what they do one after the other is; not what they do within each other."""
    with opened() as laboratory:
        for order in ("AABB", "BBAA") * 2:
            run(laboratory, BOTH, order)
        assert run(laboratory, BOTH, "AABB")[1] == run(laboratory, BOTH, "BBAA")[1] == []
        assert sorted(run(laboratory, BOTH, "ABAB")[1]) == ["alice", "bob"]


def test_the_engine_is_asked_where_a_known_call_meets_another_state(monkeypatch: pytest.MonkeyPatch):
    """The same answers and the same changes, of items that stand otherwise: handlers need not be run for it."""
    with opened() as laboratory:
        for order in ("AABB", "BBAA", "ABAB", "ABBA", "BABA", "BAAB") * 2:
            run(laboratory, BOTH, order)
        monkeypatch.setattr(transition_system.Call, "transitions", _ForgetsStates())
        asked: list[str] = []
        perform = laboratory._backend.perform
        monkeypatch.setattr(
            laboratory._backend, "perform", lambda action, *how: asked.append(action) or perform(action, *how)
        )
        for order in ("AABB", "ABBA"):
            asked.clear()
            known, who = run(laboratory, BOTH, order)
            assert who == []
            assert {"GetItem", "PutItem"} <= set(asked)
            assert known == run(laboratory, BOTH, order, afresh=True)[0]


class _ForgetsStates:
    """In place of what calls met: nothing, every time."""

    def __get__(self, call: Any, kind: Any = None) -> dict[Any, Any]:
        return {}


@pytest.mark.parametrize("name", ["describe", "nothing"])
def test_other_requests(name: str):
    """What depends on more than items is run; a request without calls is known like any other."""
    request = next(one for one in OfItems.requests() if one.handler == name)
    with opened() as laboratory:
        for _ in range(3):
            _, who = run(laboratory, Scenario((request,)), "A")
        assert bool(who) == (name == "describe")


@pytest.mark.parametrize(
    ("backend", "window"), [("endpoint=https://dynamodb.us-east-1.amazonaws.com", 1), ("embedded", 2)]
)
@mock_aws
def test_a_backend_that_is_not_repeatable_is_always_asked(backend: str, window: int):
    with opened(backend, window) as laboratory:
        for _ in range(4):
            assert run(laboratory, Scenario((ALICE,)), "AA")[1] == ["alice"]


def test_moto_is_as_repeatable_as_the_engine():
    with opened("moto") as laboratory:
        for order in ("AABB", "ABAB"):
            first, _ = run(laboratory, BOTH, order)
            run(laboratory, BOTH, order)
            known, who = run(laboratory, BOTH, order)
            assert who == []
            assert known == first == run(laboratory, BOTH, order, afresh=True)[0]


def test_sequential_runs_are_known_too():
    with opened() as laboratory:
        expected = laboratory.serial(BOTH, (1, 0))
        laboratory.serial(BOTH, (1, 0))
        ran.clear()
        assert laboratory.serial(BOTH, (1, 0)) == expected
        assert laboratory.serial(BOTH, (1,))[0] == expected[0][:1]
        assert ran == []


def doing(act: Callable[[str], int]) -> type[Model]:
    return type("Doing", (OfItems,), {"act": handler(act), "__module__": __name__})


def test_who_does_something_else_is_noticed():
    """The second time a request gets the same inputs and responses, it behaves differently."""
    turns = iter(["first", "first", "second"])

    def act(principal: str) -> int:
        items.update_item(
            Key={"item_id": "i1"}, UpdateExpression="SET v = :v", ExpressionAttributeValues={":v": next(turns)}
        )
        return 200

    model = doing(act)
    request = next(one for one in model.requests() if one.handler == "act")
    laboratory = Laboratory(model, backend_named("embedded"), Limits())
    with laboratory.opened():
        laboratory.memoise()
        run(laboratory, Scenario((request,)), "A")
        assert not laboratory.tainted
        run(laboratory, Scenario((request,)), "A")
        twice = Scenario((request, request))
        laboratory.serial(twice, (0,))
        with pytest.raises(NondeterministicHandler, match="did two things") as fault:
            laboratory.serial(twice, (0, 1))
        assert "first" in str(fault.value)
        assert "second" in str(fault.value)
        assert laboratory.tainted
        given_up = laboratory.run_every_step()
        assert given_up is not None
        assert len(given_up.first_runs) == 2
        assert not laboratory.tainted
        assert laboratory.run_every_step() is None, "there is nothing left"
        assert "act (" in laboratory.sharing, "the counter is in a closure of this test, where nothing looks"
        assert __file__ in laboratory.sharing


@dataclass(frozen=True)
class Order:
    """Says less of itself than there is."""

    name: str
    forced: bool = field(repr=False)


class OfReviews(Model):
    """Handlers that leave nothing in memory: of those that do, every step would be run."""

    tables, items, principals = OfItems.tables, OfItems.items, OfItems.principals

    @handler(order=[Order("x", False), Order("x", True)])
    def put(self, principal: str, order: Order) -> int:
        item = items.get_item(Key={"item_id": "i1"})["Item"]
        values = {":v": item["value"]}
        more = {} if order.forced else {"ConditionExpression": "#v = :v", "ExpressionAttributeNames": {"#v": "value"}}
        try:
            items.put_item(
                Item={**item, "value": item["value"] + 1},
                **({**more, "ExpressionAttributeValues": values} if more else {}),
            )
        except items.meta.client.exceptions.ConditionalCheckFailedException:
            return 409
        return 200

    @handler()
    def turn_round(self, principal: str) -> int:
        items.put_item(Item={"value": 0, "item_id": "i1"})
        return 204

    @handler(read_only=True)
    def show(self, principal: str) -> tuple[int, list[str]]:
        return 200, list(items.get_item(Key={"item_id": "i1"})["Item"])

    @handler(value=[1, True])
    def store(self, principal: str, value: Any) -> tuple[int, str]:
        items.put_item(Item={"item_id": "i1", "value": value})
        return 200, str(value)


@pytest.mark.parametrize(("strategy", "symmetry"), [("dpor", True), ("dpor", False), ("random", False)])
def test_what_looks_the_same_and_is_not_is_told_apart(strategy: str, symmetry: bool, monkeypatch: pytest.MonkeyPatch):
    """Arguments that say the same of themselves, or are equal; items that are equal, with attributes in another order."""
    # A pair has at most six interleavings, each drawn with a probability of 1/8 or more: 60 walks, the same ones in both
    # explorations, miss one of them with a probability below 6 * (7/8) ** 60 = 0.002.
    budget = Budget(max_schedules=60 if strategy == "random" else None)
    options = {"strategy": strategy, "symmetry": symmetry, "confirm": False, "budget": budget}
    runs: list[Scenario] = []
    really_run = Laboratory._run
    monkeypatch.setattr(
        Laboratory, "_run", lambda self, *how, **more: runs.append(how[0]) or really_run(self, *how, **more)
    )
    known = toctou.check(OfReviews, **options)
    fewer = len(runs)
    run = toctou.check(OfReviews, every_step=True, **options)
    assert fewer < len(runs) - fewer, "steps were memoised"
    assert [replace(one, seconds=0.0) for one in known.scenarios] == [
        replace(one, seconds=0.0) for one in run.scenarios
    ]
    alone = [one for one in known.scenarios if len(one.requests) == 1]
    assert not any(one.violations for one in alone), "the oracle of one request judges another that is equal"


def test_walks_do_not_make_it_grow_without_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transition_system, "MOST", 40)
    with opened() as laboratory:
        known = laboratory._known
        assert known is not None
        for _ in range(5):
            for order in ("AABB", "ABAB", "ABBA", "BBAA", "BABA", "BAAB"):
                run(laboratory, BOTH, order)
                assert known._system._size <= 40 + 12, "an execution has four calls, each a transition and a state"
