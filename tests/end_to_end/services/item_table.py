"""What the services of this folder do in DynamoDB, each in a racy way and a fixed one: ``(status, body)`` each."""

from __future__ import annotations

import boto3

dynamodb = boto3.client("dynamodb", region_name="us-east-1")
Refused = dynamodb.exceptions.ConditionalCheckFailedException
OWNED = {
    "ConditionExpression": "attribute_exists(item_id) AND #owner = :caller",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


def key(item_id):
    return {"TableName": "Items", "Key": {"item_id": {"S": f"ITEM#{item_id}"}}}


def get_item(caller, item_id):
    item = dynamodb.get_item(**key(item_id), ConsistentRead=True).get("Item")
    return (404, None) if item is None else (200, {name: value["S"] for name, value in item.items()})


def _checked(caller, item_id):
    item = dynamodb.get_item(**key(item_id), ConsistentRead=True).get("Item")
    return 404 if item is None else 403 if item["owner"]["S"] != caller else None


class Racy:
    """Reads who the owner is, then writes."""

    def delete(self, caller, item_id):
        if refused := _checked(caller, item_id):
            return refused, None
        dynamodb.delete_item(**key(item_id))
        return 204, None

    def update(self, caller, item_id, text):
        if refused := _checked(caller, item_id):
            return refused, None
        dynamodb.update_item(
            **key(item_id),
            UpdateExpression="SET #text = :text",
            ConditionExpression="attribute_exists(item_id)",
            ExpressionAttributeNames={"#text": "text"},
            ExpressionAttributeValues={":text": {"S": text}},
        )
        return 200, None


class Fixed:
    """Lets the write check who the owner is."""

    def delete(self, caller, item_id):
        return self._owned(dynamodb.delete_item, caller, item_id, done=204)

    def update(self, caller, item_id, text):
        return self._owned(
            dynamodb.update_item,
            caller,
            item_id,
            names={"#text": "text"},
            values={":text": {"S": text}},
            UpdateExpression="SET #text = :text",
        )

    def _owned(self, write, caller, item_id, *, done=200, names=None, values=None, **more):
        try:
            write(
                **key(item_id),
                **OWNED,
                ExpressionAttributeNames={"#owner": "owner", **(names or {})},
                ExpressionAttributeValues={":caller": {"S": caller}, **(values or {})},
                **more,
            )
        except Refused as refused:
            return (403 if "Item" in refused.response else 404), None
        return done, None


def transfer(caller, item_id, to):
    return Fixed()._owned(
        dynamodb.update_item,
        caller,
        item_id,
        values={":to": {"S": to}},
        UpdateExpression="SET #owner = :to",
    )
