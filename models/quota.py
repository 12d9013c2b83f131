"""Create an API token; each user may have two.

The race: two requests count the user's tokens, both find room for one more, and both put theirs: the limit is exceeded.
The fix is a counter item whose update is conditional on the limit, in one transaction with the put.

Source: https://github.com/openfactcheck-research/openfactcheck/issues/43.
"""

import boto3

from toctou import Model, Request, StoredItems, Table, handler, invariant

dynamodb = boto3.client("dynamodb", region_name="us-east-1")

LIMIT = 2
State = frozenset[tuple[str, str]]


class LimitedTokens:
    """The specification: 409 if the token exists, 403 if the user has reached the limit."""

    def state_of(self, items: StoredItems) -> State:
        """Every token, by user and token id."""
        return frozenset((token["user_id"], token["token_id"]) for token in items["Tokens"])

    def step(self, state: State, request: Request) -> tuple[State, int]:
        """Create one token."""
        token = (request.principal, request.values["token_id"])
        if token in state:
            return state, 409
        if sum(user == request.principal for user, _ in state) >= LIMIT:
            return state, 403
        return state | {token}, 200


class CountThenPut(Model):
    """Racy: counts the tokens, then puts another."""

    tables = (Table("Tokens", "user_id", "token_id"),)
    items = {"Tokens": [{"user_id": "alice", "token_id": "t1"}]}
    principals = ("alice",)
    reference = LimitedTokens()
    retryable = frozenset({503})

    @handler(token_id=["t2", "t3"])
    def create_token(self, principal: str, token_id: str) -> int:
        """Create a token for the caller."""
        existing = dynamodb.query(
            TableName="Tokens",
            KeyConditionExpression="user_id = :caller",
            ExpressionAttributeValues={":caller": {"S": principal}},
            ConsistentRead=True,
        )["Items"]
        if token_id in (token["token_id"]["S"] for token in existing):
            return 409
        if len(existing) >= LIMIT:
            return 403
        try:
            # The condition protects this token only; another one may have taken the last place since the count.
            dynamodb.put_item(
                TableName="Tokens",
                Item={"user_id": {"S": principal}, "token_id": {"S": token_id}},
                ConditionExpression="attribute_not_exists(user_id)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 409
        return 200

    @invariant
    def within_limit(self, items: StoredItems) -> bool:
        """Nobody has more tokens than allowed."""
        return len(items["Tokens"]) <= LIMIT


class CountedInTransaction(Model):
    """Fixed: one transaction puts the token and increments a counter that cannot exceed the limit."""

    tables = (Table("Tokens", "user_id", "token_id"), Table("Usage", "user_id"))
    items = {"Tokens": [{"user_id": "alice", "token_id": "t1"}], "Usage": [{"user_id": "alice", "used": 1}]}
    principals = ("alice",)
    reference = LimitedTokens()
    retryable = frozenset({503})

    @handler(token_id=["t2", "t3"])
    def create_token(self, principal: str, token_id: str) -> int:
        """Create a token for the caller."""
        try:
            dynamodb.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": "Tokens",
                            "Item": {"user_id": {"S": principal}, "token_id": {"S": token_id}},
                            "ConditionExpression": "attribute_not_exists(user_id)",
                        }
                    },
                    {
                        "Update": {
                            "TableName": "Usage",
                            "Key": {"user_id": {"S": principal}},
                            "UpdateExpression": "ADD used :one",
                            "ConditionExpression": "attribute_not_exists(used) OR used < :limit",
                            "ExpressionAttributeValues": {":one": {"N": "1"}, ":limit": {"N": str(LIMIT)}},
                        }
                    },
                ]
            )
        except dynamodb.exceptions.TransactionCanceledException as cancelled:
            token, usage = (reason["Code"] for reason in cancelled.response["CancellationReasons"])
            if token == "ConditionalCheckFailed":  # noqa: S105 - not a password
                return 409
            # 503 is a conflict with another transaction: nothing has happened, so it counts as `retryable`.
            return 403 if usage == "ConditionalCheckFailed" else 503
        return 200

    @invariant
    def within_limit(self, items: StoredItems) -> bool:
        """Nobody has more tokens than allowed."""
        return len(items["Tokens"]) <= LIMIT
