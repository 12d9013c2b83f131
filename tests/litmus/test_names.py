"""Scenarios that differ by names only are explored once, and those that differ by more are not, however well it is hidden."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any, ClassVar

import boto3
import pytest

from toctou import Model, Table, Verdict, check, handler, invariant
from toctou.search.result import ModelResult

things = boto3.resource("dynamodb", region_name="us-east-1").Table("Things")
ConditionFailed = things.meta.client.exceptions.ConditionalCheckFailedException


class OfThings(Model):
    """Two things, one of each principal, which are alike but for their names."""

    tables = (Table("Things", "thing_id"),)
    items: ClassVar = {
        "Things": [
            {"thing_id": "t1", "owner": "alice", "value": 0},
            {"thing_id": "t2", "owner": "bob", "value": 0},
        ]
    }
    owner = "owner"

    def _read(self, thing_id: str) -> dict[str, Any]:
        return things.get_item(Key={"thing_id": thing_id}, ConsistentRead=True)["Item"]

    def _write(self, thing_id: str, value: int) -> None:
        things.update_item(
            Key={"thing_id": thing_id},
            UpdateExpression="SET #value = :value",
            ExpressionAttributeNames={"#value": "value"},
            ExpressionAttributeValues={":value": value},
        )


class Blind(OfThings):
    """Racy for everybody: reads, then writes."""

    @handler(thing_id=["t1", "t2"])
    def increment(self, principal: str, thing_id: str) -> int:
        item = self._read(thing_id)
        if item["owner"] != principal:
            return 403
        self._write(thing_id, int(item["value"]) + 1)
        return 204


class Conditional(OfThings):
    """Right for everybody: writes if the value is still there."""

    def _overtaken(self, principal: str, thing_id: str) -> int:
        return 409

    @handler(thing_id=["t1", "t2"])
    def increment(self, principal: str, thing_id: str) -> int:
        item = self._read(thing_id)
        if item["owner"] != principal:
            return 403
        try:
            things.update_item(
                Key={"thing_id": thing_id},
                UpdateExpression="SET #value = :next",
                ConditionExpression="#value = :seen",
                ExpressionAttributeNames={"#value": "value"},
                ExpressionAttributeValues={":seen": item["value"], ":next": item["value"] + 1},
            )
        except ConditionFailed:
            return self._overtaken(principal, thing_id)
        return 204


def both(model: type[Model], requests: int = 2) -> tuple[ModelResult, ModelResult]:
    """The model explored up to names, and in full."""
    return check(model, requests=requests, confirm=False), check(
        model, requests=requests, confirm=False, symmetry=False
    )


def stood_for(result: ModelResult) -> int:
    return sum(one.stands_for for one in result.scenarios)


def found(result: ModelResult) -> set[object]:
    causes = [(one.cause, one.finding.oracle, one.explanation.anomaly) for one in result.violations]
    return {(one.handler, one.read, one.write, one.other, *what) for one, *what in causes}


def scenarios_by_finding(result: ModelResult) -> Counter[object]:
    """How many scenarios show what, those that are stood for included."""
    counted: Counter[object] = Counter()
    for one in result.scenarios:
        of_scenario = frozenset((each.finding.oracle, each.explanation.anomaly) for each in one.violations)
        counted[one.verdict, of_scenario] += one.stands_for
    return counted


@pytest.mark.parametrize(("model", "verdict"), [(Blind, Verdict.VIOLATED), (Conditional, Verdict.VERIFIED)])
def test_what_differs_by_names_only_is_explored_once(model: type[Model], verdict: Verdict):
    short, full = both(model)
    assert short.verdict is full.verdict is verdict
    assert found(short) == found(full)
    assert (len(full.scenarios), stood_for(full)) == (4 + 10, 14)
    # alice ↔ bob with t1 ↔ t2: 4 requests in pairs; of the 10 pairs of them, 2 become themselves
    assert (len(short.scenarios), stood_for(short)) == (2 + (2 + 8 // 2), 14)


def test_three_of_a_kind():
    class Three(Blind):
        principals = ("alice", "bob", "carol")
        items: ClassVar = {
            "Things": [{"thing_id": f"t{at}", "owner": owner, "value": 0} for at, owner in enumerate(principals, 1)]
        }

        @handler(thing_id=["t1", "t2", "t3"])
        def increment(self, principal: str, thing_id: str) -> int:
            item = self._read(thing_id)
            self._write(thing_id, int(item["value"]) + 1)
            return 204

    short, full = both(Three)
    assert found(short) == found(full)
    assert (len(full.scenarios), stood_for(short)) == (9 + 45, 54)
    # Single requests: for one's own thing, or another's. Pairs, by Burnside's lemma: each of the 3 exchanges of two principals
    # leaves 1 request as it is, so 1 pair of it with itself and 4 of a request with its image; the 2 turns leave none.
    assert len(short.scenarios) == 2 + (45 + 3 * (1 + 4) + 2 * 0) // 6


class Favours(Conditional):
    """bob, if he has been overtaken, writes without a condition; alone he does as alice does."""

    def _overtaken(self, principal: str, thing_id: str) -> int:
        if principal == "bob":
            self._write(thing_id, 7)
        return 409


class OrdersNames(Conditional):
    """The same, told from alice by the alphabet, not by name."""

    def _overtaken(self, principal: str, thing_id: str) -> int:
        if principal > "b":
            self._write(thing_id, 7)
        return 409


class GoesByKey(Conditional):
    """The same, by a letter of the item's key."""

    def _overtaken(self, principal: str, thing_id: str) -> int:
        if thing_id.endswith("2"):
            self._write(thing_id, 7)
        return 409


