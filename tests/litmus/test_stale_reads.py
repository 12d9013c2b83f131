"""Litmus tests of eventually consistent reads: the exact set of outcomes of each, under strong and under eventual reads."""

from __future__ import annotations

import boto3
import pytest
from brute_force import BruteForce

from models.delete_item import ConditionalDelete, ReadThenDelete
from models.weak_reads import ListedByIndex, ListedByScan, StronglyCheckedGet, WeaklyCheckedGet
from toctou import Model, Table, handler
from toctou.checking.check import check_model
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.errors import BadInput
from toctou.execution.laboratory import Laboratory
from toctou.history.picks.staleness import STALENESS
from toctou.scheduling.restart import Restart
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.strategy import Strategy
from toctou.verdict import Verdict

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


def value(key: str, *, consistent: bool = False) -> int:
    item = dynamodb.get_item(TableName="Cells", Key={"p": {"S": "p"}, "s": {"S": key}}, ConsistentRead=consistent)[
        "Item"
    ]
    return int(item["value"]["N"])


def write_attribute(name: str) -> None:
    dynamodb.update_item(
        TableName="Cells",
        Key={"p": {"S": "p"}, "s": {"S": "x"}},
        UpdateExpression="SET #name = :one",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def attributes(names: str, *, consistent: bool = False) -> tuple[int, ...]:
    item = dynamodb.get_item(
        TableName="Cells",
        Key={"p": {"S": "p"}, "s": {"S": "x"}},
        ConsistentRead=consistent,
        ProjectionExpression=", ".join(names),
    )["Item"]
    return tuple(int(item.get(name, {"N": "0"})["N"]) for name in names)


def write(key: str, number: int) -> None:
    dynamodb.put_item(TableName="Cells", Item={"p": {"S": "p"}, "s": {"S": key}, "value": {"N": str(number)}})


class Cells(Model):
    """Two cells in one partition, both 0 at the start."""

    tables = (Table("Cells", "p", "s", indexes={"by-s": ("s",), "by-value": ("value:N",)}),)
    items = {"Cells": [{"p": "p", "s": "x", "value": 0}, {"p": "p", "s": "y", "value": 0}]}
    principals = ("alice",)

    @handler()
    def write_x(self, principal):
        write("x", 1)

    @handler()
    def write_x_twice(self, principal):
        write("x", 1)
        write("x", 2)

    @handler()
    def write_x_then_y(self, principal):
        write("x", 1)
        write("y", 1)

    @handler()
    def write_x_and_look(self, principal):
        write("x", 1)
        return 200, value("x")

    @handler()
    def write_both_at_once(self, principal):
        puts = [{"Put": {"TableName": "Cells", "Item": _cell(key, 1)}} for key in "xy"]
        dynamodb.transact_write_items(TransactItems=puts)

    @handler()
    def write_a(self, principal):
        write_attribute("a")

    @handler()
    def write_b(self, principal):
        write_attribute("b")

    @handler(read_only=True)
    def read_a_twice(self, principal):
        return 200, attributes("a") + attributes("a")

    @handler(read_only=True)
    def read_a_and_b_strongly_then_weakly(self, principal):
        return 200, attributes("ab", consistent=True) + attributes("ab")

    @handler(read_only=True)
    def read_x(self, principal):
        return 200, value("x")

    @handler(read_only=True)
    def read_x_twice(self, principal):
        return 200, (value("x"), value("x"))

    @handler(read_only=True)
    def read_x_weakly_then_strongly(self, principal):
        return 200, (value("x"), value("x", consistent=True))

    @handler(read_only=True)
    def read_y_then_x(self, principal):
        return 200, (value("y"), value("x"))

    @handler(read_only=True)
    def query_both(self, principal):
        found = dynamodb.query(
            TableName="Cells", KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": "p"}}
        )["Items"]
        return 200, tuple(int(item["value"]["N"]) for item in found)

    @handler(read_only=True)
    def read_x_by_index(self, principal):
        return 200, _by_index()

    @handler(read_only=True)
    def read_x_strongly_then_by_index(self, principal):
        return 200, (value("x", consistent=True), *_by_index())

    @handler(read_only=True)
    def look_for_x_where_it_was_and_where_it_is(self, principal):
        return 200, tuple("x" in _with_value(number) for number in (0, 1))

    @handler(read_only=True)
    def get_both_in_a_transaction(self, principal):
        gets = [{"Get": {"TableName": "Cells", "Key": {"p": {"S": "p"}, "s": {"S": key}}}} for key in "xy"]
        found = dynamodb.transact_get_items(TransactItems=gets)["Responses"]
        return 200, tuple(int(one["Item"]["value"]["N"]) for one in found)

    @handler(read_only=True)
    def get_both_in_a_batch(self, principal):
        keys = [{"p": {"S": "p"}, "s": {"S": key}} for key in "xy"]
        found = dynamodb.batch_get_item(RequestItems={"Cells": {"Keys": keys}})["Responses"]["Cells"]
        return 200, tuple(int(item["value"]["N"]) for item in sorted(found, key=lambda item: item["s"]["S"]))


def _by_index() -> tuple[int, ...]:
    found = dynamodb.query(
        TableName="Cells",
        IndexName="by-s",
        KeyConditionExpression="s = :s",
        ExpressionAttributeValues={":s": {"S": "x"}},
    )["Items"]
    return tuple(int(item["value"]["N"]) for item in found)


def _with_value(number: int) -> set[str]:
    found = dynamodb.query(
        TableName="Cells",
        IndexName="by-value",
        KeyConditionExpression="#v = :v",
        ExpressionAttributeNames={"#v": "value"},
        ExpressionAttributeValues={":v": {"N": str(number)}},
    )["Items"]
    return {item["s"]["S"] for item in found}


def _cell(key: str, number: int) -> dict[str, dict[str, str]]:
    return {"p": {"S": "p"}, "s": {"S": key}, "value": {"N": str(number)}}


def outcomes(*names: str, window: int, strategy: Strategy) -> set[object]:
    """Bodies of the last request, over every schedule of the requests with these handlers."""
    requests = {request.handler: request for request in Cells.requests()}
    laboratory = Laboratory(Cells, backend_named("embedded", window), Limits())
    scenario = Scenario(tuple(requests[name] for name in names))
    found: set[object] = set()
    try:
        with laboratory.opened():
            while strategy.begin():
                execution = laboratory.execute(scenario, strategy)
                if execution is not None:
                    found.add(execution.responses[-1].body)
    except Restart as over:
        return outcomes(*names, window=window, strategy=over.strategy)
    return found


STRONG, EVENTUAL = 1, 2

STRONG_PAIRS = {
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 0),
    (0, 0, 1, 1),
    (0, 1, 0, 1),
    (0, 1, 1, 1),
    (1, 0, 1, 0),
    (1, 0, 1, 1),
    (1, 1, 1, 1),
}

