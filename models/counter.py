"""Count something, such as the views of a page.

The race: two requests read the same value, both write that value plus one, and one of the two counts is lost.  The fix is
an atomic increment in DynamoDB, or a write conditional on the version that was read, with a retry from the read.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html (atomic counters).
"""

from collections.abc import Mapping
from typing import Any

import boto3

from models.references import Counter
from toctou import Model, Table, handler

counters = boto3.resource("dynamodb", region_name="us-east-1").Table("Counters")
ConditionFailed = counters.meta.client.exceptions.ConditionalCheckFailedException


def stored_counter(counter_id: str) -> Mapping[str, Any]:
    """Read the whole counter."""
    return counters.get_item(Key={"counter_id": counter_id}, ConsistentRead=True)["Item"]


class _OneCounter(Model):
    """The base of all variants."""

    tables = (Table("Counters", "counter_id"),)
    items = {"Counters": [{"counter_id": "c1", "value": 0, "version": 1}]}
    principals = ("alice",)
    reference = Counter()

    @handler(counter_id=["c1"], read_only=True)
    def read(self, principal: str, counter_id: str) -> tuple[int, int]:
        """Read the counter."""
        return 200, int(stored_counter(counter_id)["value"])


class ReadModifyWriteCounter(_OneCounter):
    """Racy: reads the value, then writes the next one."""

    @handler(counter_id=["c1"])
    def increment(self, principal: str, counter_id: str) -> int:
        """Count one more."""
        counter = stored_counter(counter_id)
        # Overwrites a count that another request has stored since the read.
        counters.put_item(Item={**counter, "value": counter["value"] + 1})
        return 204


class AtomicCounter(_OneCounter):
    """Fixed: an atomic increment in DynamoDB."""

    @handler(counter_id=["c1"])
    def increment(self, principal: str, counter_id: str) -> int:
        """Count one more."""
        # No read, so nothing can be out of date.
        counters.update_item(
            Key={"counter_id": counter_id},
            UpdateExpression="ADD #value :one",
            ExpressionAttributeNames={"#value": "value"},
            ExpressionAttributeValues={":one": 1},
        )
        return 204


class VersionedCounter(_OneCounter):
    """Fixed: the write checks the version that was read; after two attempts it returns 409."""

    @handler(counter_id=["c1"])
    def increment(self, principal: str, counter_id: str) -> int:
        """Count one more."""
        for _ in range(2):  # bounded: without a limit, the number of interleavings would have none either
            counter = stored_counter(counter_id)
            try:
                counters.update_item(
                    Key={"counter_id": counter_id},
                    UpdateExpression="SET #value = :next, version = version + :one",
                    ConditionExpression="version = :seen",
                    ExpressionAttributeNames={"#value": "value"},
                    ExpressionAttributeValues={":next": counter["value"] + 1, ":one": 1, ":seen": counter["version"]},
                )
            except ConditionFailed:
                continue
            return 204
        return 409
