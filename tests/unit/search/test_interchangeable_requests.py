"""Which requests of a scenario may change places: those that nothing could tell apart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from toctou import Model, Table, check, handler
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.history.request import Request
from toctou.scheduling.runner import Limits
from toctou.search.symmetry import interchangeable_requests

items = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
KEY = {"item_id": "i1"}


@dataclass(frozen=True)
class Order:
    """Neither shown nor compared whole."""

    forced: bool = field(repr=False, compare=False)


class OfItems(Model):
    tables = (Table("Items", "item_id"),)
    items = {"Items": [{"item_id": "i1", "count": 0}]}
    principals = ("alice",)

    @handler(value=[1, True])
    def add(self, principal: str, value: Any) -> int:
        """Alone they are all alike; whoever asks by ``True`` fails if another one follows close behind."""
        seen = self.count()
        try:
            items.update_item(
                Key=KEY,
                UpdateExpression="SET #count = :next",
                ConditionExpression="#count = :seen",
                ExpressionAttributeNames={"#count": "count"},
                ExpressionAttributeValues={":seen": seen, ":next": seen + 1},
            )
        except items.meta.client.exceptions.ConditionalCheckFailedException:
            return 409
        return 500 if seen == 0 and self.count() > 1 and value is True else 204

    def count(self) -> int:
        return int(items.get_item(Key=KEY, ConsistentRead=True)["Item"]["count"])

    @handler()
    def nothing(self, principal: str) -> int:
        return 200

    @handler()
    def nothing_more(self, principal: str) -> int:
        return 200

    @handler()
    def tell_time(self, principal: str) -> int:
        time.time()
        return 200


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    laboratory = Laboratory(OfItems, backend_named("embedded"), Limits())
    with laboratory.opened():
        yield laboratory


def adding(*values: Any) -> Scenario:
    return Scenario(tuple(Request("alice", "add", (("value", value),)) for value in values))


FORCED, FREE = Order(forced=True), Order(forced=False)


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        ((1, 2), ()),
        ((1, True), ()),
        ((1, True, 1), (0, 1, 0)),
        ((True, 1, True, 1), (0, 1, 0, 1)),
        ((1, 1), (0, 0)),
        (([1000], [int("1000")]), (0, 0)),
        (([1], [1, 2]), ()),
        (([1, 2], [1]), ()),
        (({"k": 1}, {"k": 1, "l": 2}), ()),
        ((FORCED, FREE), ()),
        ((FORCED, FREE, FORCED), (0, 1, 0)),
    ],
)
def test_requests_that_are_equal_may_still_differ(
    laboratory: Laboratory, values: tuple[Any, ...], groups: tuple[int, ...]
):
    assert interchangeable_requests(laboratory, adding(*values)) == groups


def test_requests_of_others_or_by_other_handlers_differ(laboratory: Laboratory):
    """Whatever they do."""
    one, other = Request("alice", "nothing"), Request("bob", "nothing")
    assert interchangeable_requests(laboratory, Scenario((one, other))) == ()
    assert interchangeable_requests(laboratory, Scenario((one, Request("alice", "nothing_more")))) == ()


def test_requests_that_read_their_clocks_differ(laboratory: Laboratory):
    assert interchangeable_requests(laboratory, Scenario((Request("alice", "tell_time"),) * 2)) == ()


def test_each_scenario_comes_out_as_without_symmetry():
    """Of two requests that are equal only one may fail, so both have to be the one that another one follows."""
    known, run = (check(OfItems, confirm=False, symmetry=symmetry) for symmetry in (True, False))
    assert [(one.requests, one.verdict) for one in known.scenarios] == [
        (one.requests, one.verdict) for one in run.scenarios
    ]
    assert len({one.verdict for one in known.scenarios}) > 1