LITMUS = [
    # a read overlaps, precedes or follows the write
    (("write_x", "read_x"), STRONG, {0, 1}),
    (("write_x", "read_x"), EVENTUAL, {0, 1}),
    # strong reads do not go back in time, weak ones do
    (("write_x", "read_x_twice"), STRONG, {(0, 0), (0, 1), (1, 1)}),
    (("write_x", "read_x_twice"), EVENTUAL, {(0, 0), (0, 1), (1, 1), (1, 0)}),
    (("write_x", "read_x_weakly_then_strongly"), EVENTUAL, {(0, 0), (0, 1), (1, 1)}),
    # a request may not see its own write
    (("write_x_and_look",), STRONG, {1}),
    (("write_x_and_look",), EVENTUAL, {0, 1}),
    # the window
    (("write_x_twice", "read_x"), STRONG, {0, 1, 2}),
    (("write_x_twice", "read_x_twice"), EVENTUAL, {(a, b) for a in range(3) for b in range(3)} - {(2, 0)}),
    (("write_x_twice", "read_x_twice"), 3, {(a, b) for a in range(3) for b in range(3)}),
    # message passing: y tells that x has been written
    (("write_x_then_y", "read_y_then_x"), STRONG, {(0, 0), (0, 1), (1, 1)}),
    (("write_x_then_y", "read_y_then_x"), EVENTUAL, {(0, 0), (0, 1), (1, 1), (1, 0)}),
    # each item of a weak query or batch is as old as it pleases, even if both were written at once
    (("write_both_at_once", "query_both"), STRONG, {(0, 0), (1, 1)}),
    (("write_both_at_once", "query_both"), EVENTUAL, {(0, 0), (0, 1), (1, 0), (1, 1)}),
    # a batch reads each item by itself, in the order in which it names them
    (("write_both_at_once", "get_both_in_a_batch"), STRONG, {(0, 0), (0, 1), (1, 1)}),
    (("write_both_at_once", "get_both_in_a_batch"), EVENTUAL, {(0, 0), (0, 1), (1, 0), (1, 1)}),
    # transactional reads are never stale, reads of a global index may be
    (("write_both_at_once", "get_both_in_a_transaction"), EVENTUAL, {(0, 0), (1, 1)}),
    (("write_x", "read_x_by_index"), STRONG, {(0,), (1,)}),
    (("write_x_twice", "read_x_by_index"), EVENTUAL, {(0,), (1,), (2,)}),
    # an index lags behind its table, which has been read before and is up to date
    (("write_x", "read_x_strongly_then_by_index"), STRONG, {(0, 0), (0, 1), (1, 1)}),
    (("write_x", "read_x_strongly_then_by_index"), EVENTUAL, {(0, 0), (0, 1), (1, 1), (1, 0)}),
    # an item that moves within an index: between two queries it may be missed or met twice; if they lag on their own, also after
    (("write_x", "look_for_x_where_it_was_and_where_it_is"), STRONG, {(True, False), (True, True), (False, True)}),
    (
        ("write_x", "look_for_x_where_it_was_and_where_it_is"),
        EVENTUAL,
        {(True, False), (True, True), (False, True), (False, False)},
    ),
    # a version is one of the whole item: the write of another attribute moves the window
    (("write_a", "write_b", "read_a_twice"), STRONG, {(0, 0), (0, 1), (1, 1)}),
    (("write_a", "write_b", "read_a_twice"), EVENTUAL, {(0, 0), (0, 1), (1, 0), (1, 1)}),
    # and the versions in between show in which order two attributes were written
    (("write_a", "write_b", "read_a_and_b_strongly_then_weakly"), STRONG, STRONG_PAIRS),
    (
        ("write_a", "write_b", "read_a_and_b_strongly_then_weakly"),
        EVENTUAL,
        STRONG_PAIRS | {(1, 0, 0, 0), (0, 1, 0, 0), (1, 1, 1, 0), (1, 1, 0, 1)},
    ),
]


