"""Update the data of an item that only its owner may change.

The race: alice's request reads that she owns the item, the item is transferred to bob, and her request updates an item that
is now bob's.  A condition on the version is a fix only if every writer increments the version: a transfer that does not
goes unnoticed.  A condition on the owner is a fix regardless of the other writers.

Source: https://cwe.mitre.org/data/definitions/367.html; the ownership check before an update.
"""

import boto3

from models.transfer import Transfer
from toctou import handler

items_table = boto3.resource("dynamodb", region_name="us-east-1").Table("Items")
ConditionFailed = items_table.meta.client.exceptions.ConditionalCheckFailedException


class ReadThenUpdate(Transfer):
    """Racy: reads the owner, then updates without a condition."""

    @handler(item_id=["i1"], data=["edited"])
    def update_item(self, principal: str, item_id: str, data: str) -> int:
        """Replace the data of the caller's item."""
        item = items_table.get_item(Key={"item_id": item_id}, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        if item["owner"] != principal:
            return 403
        # A transfer that commits here goes unnoticed: the check above is out of date.
        items_table.update_item(
            Key={"item_id": item_id},
            UpdateExpression="SET #data = :data, version = version + :one",
            ExpressionAttributeNames={"#data": "data"},
            ExpressionAttributeValues={":data": data, ":one": 1},
        )
        return 200


class UnbumpedVersionUpdate(Transfer):
    """Racy: the update checks the version that it has read, but the transfer does not move the version."""

    @handler(item_id=["i1"], data=["edited"])
    def update_item(self, principal: str, item_id: str, data: str) -> int:
        """Replace the data of the caller's item."""
        item = items_table.get_item(Key={"item_id": item_id}, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        if item["owner"] != principal:
            return 403
        try:
            items_table.update_item(
                Key={"item_id": item_id},
                UpdateExpression="SET #data = :data, version = version + :one",
                ConditionExpression="version = :seen",
                ExpressionAttributeNames={"#data": "data"},
                ExpressionAttributeValues={":data": data, ":one": 1, ":seen": item["version"]},
            )
        except ConditionFailed:
            return 409
        return 200

    @handler(item_id=["i1"], to=["alice", "bob"], changes_owner=True)
    def transfer(self, principal: str, item_id: str, to: str) -> int:
        """Make another user the owner, without incrementing the version."""
        try:
            # The condition of `update_item` still holds after this, because the version is the same.
            items_table.update_item(
                Key={"item_id": item_id},
                UpdateExpression="SET #owner = :to",
                ConditionExpression="attribute_exists(item_id) AND #owner = :caller",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":to": to, ":caller": principal},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failure:
            return 403 if "Item" in failure.response else 404
        return 200


class VersionedUpdate(Transfer):
    """Fixed: the condition covers owner and version; the second writer gets 409."""

    @handler(item_id=["i1"], data=["edited"])
    def update_item(self, principal: str, item_id: str, data: str) -> int:
        """Replace the data of the caller's item."""
        item = items_table.get_item(Key={"item_id": item_id}, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        if item["owner"] != principal:
            return 403
        try:
            items_table.update_item(
                Key={"item_id": item_id},
                UpdateExpression="SET #data = :data, version = version + :one",
                ConditionExpression="#owner = :caller AND version = :seen",
                ExpressionAttributeNames={"#data": "data", "#owner": "owner"},
                ExpressionAttributeValues={":data": data, ":one": 1, ":caller": principal, ":seen": item["version"]},
            )
        except ConditionFailed:
            return 409
        return 200


class RevalidatingUpdate(Transfer):
    """Fixed: the condition repeats the check of the read, and its outcome decides the response."""

    @handler(item_id=["i1"], data=["edited"])
    def update_item(self, principal: str, item_id: str, data: str) -> int:
        """Replace the data of the caller's item."""
        item = items_table.get_item(Key={"item_id": item_id}, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        if item["owner"] != principal:
            return 403
        try:
            items_table.update_item(
                Key={"item_id": item_id},
                UpdateExpression="SET #data = :data, version = version + :one",
                ConditionExpression="attribute_exists(item_id) AND #owner = :caller",
                ExpressionAttributeNames={"#data": "data", "#owner": "owner"},
                ExpressionAttributeValues={":data": data, ":one": 1, ":caller": principal},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failure:
            return 403 if "Item" in failure.response else 404
        return 200
