"""Store the last visited page in a login session, and log out.

The race: a visit reads the session, the user logs out and the session is deleted, and then the visit stores the session
again: the user is logged in once more.  The fix is a write conditional on the session's existence.

Source: https://github.com/auth0/nextjs-auth0/issues/2590.
"""

from collections.abc import Mapping

import boto3

from toctou import Model, Request, StoredItems, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")

State = Mapping[str, str]


class Sessions:
    """The specification: a visit without a session is 404, and logging out always succeeds."""

    def state_of(self, items: StoredItems) -> State:
        """Last page by session id."""
        return {session["session_id"]: session["last_page"] for session in items["Sessions"]}

    def step(self, state: State, request: Request) -> tuple[State, int]:
        """Serve one request."""
        session_id = request.values["session_id"]
        if request.handler == "log_out":
            return {other: page for other, page in state.items() if other != session_id}, 204
        if session_id not in state:
            return state, 404
        return {**state, session_id: request.values["page"]}, 200


class _OneSession(Model):
    """The base of both variants."""

    tables = (Table("Sessions", "session_id"),)
    items = {"Sessions": [{"session_id": "s1", "user_id": "alice", "last_page": "/"}]}
    principals = ("alice",)
    reference = Sessions()

    @handler(session_id=["s1"])
    def log_out(self, principal: str, session_id: str) -> int:
        """End the session, if there is one."""
        dynamodb.delete_item(TableName="Sessions", Key={"session_id": {"S": session_id}})
        return 204


class StoreWholeSession(_OneSession):
    """Racy: reads the session, then puts it back, changed."""

    @handler(session_id=["s1"], page=["/cart"])
    def visit(self, principal: str, session_id: str, page: str) -> int:
        """Store the visited page in the session."""
        key = {"session_id": {"S": session_id}}
        session = dynamodb.get_item(TableName="Sessions", Key=key, ConsistentRead=True).get("Item")
        if session is None:
            return 404
        # Creates the session anew if the user has logged out since the read.
        dynamodb.put_item(TableName="Sessions", Item={**session, "last_page": {"S": page}})
        return 200


class UpdateExistingSession(_OneSession):
    """Fixed: updates the session only if it still exists."""

    @handler(session_id=["s1"], page=["/cart"])
    def visit(self, principal: str, session_id: str, page: str) -> int:
        """Store the visited page in the session."""
        try:
            dynamodb.update_item(
                TableName="Sessions",
                Key={"session_id": {"S": session_id}},
                UpdateExpression="SET last_page = :page",
                ConditionExpression="attribute_exists(session_id)",  # or the update would create a session
                ExpressionAttributeValues={":page": {"S": page}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 404
        return 200
