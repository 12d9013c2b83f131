"""A counter that is read and written back under a lock of dynamo-dlm, which lets one request in at a time."""

import boto3
from dynamo_dlm import DynamoDbLock, LockNotAcquiredError

from toctou import Model, Table, handler

counters = boto3.resource("dynamodb", region_name="us-east-1").Table("Counters")


def count(lock: DynamoDbLock) -> int:
    with lock:
        value = counters.get_item(Key={"name": "visits"}, ConsistentRead=True)["Item"]["value"]
        counters.put_item(Item={"name": "visits", "value": value + 1})
    return 204


class Waiting(Model):
    """Whoever finds the lock taken tries again until it is free, as dynamo-dlm does by default."""

    tables = [Table("dynamo_dlm_locks", "resource_id", "concurrency_id:N"), Table("Counters", "name")]
    items = {"Counters": [{"name": "visits", "value": 0}]}
    principals = ["alice"]

    @handler()
    def visit(self, principal):
        return count(DynamoDbLock("visits"))


class GivingUp(Waiting):
    """Whoever finds the lock taken answers 409."""

    @handler()
    def visit(self, principal):
        try:
            return count(DynamoDbLock("visits", wait_forever=False))
        except LockNotAcquiredError:
            return 409
