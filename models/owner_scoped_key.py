"""Transfer an item whose partition key is its owner: it has to move from one key to another.

The race: alice's item has been put under bob, alice still sees her copy and edits it, and then her copy is deleted: an
acknowledged edit is lost.  Two transfers in opposite directions can even delete both copies.  The fix is one transaction for
the move, which fails if the item has changed since it was read.

Source: https://cwe.mitre.org/data/definitions/367.html; an owner in the partition key, moved by two calls.
"""

from collections.abc import Mapping

import boto3

from toctou import Model, Request, StoredItems, Table, handler, invariant

dynamodb = boto3.client("dynamodb", region_name="us-east-1")

State = Mapping[tuple[str, str], str]


class ScopedItems:
    """The specification: users see only their own items; another user's item is 404."""

    def state_of(self, items: StoredItems) -> State:
        """Item data by user and item id."""
        return {(item["user_id"], item["item_id"]): item["data"] for item in items["Items"]}

    def step(self, state: State, request: Request) -> tuple[State, int]:
        """Serve one request."""
        arguments, stored = request.values, dict(state)
        key = (request.principal, arguments["item_id"])
        if request.handler == "update_item":
            return (state, 404) if key not in state else ({**state, key: arguments["data"]}, 200)
        if arguments["to"] == request.principal:
            return state, 400
        if key not in state:
            return state, 404
        stored[arguments["to"], arguments["item_id"]] = stored.pop(key)
        return stored, 200


class _ScopedItem(Model):
    """The base of both variants."""

    tables = (Table("Items", "user_id", "item_id"),)
    items = {"Items": [{"user_id": "alice", "item_id": "i1", "data": "draft", "version": 1}]}
    owner = "user_id"
    reference = ScopedItems()

    @handler(item_id=["i1"], data=["edited"])
    def update_item(self, principal: str, item_id: str, data: str) -> int:
        """Replace the data of the caller's item."""
        try:
            dynamodb.update_item(
                TableName="Items",
                Key={"user_id": {"S": principal}, "item_id": {"S": item_id}},
                UpdateExpression="SET #data = :data, version = version + :one",
                ConditionExpression="attribute_exists(user_id)",
                ExpressionAttributeNames={"#data": "data"},
                ExpressionAttributeValues={":data": {"S": data}, ":one": {"N": "1"}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 404
        except dynamodb.exceptions.TransactionConflictException:  # real DynamoDB only: a transfer is in progress
            return 409
        return 200

    @invariant
    def one_owner(self, items: StoredItems) -> bool:
        """Exactly one user has the item."""
        return len(items["Items"]) == 1


class TwoStepTransfer(_ScopedItem):
    """Racy: puts the item under its new owner, then deletes it under the old one."""

    @handler(item_id=["i1"], to=["alice", "bob"], changes_owner=True)
    def transfer(self, principal: str, item_id: str, to: str) -> int:
        """Move the caller's item to another user."""
        if to == principal:
            return 400
        key = {"user_id": {"S": principal}, "item_id": {"S": item_id}}
        item = dynamodb.get_item(TableName="Items", Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        dynamodb.put_item(TableName="Items", Item={**item, "user_id": {"S": to}})
        # Between the two calls the item exists twice, and an edit of the old copy is lost with it.
        dynamodb.delete_item(TableName="Items", Key=key)
        return 200


class TransactionalTransfer(_ScopedItem):
    """Fixed: one transaction moves the item if its version is unchanged, else 409."""

    @handler(item_id=["i1"], to=["alice", "bob"], changes_owner=True)
    def transfer(self, principal: str, item_id: str, to: str) -> int:
        """Move the caller's item to another user."""
        if to == principal:
            return 400
        key = {"user_id": {"S": principal}, "item_id": {"S": item_id}}
        item = dynamodb.get_item(TableName="Items", Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        moved = {**item, "user_id": {"S": to}, "version": {"N": str(int(item["version"]["N"]) + 1)}}
        try:
            dynamodb.transact_write_items(
                TransactItems=[
                    {
                        "Delete": {
                            "TableName": "Items",
                            "Key": key,
                            "ConditionExpression": "version = :seen",
                            "ExpressionAttributeValues": {":seen": item["version"]},
                        }
                    },
                    {
                        "Put": {
                            "TableName": "Items",
                            "Item": moved,
                            "ConditionExpression": "attribute_not_exists(user_id)",
                        }
                    },
                ]
            )
        except dynamodb.exceptions.TransactionCanceledException:
            return 409
        return 200
