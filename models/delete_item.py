"""Delete an item that only its owner may delete.

The race: alice's request reads that she owns the item, the item is transferred to bob, and her request deletes an item
that is now bob's.  Two deletes of the same item can also both report success.  The fix is a condition on what was checked, the
owner: a condition on existence says nothing about who owns the item.

Source: https://cwe.mitre.org/data/definitions/367.html; the ownership check before a delete.
"""

import boto3

from models.transfer import Transfer
from toctou import handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


class ReadThenDelete(Transfer):
    """Racy: reads the owner, then deletes without a condition."""

    @handler(item_id=["i1"])
    def delete_item(self, principal: str, item_id: str) -> int:
        """Delete the caller's item."""
        key = {"item_id": {"S": item_id}}
        item = dynamodb.get_item(TableName="Items", Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        if item["owner"]["S"] != principal:
            return 403
        # A transfer that commits here goes unnoticed: the check above is out of date.
        dynamodb.delete_item(TableName="Items", Key=key)
        return 204


class ExistenceOnlyDelete(Transfer):
    """Racy: the delete has a condition, but not on the owner that was checked."""

    @handler(item_id=["i1"])
    def delete_item(self, principal: str, item_id: str) -> int:
        """Delete the caller's item."""
        key = {"item_id": {"S": item_id}}
        item = dynamodb.get_item(TableName="Items", Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        if item["owner"]["S"] != principal:
            return 403
        try:
            dynamodb.delete_item(TableName="Items", Key=key, ConditionExpression="attribute_exists(item_id)")
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 404
        return 204


class ConditionalDelete(Transfer):
    """Fixed: the delete itself checks the owner; the item returned by a failed check distinguishes 403 from 404."""

    @handler(item_id=["i1"])
    def delete_item(self, principal: str, item_id: str) -> int:
        """Delete the caller's item."""
        try:
            dynamodb.delete_item(
                TableName="Items",
                Key={"item_id": {"S": item_id}},
                ConditionExpression="attribute_exists(item_id) AND #owner = :caller",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":caller": {"S": principal}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException as failure:
            return 403 if "Item" in failure.response else 404
        return 204
