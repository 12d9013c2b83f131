"""Show an item, or list one's items, by reads that may be out of date.

The race: the item has been handed over to bob, and everybody has been told so; then alice asks for it.  A read without
ConsistentRead, like any read of a global index, may still show her as the owner.  Nothing overlaps here, so that strong
reads close it; where a write follows, only a condition does (see delete_item.py, which reads strongly and loses all the same).

Source: CWE-367; the mission's eventually consistent check.  All of them hold under strong reads: `--reads eventual` tells
them apart.
"""

from typing import Any

import boto3

from models.references import OwnedItems
from models.transfer import Transfer
from toctou import Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


def shown(item: dict[str, Any] | None, principal: str) -> tuple[int, str | None]:
    """What the caller is told of an item."""
    if item is None:
        return 404, None
    if item["owner"]["S"] != principal:
        return 403, None
    return 200, item["data"]["S"]


class WeaklyCheckedGet(Transfer):
    """Racy under eventual reads: decides who may see the item on an answer that may be out of date."""

    @handler(item_id=["i1"], read_only=True)
    def get_item(self, principal: str, item_id: str) -> tuple[int, str | None]:
        """Show the caller's item."""
        key = {"item_id": {"S": item_id}}
        return shown(dynamodb.get_item(TableName="Items", Key=key).get("Item"), principal)


class StronglyCheckedGet(Transfer):
    """Fixed: the read reflects every write that was acknowledged before it."""

    @handler(item_id=["i1"], read_only=True)
    def get_item(self, principal: str, item_id: str) -> tuple[int, str | None]:
        """Show the caller's item."""
        key = {"item_id": {"S": item_id}}
        return shown(dynamodb.get_item(TableName="Items", Key=key, ConsistentRead=True).get("Item"), principal)


class ListedByIndex(Transfer):
    """Racy under eventual reads: a global index lags behind its table and cannot be read strongly."""

    tables = (Table("Items", "item_id", indexes={"by-owner": ("owner", "item_id")}),)
    reference = OwnedItems()

    @handler(read_only=True)
    def list_items(self, principal: str) -> tuple[int, list[str]]:
        """List the caller's items."""
        found = dynamodb.query(
            TableName="Items",
            IndexName="by-owner",
            KeyConditionExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":caller": {"S": principal}},
        )["Items"]
        return 200, [item["item_id"]["S"] for item in found]


class ListedByScan(Transfer):
    """Fixed, at the price of reading the whole table: a strongly consistent scan."""

    @handler(read_only=True)
    def list_items(self, principal: str) -> tuple[int, list[str]]:
        """List the caller's items."""
        found = dynamodb.scan(
            TableName="Items",
            ConsistentRead=True,
            FilterExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":caller": {"S": principal}},
        )["Items"]
        return 200, [item["item_id"]["S"] for item in found]
