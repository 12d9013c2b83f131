"""What a handler looks at is noted, and what it looks at is what it would get anyway."""

import copy
import json
import pickle

import boto3
import pytest

from toctou import Model, Table, handler
from toctou.client.access_tracker import Watched, untracked
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.footprint import ALL, EXISTENCE
from toctou.history.request import Request
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling.runner import Limits

PLAIN = {"owner": {"S": "alice"}, "n": {"N": "1"}}
WHOLE = {ALL, EXISTENCE}


def watched() -> tuple[Watched, set[str]]:
    seen: set[str] = set()
    return Watched(PLAIN, lambda *names: seen.update(names)), seen


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (lambda one: one["owner"], {"owner"}),
        (lambda one: one.get("owner"), {"owner"}),
        (lambda one: one.get("gone", 1), {"gone"}),
        (lambda one: "n" in one, {"n"}),
        (lambda one: one.pop("n"), {"n"}),
        (lambda one: one.setdefault("n", 2), {"n"}),
        (bool, set()),
        (lambda one: one.update(n=2), set()),
        (list, WHOLE),
        (dict, WHOLE),
        (len, WHOLE),
        (lambda one: {**one}, WHOLE),
        (lambda one: one | {"m": 1}, WHOLE),
        (lambda one: {"m": 1} | one, WHOLE),
        (lambda one: one == PLAIN, WHOLE),
        (lambda one: PLAIN == one, WHOLE),  # noqa: SIM300 - the other way round is the point
        (lambda one: one != {}, WHOLE),
        (lambda one: list(one.items()), WHOLE),
        (sorted, WHOLE),
        (json.dumps, WHOLE),
        (repr, WHOLE),
        (str, WHOLE),
        (copy.copy, WHOLE),
        (copy.deepcopy, WHOLE),
        (lambda one: one.copy(), WHOLE),
        (lambda one: pickle.loads(pickle.dumps(one)), WHOLE),
        (lambda one: dict(**one), WHOLE),
        (untracked, WHOLE),
    ],
)
def test_what_is_asked_for_is_noted_and_answered_as_by_a_dictionary(look, expected):
    one, seen = watched()
    by_plain = look(copy.deepcopy(PLAIN))
    assert look(one) == by_plain
    assert (seen & WHOLE if ALL in seen else seen) == expected
    assert isinstance(one, dict)


def test_what_is_taken_as_a_whole_is_plain_from_then_on():
    for taken in (copy.copy, copy.deepcopy, dict, untracked, lambda one: pickle.loads(pickle.dumps(one))):
        assert type(taken(watched()[0])) is dict


