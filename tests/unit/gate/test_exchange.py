"""An SDK's attempts are distinguished from calls, and its generated tokens from those with a meaning."""

from __future__ import annotations

import asyncio

import pytest

from toctou.gate.exchange import Exchange
from toctou.gate.mailbox import Broken, HeldCall
from toctou.history.operation import ErrorResponse, Operation
from toctou.wire import Call

UUID = "0b5c1d64-8d5a-4c39-9b0e-0f2a2f3c9a11"


def put(invocation="", **parameters):
    headers = {"amz-sdk-invocation-id": invocation} if invocation else {}
    return Call("PutItem", {"TableName": "Items", **parameters}, headers)


def done(error=None, result=None):
    return Operation(0, 0, "PutItem", {}, None if error else result or {}, error)


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 5))


async def arrived(exchange):
    await asyncio.sleep(0)
    return exchange.mailbox.take(0)


def test_an_attempt_that_replaces_an_abandoned_one_is_no_separate_call():
    async def scenario():
        exchange = Exchange(0)
        attempts = [asyncio.create_task(exchange.call(put("i"))) for _ in range(2)]
        held = await arrived(exchange)
        assert exchange.mailbox.take(0) is None
        assert exchange.held() == [held]
        held.reply(operation := done())
        assert await asyncio.gather(*attempts) == [operation, operation]
        assert exchange.held() == []

    run(scenario())


def test_an_attempt_continues_after_the_first_connection_is_lost():
    async def scenario():
        exchange = Exchange(0)
        first = asyncio.create_task(exchange.call(put("i")))
        held = await arrived(exchange)
        first.cancel()
        second = asyncio.create_task(exchange.call(put("i")))
        assert await arrived(exchange) is None
        held.reply(operation := done())
        assert await second is operation

    run(scenario())


def test_an_attempt_after_an_error_is_another_call():
    async def scenario():
        exchange = Exchange(0)
        for error in (ErrorResponse("TransactionInProgressException", "…"), None):
            attempt = asyncio.create_task(exchange.call(put("i")))
            held = await arrived(exchange)
            assert isinstance(held, HeldCall)
            held.reply(done(error))
            assert (await attempt).error is error

    run(scenario())


def test_an_attempt_after_a_response_is_reported():
    async def scenario():
        exchange = Exchange(0)
        first = asyncio.create_task(exchange.call(put("i")))
        (await arrived(exchange)).reply(done())
        await first
        task = asyncio.create_task(exchange.call(put("i")))
        event = await arrived(exchange)
        assert isinstance(event, Broken)
        assert "its SDK resent a PutItem" in str(event.fault)
        task.cancel()

    run(scenario())


def test_calls_without_an_identifier_are_separate_calls():
    async def scenario():
        exchange = Exchange(0)
        tasks = [asyncio.create_task(exchange.call(put())) for _ in range(2)]
        held = [await arrived(exchange), await arrived(exchange)]
        for one in held:
            one.reply(done())
        await asyncio.gather(*tasks)

    run(scenario())


@pytest.mark.parametrize(
    ("token", "exchange", "results", "kept"),
    [
        (UUID, Exchange(1), (), "B-token-1"),
        ("order-17", Exchange(0), (), "order-17"),
        (UUID, Exchange(0, sent=f"POST /orders?key={UUID}"), (), UUID),
        (UUID, Exchange(0), ({"Item": {"token": {"S": UUID}}},), UUID),
    ],
)
def test_a_token_that_the_service_has_not_received_is_replaced(token, exchange, results, kept):
    async def scenario():
        for result in results:
            read = asyncio.create_task(exchange.call(put()))
            (await arrived(exchange)).reply(done(result=result))
            await read
        write = asyncio.create_task(exchange.call(put(ClientRequestToken=token)))
        held = await arrived(exchange)
        assert held.parameters["ClientRequestToken"] == kept
        write.cancel()

    run(scenario())
