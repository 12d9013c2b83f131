"""Handlers that measure durations, and wait until a moment, are repeated like any other, however they import the functions."""

from __future__ import annotations

import asyncio
import queue
import time
from time import monotonic, perf_counter, process_time, sleep

import boto3
import pytest

from toctou import Model, Table, check, handler

table = boto3.resource("dynamodb", region_name="us-east-1").Table("Locks")
ConditionFailed = table.meta.client.exceptions.ConditionalCheckFailedException


def free():
    return not table.get_item(Key={"id": "c"}, ConsistentRead=True)["Item"]["held"]


def taken():
    """Whether the lock was free until it was taken; another request may be faster."""
    try:
        table.update_item(
            Key={"id": "c"},
            UpdateExpression="SET held = :yes",
            ConditionExpression="held = :no",
            ExpressionAttributeValues={":yes": True, ":no": False},
        )
    except ConditionFailed:
        return False
    return True


class OfLocks(Model):
    tables = [Table("Locks", "id")]
    items = {"Locks": [{"id": "c", "held": False}]}
    principals = ["alice"]


class Waits(OfLocks):
    """Until the lock is its own, or for five seconds."""

    @handler
    def take(self, principal):
        deadline = monotonic() + 5
        while monotonic() < deadline:
            if free() and taken():
                return 200
            sleep(1)
        return 409


class WaitsByAttribute(OfLocks):
    @handler
    def take(self, principal):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if free() and taken():
                return 200
            time.sleep(1)
        return 409


class WaitsAsynchronously(OfLocks):
    """With a time limit of the loop's, which has run out after 3 s, in a request of its own."""

    @handler
    async def take(self, principal):
        try:
            async with asyncio.timeout(3):
                while not (free() and taken()):
                    await asyncio.sleep(1)
        except TimeoutError:
            return 409
        return 200


class TellsHowLong(OfLocks):
    """In its answer, in milliseconds, as services do."""

    @handler
    def take(self, principal):
        started, worked = perf_counter(), process_time()

        def passed():
            return round((perf_counter() - started) * 1000), round((process_time() - worked) * 1000)

        done = taken()
        sleep(0.25)
        elapsed, used = passed()
        return (200 if done else 409), {"elapsed": elapsed, "used": used}


class WaitsForAQueue(OfLocks):
    @handler
    def take(self, principal):
        started = monotonic()
        try:
            queue.Queue().get(timeout=0.01)
        except queue.Empty:
            return (200 if taken() else 409), {"waited": round(monotonic() - started, 3)}


@pytest.mark.parametrize("model", [Waits, WaitsByAttribute, WaitsAsynchronously, TellsHowLong, WaitsForAQueue])
def test_it_is_verified(model):
    result = check(model)
    assert result.verdict == "VERIFIED", result.detail


def take_unguarded():
    """Take what was free when it was looked at, within five seconds."""
    deadline = monotonic() + 5
    while monotonic() < deadline:
        if free():
            table.update_item(
                Key={"id": "c"}, UpdateExpression="SET held = :yes", ExpressionAttributeValues={":yes": True}
            )
            return 200
        sleep(1)
    return 409


class Unguarded(OfLocks):
    """Tells how long it took, with two operations of a millisecond each."""

    @handler
    def take(self, principal):
        started = perf_counter()
        status = take_unguarded()
        sleep(0.25)
        return status, {"elapsed": perf_counter() - started}


def test_a_race_within_the_time_limit_is_found_and_confirmed():
    result = check(Unguarded)
    assert result.verdict == "VIOLATED", result.detail
    (violation,) = result.violations
    assert violation.confirmed_on == "moto"
    assert [one.body for one in violation.execution.responses] == [{"elapsed": pytest.approx(0.252, abs=1e-6)}] * 2


class MadeInSetup(OfLocks):
    """The setup is none of a request's, so its clock is the machine's."""

    clocks: list[tuple[float, float]] = []

    def setup(self):
        self.began = monotonic()

    @handler
    def take(self, principal):
        self.clocks.append((self.began, monotonic()))
        return 200 if taken() else 409


def test_setup_has_the_machines_clock():
    before = monotonic()
    check(MadeInSetup, confirm=False)
    after = monotonic()
    began, read = zip(*MadeInSetup.clocks, strict=True)
    assert before <= min(began) <= max(began) <= after
    assert set(read) == {100_000.0}, "where the clock of every request begins"
