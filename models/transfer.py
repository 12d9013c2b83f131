"""Transfer an item to another user, in one call that checks the owner and writes the new one.

Nothing can happen between the check and the write, so this is correct under any concurrency.  The models of delete_item.py
and update_item.py inherit it as the concurrent change that their own handlers must survive.
"""

import boto3

from models.references import OwnedItems
from toctou import Model, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


class Transfer(Model):
    """Fixed: the write is conditional on the owner, and increments the version."""

    tables = (Table("Items", "item_id"),)
    items = {"Items": [{"item_id": "i1", "owner": "alice", "data": "draft", "version": 1}]}
    owner = "owner"
    reference = OwnedItems()

    @handler(item_id=["i1"], to=["alice", "bob"], changes_owner=True)
    def transfer(self, principal: str, item_id: str, to: str) -> int:
        """Make another user the owner."""
        try:
            dynamodb.update_item(
                TableName="Items",
                Key={"item_id": {"S": item_id}},
                UpdateExpression="SET #owner = :to, version = version + :one",
                ConditionExpression="attribute_exists(item_id) AND #owner = :caller",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":to": {"S": to}, ":caller": {"S": principal}, ":one": {"N": "1"}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException as failure:  # with ALL_OLD, it contains the item
            return 403 if "Item" in failure.response else 404
        return 200
