"""Clients whose calls are awaited (aiobotocore) are checked as those of boto3 are, and their concurrent calls interleave."""

from __future__ import annotations

import asyncio
import subprocess
import sys
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


class Sleeps(Counter):
    """A call after a sleep is concurrent with one that is awaited meanwhile."""

    @handler
    async def increment(self, principal):
        async with session.create_client("dynamodb", region_name="us-east-1") as client:

            async def late():
                await asyncio.sleep(0.1)
                await client.update_item(**ADD)

            _, read = await asyncio.gather(late(), client.get_item(**READ))
        return int(read["Item"]["n"]["N"]) + 200


class Blocks(Counter):
    """A call that blocks the loop, while another one is awaited."""

    @handler
    async def increment(self, principal):
        async with session.create_client("dynamodb", region_name="us-east-1") as client:
            writing = asyncio.create_task(client.update_item(**ADD))
            await asyncio.sleep(0)
            read = plain.get_item(**READ)
            await writing
        return int(read["Item"]["n"]["N"]) + 200


class GivesUp(Counter):
    """One of two tasks fails, and the group cancels the other; who of them is first is the schedule's choice."""

    @handler
    async def increment(self, principal):
        async with session.create_client("dynamodb", region_name="us-east-1") as client:

            async def failing():
                await client.put_item(**written(await client.get_item(**READ)), ConditionExpression="n = :n", **NEVER)

            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(failing())
                    group.create_task(client.update_item(**ADD))
            except* client.exceptions.ConditionalCheckFailedException:
                pass
            read = await client.get_item(**READ)
        return int(read["Item"]["n"]["N"]) + 200


NEVER = {"ExpressionAttributeValues": {":n": {"N": "-1"}}}


@pytest.mark.parametrize(("model", "orders"), [(Sleeps, 2), (Blocks, 2), (GivesUp, 3)])
def test_calls_of_a_request_that_could_overlap_are_made_in_every_order(model, orders):
    result = check(model, requests=1)
    assert result.verdict == "VERIFIED", result.detail
    assert {*counts(result)} == {(1, orders, orders)}


class Idle(Counter):
    """What runs on a request's loop is as ever, and its module may be imported as late as here."""

    @handler
    async def increment(self, principal):
        from aiobotocore.config import AioConfig  # noqa: PLC0415

        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        one_at_a_time = asyncio.Semaphore(1)
        async with session.create_client("dynamodb", region_name="us-east-1", config=AioConfig()) as client:
            heard = []

            async def hear(**_):
                heard.append(asyncio.current_task())

            client.meta.events.register("after-call.dynamodb.GetItem", hear)
            async with one_at_a_time, asyncio.timeout(1):
                await client.get_item(**READ)
            assert heard == [task]
            pages = [page async for page in client.get_paginator("scan").paginate(TableName="Counters")]
            assert [len(page["Items"]) for page in pages] == [1]
            await client.get_waiter("table_exists").wait(TableName="Counters")
            waiting = asyncio.create_task(client.get_item(**READ))
            await asyncio.sleep(0)
            waiting.cancel()
            assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
            with pytest.raises(client.exceptions.ResourceNotFoundException):
                await client.get_item(TableName="Missing", Key=KEY)
            await client.update_item(**ADD)
        assert (asyncio.get_running_loop(), asyncio.current_task()) == (loop, task)
        return 200


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_nothing_of_a_loop_is_different(isolation):
    result = check(Idle, isolation=isolation, requests=1)
    assert result.verdict == "VERIFIED", result.detail
    assert result.scenarios[0].schedules == 1


LATE = """
import asyncio
from toctou import Model, Table, handler

class Late(Model):
    tables = [Table("Counters", "id")]

    @handler
    async def put(self, principal):
        from aiobotocore.session import get_session
        async with get_session().create_client("dynamodb", region_name="us-east-1") as client:
            await client.put_item(TableName="Counters", Item={"id": {"S": "c"}})
        return 200

from toctou import check
import sys
assert "aiobotocore" not in sys.modules
result = check(Late, requests=1, isolation="memory")
assert result.verdict == "VERIFIED", result.detail
from aiobotocore.client import AioBaseClient
assert AioBaseClient._make_api_call.__module__.startswith("aiobotocore."), AioBaseClient._make_api_call
"""


def test_a_library_that_a_handler_imports_is_intercepted_and_left_as_it_was(tmp_path):
    (tmp_path / "late.py").write_text(LATE)
    ran = subprocess.run([sys.executable, "late.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def both(principal):
    return {
        "Log": [{"PutRequest": {"Item": {"id": {"S": name}, "of": {"S": principal}}}} for name in ("left", "right")]
    }


class Batched(Counter):
    @handler
    async def write(self, principal):
        async with session.create_client("dynamodb", region_name="us-east-1") as client:
            await client.batch_write_item(RequestItems=both(principal))
        return 204


class BatchedPlainly(Counter):
    @handler
    async def write(self, principal):
        plain.batch_write_item(RequestItems=both(principal))
        return 204


class BatchedBesideAnother(Counter):
    @handler
    async def write(self, principal):
        async with session.create_client("dynamodb", region_name="us-east-1") as client:
            await asyncio.gather(client.batch_write_item(RequestItems=both("all")), client.update_item(**ADD))
        return 204


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_a_batch_that_is_awaited_is_a_step_for_each_item(isolation):
    racy, same = check(Batched, isolation=isolation), check(BatchedPlainly, isolation=isolation)
    assert racy.verdict == same.verdict == "VIOLATED", racy.detail
    assert counts(racy) == counts(same)


def test_its_steps_go_beside_what_else_is_awaited():
    result = check(BatchedBesideAnother)
    assert result.verdict == "VERIFIED", result.detail
    assert [one.interleavings for one in result.scenarios if len(one.requests) == 1] == [3, 3]
