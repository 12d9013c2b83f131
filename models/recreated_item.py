"""Append to a document that another request may replace with a new one.

The race (ABA): a request reads version 1 of a document, the document is replaced with a new one that also starts at version
1, and the request's condition on version 1 passes: the old text is back and the new one is lost.  The fix is a condition on
an identifier that is unique to each incarnation of the document.

Source: https://en.wikipedia.org/wiki/ABA_problem.
"""

from collections.abc import Mapping
from uuid import uuid4

import boto3

from toctou import Model, Request, StoredItems, Table, handler

documents = boto3.resource("dynamodb", region_name="us-east-1").Table("Documents")
ConditionFailed = documents.meta.client.exceptions.ConditionalCheckFailedException

State = Mapping[str, str]


class Documents:
    """The specification: append extends the text, replace starts a new one."""

    def state_of(self, items: StoredItems) -> State:
        """Text by document id."""
        return {document["document_id"]: document["body"] for document in items["Documents"]}

    def step(self, state: State, request: Request) -> tuple[State, int]:
        """Serve one request."""
        document_id, body = request.values["document_id"], request.values["body"]
        if request.handler == "replace":
            return {**state, document_id: body}, 200
        if document_id not in state:
            return state, 404
        return {**state, document_id: state[document_id] + body}, 200


class VersionStartsAgain(Model):
    """Racy: the condition names only a version, which a new document has in common with the old one."""

    tables = (Table("Documents", "document_id"),)
    items = {"Documents": [{"document_id": "d1", "body": "old", "version": 1}]}
    principals = ("alice",)
    reference = Documents()

    @handler(document_id=["d1"], body=["new"])
    def replace(self, principal: str, document_id: str, body: str) -> int:
        """Replace the document with a new one."""
        # Version 1 again: a request that has read the old document cannot distinguish the two.
        documents.put_item(Item={"document_id": document_id, "body": body, "version": 1})
        return 200

    @handler(document_id=["d1"], body=["!"])
    def append(self, principal: str, document_id: str, body: str) -> int:
        """Append to the document's text."""
        document = documents.get_item(Key={"document_id": document_id}, ConsistentRead=True).get("Item")
        if document is None:
            return 404
        try:
            documents.update_item(
                Key={"document_id": document_id},
                UpdateExpression="SET body = :body, version = version + :one",
                ConditionExpression="version = :seen",
                ExpressionAttributeValues={
                    ":body": str(document["body"]) + body,
                    ":one": 1,
                    ":seen": document["version"],
                },
            )
        except ConditionFailed:
            return 409
        return 200


class IncarnationInCondition(Model):
    """Fixed: every new document gets a unique identifier, and the condition includes it."""

    tables = (Table("Documents", "document_id"),)
    items = {"Documents": [{"document_id": "d1", "body": "old", "version": 1, "incarnation": "first"}]}
    principals = ("alice",)
    reference = Documents()

    @handler(document_id=["d1"], body=["new"])
    def replace(self, principal: str, document_id: str, body: str) -> int:
        """Replace the document with a new one."""
        documents.put_item(
            Item={"document_id": document_id, "body": body, "version": 1, "incarnation": str(uuid4())},
        )
        return 200

    @handler(document_id=["d1"], body=["!"])
    def append(self, principal: str, document_id: str, body: str) -> int:
        """Append to the document's text."""
        document = documents.get_item(Key={"document_id": document_id}, ConsistentRead=True).get("Item")
        if document is None:
            return 404
        try:
            documents.update_item(
                Key={"document_id": document_id},
                UpdateExpression="SET body = :body, version = version + :one",
                ConditionExpression="version = :seen AND incarnation = :incarnation",
                ExpressionAttributeValues={
                    ":body": str(document["body"]) + body,
                    ":one": 1,
                    ":seen": document["version"],
                    ":incarnation": document["incarnation"],
                },
            )
        except ConditionFailed:
            return 409
        return 200
