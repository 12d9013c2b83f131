"""Conditions that use the attribute names ``owner`` and ``data`` directly, as printed in many examples.

Both are reserved words, so DynamoDB rejects every one of these calls with a ValidationException, and nothing is ever written.
Handlers that write nothing cannot race, which must not count as a pass.  The fix is an alias in ExpressionAttributeNames, as in
delete_item.py and update_item.py.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html.
"""

import boto3
from botocore.exceptions import ClientError

from toctou import Model, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


def status_of(error: ClientError) -> int:
    """The status for a call that DynamoDB rejected."""
    return 403 if error.response["Error"]["Code"] == "ConditionalCheckFailedException" else 500


class UnaliasedReservedWords(Model):
    """Ineffective: every call is rejected before its condition is evaluated."""

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
