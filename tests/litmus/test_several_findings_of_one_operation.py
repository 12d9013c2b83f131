"""One operation may break a rule for several items at once; what was found first must be found again, and not the last."""

from __future__ import annotations

import boto3

import toctou
from toctou import Model, Table, handler


class Transfer(Model):
    """Takes from the accounts of others, both in one transaction."""

    tables = [Table("Accounts", "account_id")]
    items = {"Accounts": [{"account_id": one, "owner": "bob", "balance": 1} for one in ("a1", "a2")]}
    owner = "owner"

    @handler(principals=["alice"])
    def take(self, principal: str) -> int:
        client = boto3.client("dynamodb", region_name="eu-central-1")
        take = {
            "TableName": "Accounts",
            "UpdateExpression": "SET balance = :none",
            "ExpressionAttributeValues": {":none": {"N": "0"}},
        }
        client.transact_write_items(
            TransactItems=[{"Update": {**take, "Key": {"account_id": {"S": one}}}} for one in ("a1", "a2")]
        )
        return 200


def test_both_items_are_a_violation_and_no_doubt():
    result = toctou.check(Transfer, requests=2)
    assert result.verdict == "VIOLATED"
    assert [one.stop_reason for one in result.scenarios] == [None, None]
    assert {one.finding.oracle for one in result.violations} == {"ownership"}