class GoesByLength(Conditional):
    """The same, by how long a name is."""

    def _overtaken(self, principal: str, thing_id: str) -> int:
        if len(principal) < 4:
            self._write(thing_id, 7)
        return 409


class OrdersInExpression(Conditional):
    """The database compares the names, and only once a race has been lost."""

    def _overtaken(self, principal: str, thing_id: str) -> int:
        try:
            things.update_item(
                Key={"thing_id": thing_id},
                UpdateExpression="SET #value = :seven",
                ConditionExpression="#owner > :b",
                ExpressionAttributeNames={"#value": "value", "#owner": "owner"},
                ExpressionAttributeValues={":seven": 7, ":b": "b"},
            )
        except ConditionFailed:
            return 409
        return 503


class NamedInInvariant(Conditional):
    """What must hold of bob's thing need not hold of alice's."""

    @handler(thing_id=["t1", "t2"])
    def increment(self, principal: str, thing_id: str) -> int:
        item = self._read(thing_id)
        self._write(thing_id, int(item["value"]) + 1)
        return 204

    owner = None

    @invariant
    def small(self, items: Any) -> bool:
        return all(item["value"] < 2 for item in items["Things"] if item["owner"] == "bob")


class NamedInOwnership(Conditional):
    """Anybody may write to alice's things."""

    def owns(self, principal: str, item: Any) -> bool:
        return item["owner"] in ("alice", principal)

    @handler(thing_id=["t1", "t2"])
    def increment(self, principal: str, thing_id: str) -> int:
        self._write(thing_id, int(self._read(thing_id)["value"]) + 1)
        return 204


class ReferenceWithANameInIt:
    """Serves alice as it should be, and lets bob's increments be lost."""

    def state_of(self, items: Any) -> Any:
        return {one["thing_id"]: one["value"] if one["owner"] == "alice" else 0 for one in items["Things"]}

    def step(self, state: Any, request: Any) -> Any:
        thing_id = request.values["thing_id"]
        if (request.principal, thing_id) not in (("alice", "t1"), ("bob", "t2")):
            return state, 403
        return {**state, thing_id: state[thing_id] + (request.principal == "alice")}, 204


class NamedInReference(Blind):
    """A race that counts for one principal only."""

    reference = ReferenceWithANameInIt()


class TurnsRound(OfThings):
    """bob stores the attributes of his thing in another order, and who reads it twice can see that it was turned round."""

    def _own(self, principal: str) -> str:
        return {"alice": "t1", "bob": "t2"}[principal]

    @handler()
    def turn(self, principal: str) -> int:
        item = {"thing_id": self._own(principal), "owner": principal, "value": 1}
        things.put_item(Item=dict(reversed(item.items())) if principal == "bob" else item)
        return 204

    @handler(read_only=True)
    def show(self, principal: str) -> int:
        first, second = (next(iter(self._read(self._own(principal)))) for _ in range(2))
        return 200 if first == second else 500


HIDDEN = [
    Favours,
    OrdersNames,
    GoesByKey,
    GoesByLength,
    OrdersInExpression,
    NamedInInvariant,
    NamedInOwnership,
    NamedInReference,
    TurnsRound,
]


@pytest.mark.parametrize("model", HIDDEN)
def test_what_is_done_for_one_name_only_is_found(model: type[Model]):
    short, full = both(model)
    assert short.verdict is full.verdict is Verdict.VIOLATED
    assert found(short) == found(full)
    assert scenarios_by_finding(short) == scenarios_by_finding(full)
    assert found(short), "or this tests nothing"


@pytest.mark.parametrize("model", HIDDEN[:5])
def test_it_is_in_one_of_the_names_only(model: type[Model]):
    """So that exploring one of two scenarios, whichever comes first, would have missed it or have told too much."""
    _, full = both(model)
    guilty = {tuple(map(str, one.requests)) for one in full.scenarios if one.violations}
    assert guilty == {("bob: increment(thing_id='t2')",) * 2}


@pytest.mark.parametrize("draw", [time.time, random.random], ids=["time", "number"])
def test_who_asks_for_the_time_or_a_number_stands_for_nobody_else(draw: Any):
    class Personal(Conditional):
        @handler(thing_id=["t1", "t2"])
        def increment(self, principal: str, thing_id: str) -> int:
            draw()
            self._write(thing_id, 1)
            return 204

    short, full = both(Personal)
    assert len(short.scenarios) == len(full.scenarios) == stood_for(short)


class InOneTable(Model):
    """Names are parts of keys."""

    tables = (Table("Things", "pk", "sk"),)
    items: ClassVar = {
        "Things": [{"pk": f"USER#{name}", "sk": f"CART#{name}", "count": 0} for name in ("alice", "bob@example.com")]
    }
    principals = ("alice", "bob@example.com")

    @handler()
    def add(self, principal: str) -> tuple[int, dict[str, str]]:
        key = {"pk": f"USER#{principal}", "sk": f"CART#{principal}"}
        count = things.get_item(Key=key)["Item"]["count"]
        things.put_item(Item={**key, "count": count + 1})
        return 200, {"cart": f"/users/{principal}/cart"}


def test_names_within_keys():
    class Users(InOneTable):
        principals = ("alice", "bob")
        items: ClassVar = {"Things": [{"pk": f"USER#{name}", "sk": f"CART#{name}", "count": 0} for name in principals]}

    short, full = both(Users)
    assert found(short) == found(full) != set()
    assert ([one.stands_for for one in short.scenarios], len(full.scenarios)) == ([2, 2, 1], 5)


def test_names_of_another_form_are_not_exchanged():
    short, full = both(InOneTable)
    assert len(short.scenarios) == len(full.scenarios)
