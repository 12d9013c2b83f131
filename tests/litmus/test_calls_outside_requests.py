"""What `setup` stores is there in every schedule, once, as if it had been declared: the same verdicts, however it is explored."""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, Table, Verdict, handler, invariant
from toctou.errors import ModelError

notes = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")
client = boto3.client("dynamodb", region_name="us-east-1")

WAYS: list[dict[str, Any]] = [
    {"isolation": "memory"},
    {"isolation": "processes"},
    {"isolation": "memory", "every_step": True},
    {"isolation": "memory", "backend": "moto"},
    {"isolation": "memory", "reads": 2},
]


class OfNotes(Model):
    tables = (Table("Notes", "note_id"),)
    principals = ("alice", "bob")


def counted() -> int:
    return int(notes.get_item(Key={"note_id": "n1"}, ConsistentRead=True)["Item"]["count"])


class Racy(OfNotes):
    @handler()
    def increment(self, principal):
        notes.put_item(Item={"note_id": "n1", "count": counted() + 1})
        return 204


class Fixed(OfNotes):
    @handler()
    def increment(self, principal):
        counted()
        notes.update_item(
            Key={"note_id": "n1"},
            UpdateExpression="ADD #c :one",
            ConditionExpression="attribute_exists(note_id)",
            ExpressionAttributeNames={"#c": "count"},
            ExpressionAttributeValues={":one": 1},
        )
        return 204

    @invariant
    def it_began_with_seven(self, items):
        (note,) = items["Notes"]
        return 7 <= note["count"] <= 9


def declaring(model: type[Model]) -> type[Model]:
    return type("Declaring", (model,), {"items": {"Notes": [{"note_id": "n1", "count": 7}]}, "__module__": __name__})


def setting_up(model: type[Model], setup: Callable[[Model], None]) -> type[Model]:
    return type("SettingUp", (model,), {"setup": setup, "__module__": __name__})


def store(_model: Model) -> None:
    client.get_waiter("table_exists").wait(TableName="Notes")
    notes.put_item(Item={"note_id": "n1", "count": 6}, ConditionExpression="attribute_not_exists(note_id)")
    notes.put_item(Item={"note_id": "n1", "count": counted() + 1})


def outcome(model: type[Model], **how: Any) -> object:
    result = toctou.check(model, confirm=False, **how)
    return result.verdict, [
        (one.requests, one.verdict, one.schedules, sorted(str(each.finding.statement) for each in one.violations))
        for one in result.scenarios
    ]


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("model", [Racy, Fixed])
def test_what_setup_stores_is_as_good_as_declared(model, how):
    found = outcome(setting_up(model, store), **how)
    assert found == outcome(declaring(model), **how)
    assert found[0] is (Verdict.VERIFIED if model is Fixed else Verdict.VIOLATED)


def test_a_violation_is_confirmed_with_what_setup_stores():
    violation = next(iter(toctou.check(setting_up(Racy, store)).violations))
    assert violation.confirmed_on == "moto"
    assert violation.execution.initial == {"Notes": [{"note_id": {"S": "n1"}, "count": {"N": "7"}}]}


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_a_table_that_setup_creates_is_there(isolation):
    def create(_model: Model) -> None:
        client.create_table(
            TableName="Made",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    class Making(OfNotes):
        setup = create

        @handler()
        def make(self, principal):
            client.put_item(TableName="Made", Item={"id": {"S": "m1"}})
            return 204

    assert toctou.check(Making, confirm=False, isolation=isolation).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_setup_has_one_clock_and_the_same_numbers(isolation):
    """So it may store them, and its handlers find what it has stored."""

    def stamp(model: Any) -> None:
        model.note = str(uuid.uuid4())
        notes.put_item(Item={"note_id": model.note, "at": int(time.time()), "count": 7})

    class Stamped(OfNotes):
        setup = stamp

        @handler()
        def increment(self, principal):
            notes.update_item(
                Key={"note_id": self.note},
                UpdateExpression="ADD #c :one",
                ConditionExpression="attribute_exists(note_id)",
                ExpressionAttributeNames={"#c": "count"},
                ExpressionAttributeValues={":one": 1},
            )
            return 204

    assert toctou.check(Stamped, confirm=False, isolation=isolation).verdict is Verdict.VERIFIED


runs: list[int] = []


def test_a_setup_that_stores_something_else_each_time_is_an_invalid_model():
    def count(_model: Model) -> None:
        runs.append(1)
        notes.put_item(Item={"note_id": "n1", "count": len(runs)})

    with pytest.raises(ModelError, match="does not store the same before each schedule"):
        toctou.check(setting_up(Racy, count), confirm=False, isolation="memory")


def test_what_setup_stores_under_a_name_tells_names_apart():
    """Alice's scenarios are not those of bob where only hers begin with a note."""

    class Own(OfNotes):
        def setup(self) -> None:
            notes.put_item(Item={"note_id": "alice", "count": 7})

        @handler()
        def read(self, principal):
            return (200, "yes") if "Item" in notes.get_item(Key={"note_id": principal}, ConsistentRead=True) else 404

        @handler()
        def touch(self, principal):
            notes.put_item(Item={"note_id": "else"})
            return 204

    result = toctou.check(Own, confirm=False, requests=1, isolation="memory")
    explored = {str(one.requests[0]) for one in result.scenarios if one.schedules}
    assert {"alice: read()", "bob: read()"} <= explored


_client: Any = None


def made_when_needed() -> Any:
    global _client  # noqa: PLW0603
    if _client is None:
        _client = boto3.client("dynamodb", region_name="us-east-1")
    return _client


class Repository:
    def __init__(self) -> None:
        self.table = boto3.Session(region_name="us-east-1").resource("dynamodb").Table("Notes")


class Connection:
    """As libraries make theirs."""

    @functools.cached_property
    def client(self) -> Any:
        return boto3.Session(region_name="us-east-1").client("dynamodb")


connection = Connection()
repository = functools.lru_cache(Repository)
ADD: dict[str, Any] = {
    "UpdateExpression": "ADD #c :one",
    "ExpressionAttributeNames": {"#c": "count"},
}
LOW = {"TableName": "Notes", "Key": {"note_id": {"S": "n1"}}, "ExpressionAttributeValues": {":one": {"N": "1"}}, **ADD}
HIGH = {"Key": {"note_id": "n1"}, "ExpressionAttributeValues": {":one": 1}, **ADD}

LAZY: dict[str, Callable[[], Any]] = {
    "global": lambda: made_when_needed().update_item(**LOW),
    "lru_cache": lambda: repository().table.update_item(**HIGH),
    "connection": lambda: connection.client.update_item(**LOW),
    "each time": lambda: boto3.Session(region_name="us-east-1").client("dynamodb").update_item(**LOW),
}


@pytest.mark.parametrize("how", WAYS[:3], ids=str)
@pytest.mark.parametrize("lazy", LAZY)
def test_a_client_that_is_made_when_first_needed_is_no_doubt(lazy, how):
    global _client  # noqa: PLW0603
    _client = None
    repository.cache_clear()
    vars(connection).clear()

    class Lazy(OfNotes):
        items = {"Notes": [{"note_id": "n1", "count": 7}]}

        @handler()
        def increment(self, principal):
            LAZY[lazy]()
            return 204

    result = toctou.check(Lazy, confirm=False, **how)
    assert result.verdict is Verdict.VERIFIED
    assert not result.remarks
