"""Conditions that name the attributes ``owner`` and ``data`` bare, the way they are often printed.

Both are reserved words, so the service refuses every one of these calls with a ValidationException and nothing is ever
written.  No race can show in handlers that do nothing, and that must not count as a pass.  What closes it: an alias in
ExpressionAttributeNames, as in delete_item.py and update_item.py.

Source: the list of reserved words in DynamoDB's developer guide.
"""

import boto3
from botocore.exceptions import ClientError

from toctou import Model, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


def status_of(error: ClientError) -> int:
    """Say which status stands for a call that DynamoDB refused."""
    return 403 if error.response["Error"]["Code"] == "ConditionalCheckFailedException" else 500


class UnaliasedReservedWords(Model):
    """Ineffective: every call is refused before it can check anything."""

    tables = (Table("Items", "item_id"),)
    items = {"Items": [{"item_id": "i1", "owner": "alice", "data": "draft"}]}
    owner = "owner"

    @handler(item_id=["i1"])
    def delete_item(self, principal: str, item_id: str) -> int:
        """Delete the caller's item."""
        try:
            dynamodb.delete_item(
                TableName="Items",
                Key={"item_id": {"S": item_id}},
                ConditionExpression="owner = :caller",
                ExpressionAttributeValues={":caller": {"S": principal}},
            )
        except ClientError as error:
            return status_of(error)
        return 204

    @handler(item_id=["i1"], data=["edited"])
    def update_item(self, principal: str, item_id: str, data: str) -> int:
        """Replace the data of the caller's item."""
        try:
            dynamodb.update_item(
                TableName="Items",
                Key={"item_id": {"S": item_id}},
                UpdateExpression="SET data = :data",
                ConditionExpression="owner = :caller",
                ExpressionAttributeValues={":data": {"S": data}, ":caller": {"S": principal}},
            )
        except ClientError as error:
            return status_of(error)
        return 200
