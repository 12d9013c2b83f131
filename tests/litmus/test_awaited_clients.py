"""Clients whose calls are awaited (aiobotocore) are checked as those of boto3 are, and their concurrent calls interleave."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import boto3
import pytest

from toctou import Model, Table, check, handler

aiobotocore_session = pytest.importorskip("aiobotocore.session", reason="no aiobotocore: `pip install aiobotocore`")

plain = boto3.client("dynamodb", region_name="us-east-1")
session = aiobotocore_session.get_session()
KEY = {"id": {"S": "c"}}
READ = {"TableName": "Counters", "Key": KEY, "ConsistentRead": True}
ADD = {
    "TableName": "Counters",
    "Key": KEY,
    "UpdateExpression": "ADD n :one",
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}


def written(read):
    return {"TableName": "Counters", "Item": {**KEY, "n": {"N": str(int(read["Item"]["n"]["N"]) + 1)}}}


class Counter(Model):
    tables = [Table("Counters", "id"), Table("Log", "id")]
    items = {"Counters": [{"id": "c", "n": 0}]}


class Plain(Counter):
    @handler
    async def increment(self, principal):
        plain.put_item(**written(plain.get_item(**READ)))
        return 200


class Racy(Counter):
    @handler
    async def increment(self, principal):
        async with session.create_client("dynamodb", region_name="us-east-1") as client:
            await client.put_item(**written(await client.get_item(**READ)))
        return 200


class Guarded(Counter):
    @handler
    async def increment(self, principal):
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(session.create_client("dynamodb", region_name="us-east-1"))
            read = await asyncio.wait_for(client.get_item(**READ), timeout=5)
            try:
                await client.put_item(
                    **written(read),
                    ConditionExpression="n = :n",
                    ExpressionAttributeValues={":n": read["Item"]["n"]},
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                return 409 if error.response["Error"]["Code"] == "ConditionalCheckFailedException" else 500
        return 200


def counts(result):
    return [(len(one.requests), one.schedules, one.interleavings) for one in result.scenarios]


@pytest.mark.parametrize("isolation", ["auto", "memory", "processes"])
def test_the_verdict_is_that_of_the_same_handler_over_boto3(isolation):
    racy, same = check(Racy, isolation=isolation), check(Plain, isolation=isolation)
    assert racy.verdict == same.verdict == "VIOLATED", racy.detail
    assert counts(racy) == counts(same)
    assert [one.explanation.anomaly for one in racy.violations] == [one.explanation.anomaly for one in same.violations]
    assert all(one.confirmed_on == "moto" for one in racy.violations)
    guarded = check(Guarded, isolation=isolation)
    assert guarded.verdict == "VERIFIED", guarded.detail


class Gathers(Counter):
    """Two increments at once, each of two calls."""

    @handler
    async def increment(self, principal):
        async with session.create_client("dynamodb", region_name="us-east-1") as client:

            async def once():
                await client.put_item(**written(await client.get_item(**READ)))

            await asyncio.gather(once(), once())
        return 200


class GathersThreads(Counter):
    @handler
    async def increment(self, principal):
        def once():
            plain.put_item(**written(plain.get_item(**READ)))

        await asyncio.gather(asyncio.to_thread(once), asyncio.to_thread(once))
        return 200


class GathersSafely(Counter):
    @handler
    async def increment(self, principal):
        async with session.create_client("dynamodb", region_name="us-east-1") as client, asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(client.update_item(**ADD))
        return 200


@pytest.mark.parametrize("isolation", ["auto", "processes"])
def test_concurrent_calls_of_a_request_are_made_in_every_order(isolation):
    result, same = (
        check(Gathers, isolation=isolation, requests=1),
        check(GathersThreads, isolation=isolation, requests=1),
    )
    assert result.verdict == same.verdict == "VIOLATED", result.detail
    assert counts(result) == counts(same)
    assert check(GathersSafely, isolation=isolation).verdict == "VERIFIED"