class Asks(Model):
    tables = (Table("Items", "item_id"), Table("Lists", "owner", "number:N"))
    items = {
        "Items": [{"item_id": "i1", "owner": "alice", "n": 1}, {"item_id": "i2", "owner": "bob", "n": 2}],
        "Lists": [{"owner": "alice", "number": 1, "done": False}, {"owner": "alice", "number": 2, "done": True}],
    }
    principals = ("alice",)

    @handler(
        ask=["client", "resource", "missing", "query", "count", "batch", "transact", "put_back", "returned", "updated"]
    )
    def asks(self, principal: str, ask: str):
        return getattr(self, ask)() or 200

    def client(self):
        client = boto3.client("dynamodb", region_name="us-east-1")
        item = client.get_item(TableName="Items", Key={"item_id": {"S": "i1"}})["Item"]
        assert item["owner"]["S"] == "alice"

    def resource(self):
        item = (
            boto3.resource("dynamodb", region_name="us-east-1").Table("Items").get_item(Key={"item_id": "i1"})["Item"]
        )
        assert item["n"] == 1

    def missing(self):
        table = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
        assert "Item" not in table.get_item(Key={"item_id": "i3"})

    def query(self):
        pages = boto3.client("dynamodb", region_name="us-east-1").get_paginator("query")
        found = pages.paginate(
            TableName="Lists", KeyConditionExpression="#o = :o", ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues={":o": {"S": "alice"}},
        )  # fmt: skip
        assert [item for page in found for item in page["Items"]][1]["done"]["BOOL"]

    def count(self):
        found = boto3.client("dynamodb", region_name="us-east-1").scan(TableName="Items", Select="COUNT")
        assert found["Count"] == 2

    def batch(self):
        found = boto3.resource("dynamodb", region_name="us-east-1").batch_get_item(
            RequestItems={"Items": {"Keys": [{"item_id": "i1"}, {"item_id": "i2"}]}}
        )
        assert {item["item_id"]: item for item in found["Responses"]["Items"]}["i2"]["n"] == 2

    def transact(self):
        client = boto3.client("dynamodb", region_name="us-east-1")
        keys = [{"Get": {"TableName": "Items", "Key": {"item_id": {"S": name}}}} for name in ("i1", "i2")]
        assert client.transact_get_items(TransactItems=keys)["Responses"][1]["Item"]["owner"] == {"S": "bob"}

    def put_back(self):
        table = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
        item = table.get_item(Key={"item_id": "i1"})["Item"]
        item["n"] = 5
        table.put_item(Item=item)

    def returned(self):
        table = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
        return 200, table.get_item(Key={"item_id": "i1"})["Item"]

    def updated(self):
        table = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
        old = table.update_item(Key={"item_id": "i1"}, UpdateExpression="SET n = :n", ReturnValues="ALL_OLD",
                                ExpressionAttributeValues={":n": 7})  # fmt: skip
        assert old["Attributes"]["owner"] == "alice"


def accessed(ask: str):
    """What was noted of the first operation, and the whole execution without anybody watching."""
    scenario = Scenario((Request.of("alice", "asks", {"ask": ask}),))
    backend = backend_named("embedded")
    laboratory = Laboratory(Asks, backend, Limits())
    with laboratory.opened():
        laboratory.serial(scenario, (0,))
        schedule = Schedule((Choice(0),) * max(len(laboratory.progress()[0]), 1))
        plain = replayed(laboratory, scenario, schedule)
        with laboratory.tracking():
            noted = replayed(laboratory, scenario, schedule)
    assert [one.result for one in noted.operations] == [one.result for one in plain.operations]
    assert [one.parameters for one in noted.operations] == [one.parameters for one in plain.operations]
    assert noted.responses == plain.responses
    assert noted.final == plain.final
    assert plain.operations[0].accessed is None
    assert noted.responses[0].status == 200
    steps = [one.accessed for one in noted.operations if one.action == noted.operations[0].action]
    return {str(item): set(names) for accessed in steps for item, names in accessed.items()}


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        ("client", {"None": {EXISTENCE}, "Items[i1]": {EXISTENCE, "owner"}}),
        ("resource", {"None": {EXISTENCE}, "Items[i1]": {EXISTENCE, "n"}}),
        ("missing", {"None": {EXISTENCE}, "Items[i3]": {EXISTENCE}}),
        ("query", {"None": {EXISTENCE}, "Lists[alice, 1]": {EXISTENCE}, "Lists[alice, 2]": {EXISTENCE, "done"}}),
        ("count", {"None": {EXISTENCE}}),
        ("batch", {"None": {EXISTENCE}, "Items[i1]": {EXISTENCE, "item_id"}, "Items[i2]": {EXISTENCE, "item_id", "n"}}),
        ("transact", {"None": {EXISTENCE}, "Items[i1]": {EXISTENCE}, "Items[i2]": {EXISTENCE, "owner"}}),
        ("put_back", {"None": {EXISTENCE}, "Items[i1]": WHOLE}),
        ("returned", {"None": {EXISTENCE}, "Items[i1]": WHOLE}),
        ("updated", {"Items[i1]": {"owner"}}),
    ],
)
def test_every_kind_of_answer_tells_what_was_looked_at_and_in_which_item(ask, expected):
    assert accessed(ask) == expected
