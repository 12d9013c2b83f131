"""Show an item, or list the caller's items, by eventually consistent reads.

The race: the item has been transferred to bob, and the transfer acknowledged; then alice requests it.  A read without
ConsistentRead, like any read of a global index, may still show her as the owner.  The requests do not overlap, so a strongly
consistent read is the fix; where a write follows, only a condition is (delete_item.py reads consistently and races all the same).

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html.  All variants pass
with strongly consistent reads; `--reads eventual` distinguishes them.
"""

from typing import Any

import boto3

from models.references import OwnedItems
from models.transfer import Transfer
from toctou import Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


def shown(item: dict[str, Any] | None, principal: str) -> tuple[int, str | None]:
    """The response about an item."""
    if item is None:
        return 404, None
    if item["owner"]["S"] != principal:
        return 403, None
    return 200, item["data"]["S"]


class WeaklyCheckedGet(Transfer):
    """Racy under eventual reads: decides who may see the item by a result that may be stale."""

    @handler(item_id=["i1"], read_only=True)
    def get_item(self, principal: str, item_id: str) -> tuple[int, str | None]:
        """Show the caller's item."""
        key = {"item_id": {"S": item_id}}
        # Without ConsistentRead, the result may be older than a transfer that has been acknowledged.
        return shown(dynamodb.get_item(TableName="Items", Key=key).get("Item"), principal)


class StronglyCheckedGet(Transfer):
    """Fixed: the read reflects every write that was acknowledged before it."""

    @handler(item_id=["i1"], read_only=True)
    def get_item(self, principal: str, item_id: str) -> tuple[int, str | None]:
        """Show the caller's item."""
        key = {"item_id": {"S": item_id}}
        return shown(dynamodb.get_item(TableName="Items", Key=key, ConsistentRead=True).get("Item"), principal)


class ListedByIndex(Transfer):
    """Racy under eventual reads: a global index lags behind its table and has no consistent reads."""

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
    """Fixed, at the cost of reading the whole table: a strongly consistent scan."""

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
