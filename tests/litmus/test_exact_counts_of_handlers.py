"""Handlers whose number of classes is known; the arithmetic is in tests/property/test_exact_counts.py."""

from __future__ import annotations

from typing import Any, ClassVar

import boto3
import pytest

import toctou
from toctou import Model, Table, Verdict, handler

accounts = boto3.resource("dynamodb", region_name="us-east-1").Table("Accounts")


class OfAccounts(Model):
    tables = (Table("Accounts", "account_id"),)
    items: ClassVar = {"Accounts": [{"account_id": name, "value": 0, "limit": 0} for name in ("a1", "a2", "a3")]}
    principals = ("alice",)


def counts(model: type[Model], requests: int, *chosen: str, symmetry: bool = False) -> tuple[int, int]:
    """Schedules of the scenario in which these handlers run, and the interleavings that they stand for."""
    result = toctou.check(model, requests=requests, confirm=False, symmetry=symmetry)
    (found,) = [
        one
        for one in result.scenarios
        if len(one.requests) == requests and (not chosen or [str(each) for each in one.requests] == list(chosen))
    ]
    return found.schedules, found.interleavings


class ReadModifyWrite(OfAccounts):
    """Racy."""

    @handler()
    def increment(self, principal: str) -> int:
        item = accounts.get_item(Key={"account_id": "a1"})["Item"]
        accounts.put_item(Item={**item, "value": item["value"] + 1})
        return 204


@pytest.mark.parametrize(("requests", "expected"), [(2, (4, 6)), (3, (36, 90)), (4, (576, 2520))])
def test_read_modify_write_of_one_item(requests, expected):
    assert counts(ReadModifyWrite, requests) == expected


@pytest.mark.parametrize(("requests", "expected"), [(2, (2, 6)), (3, (6, 90)), (4, (24, 2520))])
def test_read_modify_write_of_one_item_up_to_symmetry(requests, expected):
    """n! · n! classes fall into n! groups of mirror images, one for each way to place the reads among the writes."""
    assert counts(ReadModifyWrite, requests, symmetry=True) == expected


class Describes(OfAccounts):
    """Asks whether its table is there, as ORMs do, which no other request can change."""

    @handler(account_id=["a1", "a2"])
    def reset(self, principal: str, account_id: str) -> int:
        accounts.meta.client.describe_table(TableName="Accounts")
        accounts.put_item(Item={"account_id": account_id, "value": 7})
        return 204


def test_describing_a_table_conflicts_with_no_write_to_it():
    requests = ("alice: reset(account_id='a1')", "alice: reset(account_id='a2')")
    assert counts(Describes, 2, *requests) == (1, 6)


class OnDifferentItems(OfAccounts):
    """Each request has an item to itself."""

    @handler(account_id=["a1", "a2", "a3"])
    def increment(self, principal: str, account_id: str) -> int:
        item = accounts.get_item(Key={"account_id": account_id})["Item"]
        accounts.put_item(Item={**item, "value": item["value"] + 1})
        return 204


def test_requests_on_different_items():
    requests = [f"alice: increment(account_id={name!r})" for name in ("a1", "a2", "a3")]
    assert counts(OnDifferentItems, 2, *requests[:2]) == (1, 6)
    assert counts(OnDifferentItems, 3, *requests) == (1, 90)


class DifferentAttributes(OfAccounts):
    """Each request sets an attribute of its own."""

    @handler(name=["value", "limit"])
    def assign(self, principal: str, name: str) -> int:
        accounts.update_item(
            Key={"account_id": "a1"},
            UpdateExpression="SET #name = :one",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":one": 1},
        )
        return 204


def test_unconditional_writes_of_different_attributes():
    assert counts(DifferentAttributes, 2, "alice: assign(name='value')", "alice: assign(name='limit')") == (1, 2)
    assert counts(DifferentAttributes, 2, "alice: assign(name='value')", "alice: assign(name='value')") == (2, 2)


class BetweenTwoItems(OfAccounts):
    """Reads both accounts, then writes both."""

    @handler()
    def transfer(self, principal: str) -> int:
        read: list[dict[str, Any]] = [accounts.get_item(Key={"account_id": name})["Item"] for name in ("a1", "a2")]
        for item, amount in zip(read, (-1, 1), strict=True):
            accounts.put_item(Item={**item, "value": item["value"] + amount})
        return 204


def test_transfer_between_two_items():
    assert counts(BetweenTwoItems, 2) == (12, 70)


@pytest.mark.parametrize("requests", [2, 3])
def test_no_schedule_is_lost_to_the_budget(requests):
    """The scope that an exact count stands for was exhausted."""
    result = toctou.check(DifferentAttributes, requests=requests)
    assert result.verdict is Verdict.VERIFIED
    assert result.stop_reason is None


def test_transfer_between_two_items_by_three():
    assert counts(BetweenTwoItems, 3) == (588, 34_650)