def _id(part):
    """The same in every process, whatever the order of a set, so that tests can be spread over processes."""
    return str(sorted(part) if isinstance(part, set) else part).replace(" ", "")


@pytest.mark.parametrize("strategy", [BruteForce, Exhaustive, Dpor])
@pytest.mark.parametrize(("names", "window", "expected"), LITMUS, ids=_id)
def test_outcomes(names, window, expected, strategy):
    assert outcomes(*names, window=window, strategy=strategy()) == expected


@pytest.mark.parametrize(
    ("model", "strong", "eventual"),
    [
        (WeaklyCheckedGet, Verdict.VERIFIED, Verdict.VIOLATED),
        (StronglyCheckedGet, Verdict.VERIFIED, Verdict.VERIFIED),
        (ListedByIndex, Verdict.VERIFIED, Verdict.VIOLATED),
        (ListedByScan, Verdict.VERIFIED, Verdict.VERIFIED),
        (ReadThenDelete, Verdict.VIOLATED, Verdict.VIOLATED),
        (ConditionalDelete, Verdict.VERIFIED, Verdict.VERIFIED),
    ],
)
def test_verdicts(model, strong, eventual):
    assert check_model(model, confirm=False).verdict is strong
    assert check_model(model, confirm=False, reads=EVENTUAL).verdict is eventual


def test_a_stale_read_needs_no_overlap_and_is_not_confirmed_where_nothing_is_stale():
    result = check_model(WeaklyCheckedGet, reads=EVENTUAL)
    clearest = min(result.violations, key=lambda one: one.execution.schedule.context_switches)
    assert clearest.execution.precedes(0, 1)
    assert clearest.execution.schedule.largest(STALENESS) == 1
    assert clearest.confirmed_on is None
    assert "moto" in clearest.difference


@pytest.mark.parametrize("options", [{"backend": "moto"}, {"reads": 0}])
def test_what_cannot_be_had_together_is_refused(options):
    with pytest.raises(BadInput):
        check_model(WeaklyCheckedGet, **{"reads": 2, **options})


def test_random_walks_meet_stale_answers_too():
    result = check_model(WeaklyCheckedGet, reads=EVENTUAL, strategy="random", confirm=False)
    assert result.verdict is Verdict.VIOLATED
