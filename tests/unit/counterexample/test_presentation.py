"""A counterexample that is told: letters in the order of the story, what was looked at, the closest serial order."""

import random
from functools import cache

import boto3
import pytest

from toctou import Model, Table, handler
from toctou.checking.check import check_model
from toctou.counterexample.violation import Violation


def table():
    return boto3.resource("dynamodb", region_name="us-east-1").Table("Items")


class Owned(Model):
    """Racy: reads the owner, then deletes."""

    tables = (Table("Items", "item_id"),)
    items = {"Items": [{"item_id": "i1", "owner": "alice"}]}
    owner = "owner"
    principals = ("alice",)

    @handler(to=["bob"], changes_owner=True)
    def give(self, principal: str, to: str) -> int:
        """Give the item away."""
        table().update_item(
            Key={"item_id": "i1"},
            UpdateExpression="SET #owner = :to",
            ConditionExpression="attribute_exists(item_id)",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":to": to},
        )
        return 200

    @handler
    def drop(self, principal: str) -> int:
        """Delete the item."""
        item = self.read()
        if item is None or item["owner"] != principal:
            return 403
        table().delete_item(Key={"item_id": "i1"})
        return 204

    def read(self):
        """The item, as the handler gets it."""
        return table().get_item(Key={"item_id": "i1"}).get("Item")


class Particular(Owned):
    """Racy: accepts nothing but dictionaries, so that it notices who is looking."""

    def read(self):
        """The item, if it is plain."""
        item = super().read()
        if item is not None and type(item) is not dict:
            raise TypeError(f"{type(item).__name__} instead of a dictionary")
        return item


class Dicing(Owned):
    """Racy: which index a request has decides what it draws."""

    def read(self):
        """The item, and a number."""
        random.random()
        return super().read()


@cache
def ownership(model: type[Model]) -> Violation:
    """What is found of a transfer and a deletion together."""
    wanted = {"give", "drop"}
    (found,) = (
        one
        for one in check_model(model).violations
        if one.finding.oracle == "ownership" and {request.handler for request in one.execution.requests} == wanted
    )
    return found


@pytest.mark.parametrize("model", [Owned, Particular, Dicing])
def test_the_first_request_that_a_reader_meets_is_called_a(model):
    found = ownership(model)
    assert [one.request for one in found.execution.operations] == [0, 1, 0]
    assert found.finding.requests == (0,)
    assert found.explanation.headline.startswith("A (alice) removed Items[i1]")
    assert found.confirmed_on == "moto"


def test_what_was_looked_at_is_evidence():
    found = ownership(Owned)
    assert {str(item): names for item, names in found.execution.operations[0].accessed.items()}["Items[i1]"] == {
        "",
        "owner",
    }
    assert found.explanation.decision == "owner of Items[i1]"


def test_a_handler_that_notices_is_told_without():
    found = ownership(Particular)
    assert [one.accessed for one in found.execution.operations] == [None] * 3
    assert found.explanation.decision == "owner of Items[i1]"
    assert [response.status for response in found.execution.responses] == [204, 200]


def test_every_property_has_the_serial_order_that_comes_closest():
    closest = ownership(Owned).finding.closest
    assert closest.requests == (1, 0)
    assert closest.explained == 1
    assert closest.contradiction.startswith("A (alice)'s drop answered 204")


class TakesBack(Model):
    """Refuses, having written and taken that back; who overwrites it meanwhile is told what will not have been."""

    tables = (Table("Items", "item_id"),)
    items = {"Items": [{"item_id": "i1", "count": 1}]}
    principals = ("alice",)

    @handler
    def book(self, principal: str) -> int:
        """Write, take it back, refuse."""
        for count in (2, 1):
            table().put_item(Item={"item_id": "i1", "count": count})
        return 409

    @handler
    def swap(self, principal: str) -> tuple[int, int]:
        """Overwrite, and tell what was there."""
        return 200, int(
            table().put_item(Item={"item_id": "i1", "count": 9}, ReturnValues="ALL_OLD")["Attributes"]["count"]
        )


def test_a_dirty_read_without_a_way_back_is_told_without_a_remedy():
    (violation, *_) = [
        one for one in check_model(TakesBack, confirm=False).violations if one.explanation.anomaly == "dirty_read"
    ]
    assert violation.explanation.remedy == ""
