"""What a finding rests on: every weakness has a counterexample of its own, and sequential runs are repeated too."""

from __future__ import annotations

import boto3
import pytest

from toctou import Model, Table, check, handler
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.history.request import Response

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


def read(item):
    return dynamodb.get_item(TableName="Counters", Key={"id": {"S": item}}, ConsistentRead=True)["Item"]


def stored(item, attribute):
    return {"TableName": "Counters", "Item": {**item, attribute: {"N": str(int(item[attribute]["N"]) + 1)}}}


class Counters(Model):
    tables = [Table("Counters", "id")]
    items = {"Counters": [{"id": "a", "v": 1}, {"id": "b", "v": 1}]}
    principals = ("alice",)


class InTwoPlaces(Counters):
    """One request loses updates in two places."""

    @handler
    def act(self, principal):
        dynamodb.put_item(**stored(read("a"), "v"))
        dynamodb.put_item(**stored(read("b"), "v"))
        return 200


class InTwoHandlers(Counters):
    """Each of two handlers loses what the other one has written, and nothing else."""

    items = {"Counters": [{"id": "a", "v": 1, "w": 1}]}

    @handler
    def first(self, principal):
        item = read("a")
        dynamodb.put_item(TableName="Counters", Item={**item, "v": {"N": "5"}})
        return 200

    @handler
    def second(self, principal):
        item = read("a")
        dynamodb.put_item(TableName="Counters", Item={**item, "w": {"N": "5"}})
        return 200


@pytest.mark.parametrize(
    ("model", "places"),
    [
        (InTwoPlaces, {("act", "a"), ("act", "b")}),
        (InTwoHandlers, {("first", "a"), ("second", "a")}),
    ],
)
def test_a_weakness_does_not_hide_a_second_one_of_the_same_requests(model, places):
    """Both are lost updates of the same two requests; which one a schedule shows decides."""
    found = check(model, confirm=False)
    (scenario,) = [one for one in found.scenarios if len({one.cause for one in one.violations}) > 1]
    assert {(one.finding.oracle, one.explanation.anomaly) for one in scenario.violations} == {
        ("linearizability", "lost_update")
    }
    shown = set()
    for one in scenario.violations:
        (item,) = one.execution.operations[one.cause.write_at].footprint.writes
        shown.add((one.cause.handler, item.key[0][1]))
    assert shown == places


class Racy(Counters):
    @handler
    def add(self, principal):
        dynamodb.put_item(**stored(read("a"), "v"))
        return 200


@pytest.fixture
def sequential(monkeypatch):
    """Lets the sequential runs of two requests answer otherwise, by how many there were, and whether they are repetitions."""
    runs = []
    serial = Laboratory.serial

    def install(status):
        def counted(self, scenario: Scenario, order, *, afresh=False):
            responses, items = serial(self, scenario, order, afresh=afresh)
            if len(order) < 2:
                return responses, items
            runs.append(order)
            return [*responses[:-1], Response(status(len(runs), afresh))], items

        monkeypatch.setattr(Laboratory, "serial", counted)

    return install


@pytest.mark.parametrize(
    "status",
    [lambda _, afresh: 200 if afresh else 418, lambda count, _: 418 + count],
    ids=["only the repetition explains it", "neither explains it"],
)
def test_a_sequential_run_that_does_not_repeat_blames_no_handler(sequential, status):
    sequential(status)
    found = check(Racy, confirm=False, isolation="memory")
    # What does not repeat in one process may depend on what it remembers.
    assert (found.verdict, found.stop_reason) == ("INCONCLUSIVE", "shared_memory")
    assert "the same schedule gave two histories" in found.detail
    assert not found.violations


def test_a_sequential_run_that_repeats_is_evidence(sequential):
    sequential(lambda *_: 200)
    assert check(Racy, confirm=False).verdict == "VIOLATED"
