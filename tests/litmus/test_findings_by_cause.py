"""One finding per cause, called what it is: small services of real calls, each with one thing wrong, or two."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Key

import toctou
from toctou import Model, Table, handler, invariant
from toctou.reporting.document import violation_document
from toctou.reporting.findings import findings
from toctou.reporting.titles import finding_title

shop = boto3.resource("dynamodb", region_name="eu-central-1").Table("Shop")


ORDER = {"id": "order"}


def found(model: type[Model], **options: Any) -> list[dict[str, Any]]:
    """The findings of a model, as reports have them."""
    result = toctou.check(model, requests=2, **options)
    return findings([violation_document("shop.py:Shop", one) for one in result.violations])


def stored(key: str) -> dict[str, Any]:
    item: dict[str, Any] = shop.get_item(Key={"id": key}, ConsistentRead=True).get("Item", {})
    return item


def update(
    key: str, expression: str, *, names: dict[str, str] | None = None, condition: str = "", **values: Any
) -> None:
    more: dict[str, Any] = (
        {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}
    )
    more |= {"ExpressionAttributeNames": names} if names else {}
    more |= {"ConditionExpression": condition} if condition else {}
    shop.update_item(Key={"id": key}, UpdateExpression=expression, **more)


class Shop(Model):
    """What all of them have in common."""

    tables = [Table("Shop", "id", indexes={"by-mail": ("mail",)})]
    principals = ["alice"]


class Paying(Shop):
    """One decision, after which two things are written."""

    items = {"Shop": [{"id": "order", "paid": False}]}

    @handler
    def pay(self, principal: str) -> int:
        if stored("order")["paid"]:
            return 409
        update("till", "ADD amount :price", price=5)
        update("order", "SET paid = :yes", yes=True)
        return 200


class Reading(Shop):
    """Two reads of one item, of which either may be out of date, before one write."""

    items = {"Shop": [{"id": "order", "state": "open", "n": 0}]}

    @handler
    def bump(self, principal: str) -> int:
        if stored("order")["state"] != "open":
            return 409
        update("order", "SET n = :n", n=int(stored("order")["n"]) + 1)
        return 200

    @handler
    def close(self, principal: str) -> int:
        update("order", "SET #s = :closed", names={"#s": "state"}, closed="closed")
        return 200


class Dispatching(Shop):
    """One read, and two writes of which a request makes one: each has to be corrected."""

    items = {"Shop": [{"id": "order", "n": 0, "m": 0}]}

    @handler(what=["n", "m"])
    def change(self, principal: str, what: str) -> int:
        order = stored("order")
        values = {":v": int(order[what]) + 1}
        if what == "n":
            shop.update_item(Key=ORDER, UpdateExpression="SET n = :v", ExpressionAttributeValues=values)
        else:
            shop.update_item(Key=ORDER, UpdateExpression="SET m = :v", ExpressionAttributeValues=values)
        return 200


class Owning(Shop):
    """Neither whose it is nor what was in it is asked by the write; a condition on the one does not correct the other."""

    items = {"Shop": [{"id": "note", "owner": "alice", "n": 0}]}
    owner = "owner"

    @handler
    def write(self, principal: str) -> int:
        note = stored("note")
        if note["owner"] != principal:
            return 403
        update("note", "SET n = :n", n=int(note["n"]) + 1)
        return 200

    @handler
    def give(self, principal: str) -> int:
        try:
            update(
                "note", "SET #o = :bob", names={"#o": "owner"}, condition="#o = :caller", bob="bob", caller=principal
            )
        except shop.meta.client.exceptions.ConditionalCheckFailedException:
            return 403
        return 200


def counted() -> int:
    """Used by several handlers."""
    n = int(shop.get_item(Key={"id": "counter"}, ConsistentRead=True)["Item"]["n"]) + 1
    shop.update_item(Key={"id": "counter"}, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": n})
    return n


class Sharing(Shop):
    """The window lies in a function that two handlers call."""

    items = {"Shop": [{"id": "counter", "n": 0}]}

    @handler
    def visit(self, principal: str) -> tuple[int, int]:
        return 200, counted()

    @handler
    def order(self, principal: str) -> tuple[int, int]:
        return 201, counted()


class Limiting(Shop):
    """One rule, which two handlers break, each in a window of its own."""

    @handler(key=["1", "2"])
    def add(self, principal: str, key: str) -> int:
        if shop.scan(ConsistentRead=True)["Items"]:
            return 409
        shop.put_item(Item={"id": key})
        return 200

    @handler(key=["1", "2"])
    def upload(self, principal: str, key: str) -> int:
        if shop.scan(ConsistentRead=True)["Count"] > 0:
            return 409
        shop.put_item(Item={"id": key})
        return 201

    @invariant
    def one_at_most(self, items: dict[str, list[dict[str, Any]]]) -> bool:
        return len(items["Shop"]) < 2


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (Paying, [("pay", "duplicate_effect")]),
        (Reading, [("bump", "lost_update")]),
        (Dispatching, [("change", "lost_update"), ("change", "lost_update")]),
        (Owning, [("write", "toctou"), ("write", "lost_update")]),
        (Sharing, [("visit", "lost_update")]),
    ],
)
def test_one_finding_for_each_cause(model, named):
    assert [(one["handler"], one["anomaly"]) for one in found(model)] == named


def test_causes_have_fingerprints_of_their_own():
    for model in (Dispatching, Owning, Limiting):
        fingerprints = [one["fingerprint"] for one in found(model)]
        assert len(fingerprints) == len({*fingerprints}) == 2


def test_what_follows_from_one_decision_is_listed():
    (finding,) = found(Paying)
    assert "the same decision leads to its" in finding["cause"] or "UpdateItem of Shop" in finding["cause"]


def test_a_window_in_a_shared_function_names_the_handlers_that_come_through_it():
    (finding,) = found(Sharing)
    assert finding["handlers"] == ["visit", "order"]
    assert finding["cause"].endswith("; order does the same there")
    assert not finding_title(finding).endswith("for one cause")


def test_ways_to_break_one_rule_are_next_to_each_other_and_say_so():
    first, second = found(Limiting)
    assert first["oracles"][0] == second["oracles"][0] == "one_at_most"
    assert [one["way"] for one in (first, second)] == [{"rule": "one_at_most", "number": at, "of": 2} for at in (1, 2)]


class Joining(Shop):
    """A count that is out of date by the time of a write which overwrites nothing."""

    items = {"Shop": [{"id": "team", "members": {"x": 1}, "seats": [0, 0, 1], "names": {"x"}, "log": ["x"]}]}
    EXPRESSION = ""

    @handler(name=["a", "b"])
    def join(self, principal: str, name: str) -> int:
        team = stored("team")
        if max(len(team["members"]), len(team["names"]), len(team["log"]), sum(team["seats"])) >= 2:
            return 409
        self.add(name)
        return 200

    def add(self, name: str) -> None:
        update("team", "SET members.#n = :one", names={"#n": name}, one=1)


class Seats(Joining):
    def add(self, name: str) -> None:
        update("team", f"SET seats[{'ab'.index(name)}] = :one", one=1)


class Names(Joining):
    def add(self, name: str) -> None:
        update("team", "ADD #n :name", names={"#n": "names"}, name={name})


class Log(Joining):
    def add(self, name: str) -> None:
        update("team", "SET #l = list_append(#l, :name)", names={"#l": "log"}, name=[name])


@pytest.mark.parametrize("model", [Joining, Seats, Names, Log])
def test_what_overwrites_nothing_is_a_check_that_was_out_of_date(model):
    of_two = [
        one
        for one in toctou.check(model, requests=2).violations
        if len({request.arguments for request in one.execution.requests}) == 2
    ]
    assert {one.explanation.anomaly for one in of_two} == {"toctou"}
    assert not any("overwrote" in f"{one.explanation}" for one in of_two)


class Guarded(Shop):
    """The guard holds; only that it refuses is not expected."""

    @handler
    def take(self, principal: str) -> int:
        if stored("seat"):
            return 409
        shop.put_item(Item={"id": "seat", "by": principal}, ConditionExpression="attribute_not_exists(id)")
        return 200


class Cancelling(Shop):
    """What another request has removed is removed again, which changes nothing."""

    items = {"Shop": [{"id": "order"}]}

    @handler
    def cancel(self, principal: str) -> int:
        if not stored("order"):
            return 404
        shop.delete_item(Key={"id": "order"})
        return 204


@pytest.mark.parametrize(("model", "anomaly"), [(Guarded, "unhandled_refusal"), (Cancelling, "outdated_answer")])
def test_where_only_an_answer_is_wrong_the_finding_is_low(model, anomaly):
    (finding,) = found(model)
    assert (finding["anomaly"], finding["severity"]["level"]) == (anomaly, "low")
    assert not finding["anomalies"][1:]


def test_a_refusal_that_is_not_handled_is_told_as_such():
    (finding,) = found(Guarded)
    assert finding["headline"] == (
        "A condition refused A (alice)'s PutItem, so that what is stored is right; but take does not handle that, and raised "
        "ConditionalCheckFailedException"
    )
    assert "answer 409" in finding["remedy"]
    assert "the condition of its PutItem of Shop is not met" in finding["cause"]


class Showing(Shop):
    """Reads its own write, eventually consistent."""

    @handler
    def put(self, principal: str) -> int:
        shop.put_item(Item={"id": "note"})
        return 200 if "Item" in shop.get_item(Key={"id": "note"}) else 404


def test_a_request_that_misses_its_own_write_is_to_read_consistently():
    for finding in found(Showing, reads=2):
        assert finding["anomaly"] == "stale_read"
        assert "ConsistentRead=True" in finding["remedy"]
        assert "not a race" not in f"{finding}"


class Registering(Shop):
    """An index is asked whether there is one already, under a name that no condition covers."""

    @handler(key=["1", "2"])
    def register(self, principal: str, key: str) -> int:
        if shop.query(IndexName="by-mail", KeyConditionExpression=Key("mail").eq("a@x"))["Items"]:
            return 409
        shop.put_item(Item={"id": key, "mail": "a@x"})
        return 201


def test_an_index_is_told_by_its_name():
    (finding,) = found(Registering)
    assert finding["anomaly"] == "phantom"
    assert "Shop.by-mail['a@x']" in finding["headline"]
    assert "Shop[*]" not in f"{finding}"


class Uploading(Shop):
    """The same object is put twice, which is nothing, and a number is lost."""

    services = ["s3"]

    @handler
    def upload(self, principal: str) -> int:
        n = int(stored("counter").get("n", 0))
        boto3.client("s3", region_name="eu-central-1").put_object(Bucket="files", Key="a", Body=b"text")
        shop.put_item(Item={"id": "counter", "n": n + 1})
        return 200


def test_an_object_that_is_put_twice_is_no_effect_that_occurred_twice():
    (finding,) = found(Uploading)
    assert finding["anomaly"] == "lost_update"


class Transferring(Shop):
    """One balance is decided on; that the other one is read as well decides nothing."""

    items = {"Shop": [{"id": "a", "n": 1}, {"id": "b", "n": 0}]}

    @handler
    def transfer(self, principal: str) -> int:
        target = stored("b")
        if int(stored("a")["n"]) < 1 or not target:
            return 409
        update("a", "SET n = n - :one", one=1)
        update("b", "SET n = n + :one", one=1)
        return 200


def test_a_balance_that_is_spent_twice_is_a_check_that_was_out_of_date():
    (finding,) = found(Transferring)
    assert finding["anomaly"] == "toctou"
    assert "its n was 0 by then" in finding["headline"]
