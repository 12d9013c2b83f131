"""Handlers written with ``async def`` are found out like any other, and what cannot be scheduled is named."""

from __future__ import annotations

import asyncio
import contextvars
import time

import boto3
import pytest

from toctou import Model, Table, check, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")
KEY = {"id": {"S": "c"}}
who = contextvars.ContextVar[str]("who")


def read() -> int:
    return int(dynamodb.get_item(TableName="Counters", Key=KEY, ConsistentRead=True)["Item"]["n"]["N"])


def write(number: int) -> None:
    dynamodb.put_item(TableName="Counters", Item={**KEY, "n": {"N": str(number)}})


class Counter(Model):
    tables = [Table("Counters", "id")]
    items = {"Counters": [{"id": "c", "n": 0}]}


class Direct(Counter):
    @handler
    async def increment(self, principal):
        who.set(principal)
        number = read()
        await asyncio.sleep(0)
        write(number + 1)
        assert who.get() == principal
        return 200


class InThread(Counter):
    @handler
    async def increment(self, principal):
        who.set(principal)
        number = await asyncio.to_thread(read)
        await asyncio.to_thread(write, number + 1)
        assert await asyncio.to_thread(who.get) == principal
        return 200


class InTasks(Counter):
    """Each call in a task of its own, one after the other; one of them outlives the answer."""

    @handler
    async def increment(self, principal):
        number = await asyncio.get_running_loop().create_task(asyncio.to_thread(read))
        self.left = asyncio.create_task(asyncio.to_thread(write, number + 1))
        return 200


class Fixed(Counter):
    @handler
    async def increment(self, principal):
        async with asyncio.timeout(5):
            await asyncio.to_thread(
                dynamodb.update_item,
                TableName="Counters",
                Key=KEY,
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        return 200


@pytest.mark.parametrize("model", [Direct, InThread, InTasks])
def test_a_lost_update_is_found_and_confirmed(model):
    result = check(model)
    assert result.verdict == "VIOLATED", result.detail
    assert {one.explanation.anomaly for one in result.violations} == {"lost_update"}
    assert all(one.confirmed_on == "moto" for one in result.violations)
    pair = result.scenarios[-1]
    assert (pair.schedules, pair.interleavings) != (0, 0)


def test_all_interleavings_of_two_read_modify_writes_are_run():
    result = check(InThread, symmetry=False)
    pairs = [one for one in result.scenarios if len(one.requests) == 2]
    assert [(one.schedules, one.interleavings) for one in pairs] == [(4, 6)] * 3


def test_the_fix_is_verified():
    assert check(Fixed).verdict == "VERIFIED"


class Sleeper(Counter):
    @handler
    async def increment(self, principal):
        before = time.time()
        await asyncio.sleep(3600)
        assert time.time() - before == pytest.approx(3600, abs=1)
        write(1)
        return 200


def test_waiting_passes_at_once_and_on_the_request_s_own_clock():
    begun = time.perf_counter()
    assert check(Sleeper).verdict == "VERIFIED"
    assert time.perf_counter() - begun < 60


class RunsItself(Counter):
    """A handler that is not asynchronous, and asks for an hour of waiting and a worker thread."""

    @handler
    def increment(self, principal):
        before = time.monotonic()
        number = asyncio.run(self.read_late())
        asyncio.run(asyncio.to_thread(write, number + 1))
        assert time.monotonic() - before == pytest.approx(3600, abs=1)
        return 200

    async def read_late(self):
        await asyncio.sleep(3600)
        return await asyncio.to_thread(read)


def test_a_handler_may_run_coroutines_itself():
    before = asyncio.new_event_loop
    result = check(RunsItself)
    assert {one.explanation.anomaly for one in result.violations} == {"lost_update"}, result.detail
    assert asyncio.new_event_loop is asyncio.events.new_event_loop is before


class AtOnce(Counter):
    @handler
    async def increment(self, principal):
        await asyncio.gather(asyncio.to_thread(read), asyncio.to_thread(read))
        return 200


class Waits(Counter):
    @handler
    async def increment(self, principal):
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("model", "reason", "said"),
    [
        (AtOnce, "outside_control", "while 2 of its worker threads are running"),
        (Waits, "silent_handler", "waits for something that will not come"),
    ],
)
def test_what_cannot_be_scheduled_is_named(model, reason, said):
    result = check(model, isolation="memory")
    assert (result.verdict, result.stop_reason) == ("INCONCLUSIVE", reason)
    assert said in result.detail


class Leaves(Counter):
    """Sends its write to a thread, and answers."""

    @handler
    async def increment(self, principal):
        number = await asyncio.to_thread(read)
        asyncio.get_running_loop().run_in_executor(None, write, number + 1)
        return 200


def test_what_is_left_to_a_worker_thread_is_not_lost():
    result = check(Leaves, isolation="memory")
    assert (result.verdict, result.stop_reason) == ("INCONCLUSIVE", "outside_control")
    assert "leaves 1 functions to worker threads" in result.detail
    assert check(Leaves).verdict == "VERIFIED", "what is written comes after the answer, so at any time"


class Raises(Counter):
    @handler
    async def increment(self, principal):
        await asyncio.sleep(1)
        raise LookupError("no")


def test_an_exception_is_the_handler_s():
    result = check(Raises)
    assert result.verdict == "VIOLATED"
    assert result.violations[0].execution.responses[0].exception.type == "LookupError"


def test_a_check_within_somebody_s_event_loop():
    async def inside():
        verdict = check(Fixed).verdict
        await asyncio.sleep(0)
        return verdict

    assert asyncio.run(inside()) == "VERIFIED"


class Connection:
    """Closing it takes a moment, as it does for a session of an HTTP client."""

    closed = 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await asyncio.sleep(1)
        Connection.closed += 1


class Escapes(Counter):
    """As aiohttp does it: a task of the library's own asks the name service in a worker thread."""

    @handler
    async def increment(self, principal):
        async with Connection():
            looking = asyncio.get_running_loop().getaddrinfo("orders.example", 443)
            await asyncio.wait([asyncio.ensure_future(looking)])
        return 200


def test_what_a_task_reaches_is_told_by_the_line_that_started_it_and_the_handler_cleans_up():
    Connection.closed = 0
    result = check(Escapes, requests=1)
    assert (result.verdict, result.stop_reason) == ("INCONCLUSIVE", "outside_control")
    assert "reached the name service for 'orders.example', through asyncio" in result.detail
    assert "in Escapes.increment: await asyncio.wait([asyncio.ensure_future(looking)])" in result.detail
    assert Connection.closed > 0
