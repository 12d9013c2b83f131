"""Handlers that wait by polling: whoever waits for a lock or a job is not explored without end, and no race is lost by that."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing

import boto3
import pytest
from botocore.exceptions import ClientError

from toctou import Model, Table, check, handler, invariant
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.request import Request
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling.runner import Limits
from toctou.search.budget import Budget
from toctou.search.explorer import HELD_BACK
from toctou.verdict import StopReason, Verdict

cells = boto3.resource("dynamodb", region_name="eu-central-1").Table("Cells")


def value(name: str, *, consistent: bool = True) -> int:
    return int(cells.get_item(Key={"id": name}, ConsistentRead=consistent).get("Item", {}).get("n", 0))


def increment() -> None:
    cells.put_item(Item={"id": "counter", "n": value("counter") + 1})


def acquired(**attributes: object) -> bool:
    try:
        cells.put_item(Item={"id": "lock", **attributes}, ConditionExpression="attribute_not_exists(id)")
    except ClientError:
        return False
    return True


def acquired_unless_seen() -> bool:
    """The broken lock: nothing holds what was read until the lock is written."""
    if "Item" in cells.get_item(Key={"id": "lock"}, ConsistentRead=True):
        return False
    cells.put_item(Item={"id": "lock"})
    return True


def release() -> None:
    cells.delete_item(Key={"id": "lock"})


class Cells(Model):
    tables = [Table("Cells", "id")]
    items = {"Cells": [{"id": "counter", "n": 0}]}
    principals = ["alice"]


class Spinning(Cells):
    @handler
    def add(self, principal):
        while not acquired():
            time.sleep(0.1)
        increment()
        release()
        return 200


class BackingOff(Cells):
    @handler
    def add(self, principal):
        wait = 0.1
        while not acquired():
            time.sleep(wait)
            wait *= 2
        increment()
        release()
        return 200


class Awaiting(Cells):
    @handler
    async def add(self, principal):
        while not acquired():
            await asyncio.sleep(0.1)
        increment()
        release()
        return 200


class Stamping(Cells):
    """What it puts differs each time by the clock."""

    @handler
    def add(self, principal):
        while not acquired(expires=int(time.time() * 1000) + 30_000):
            time.sleep(0.1)
        increment()
        release()
        return 200


class Broken(Cells):
    @handler
    def add(self, principal):
        while not acquired_unless_seen():
            time.sleep(0.1)
        increment()
        release()
        return 200


LOCKS = [Spinning, BackingOff, Awaiting, Stamping]


@pytest.mark.parametrize("model", LOCKS)
@pytest.mark.parametrize("strategy", ["dpor", "exhaustive"])
def test_who_spins_until_a_lock_is_free_is_verified(model, strategy):
    result = check(model, strategy=strategy)
    assert result.verdict is Verdict.VERIFIED, result
    assert result.remarks == (HELD_BACK,)


def schedules(model: type[Model], strategy: str, requests: int) -> tuple[int, int]:
    """Of the scenario with so many requests: schedules, and those that were redundant."""
    result = check(model, strategy=strategy, requests=requests, symmetry=False).scenarios[-1]
    return result.schedules, result.redundant


@pytest.mark.parametrize("strategy", ["dpor", "exhaustive"])
def test_a_waiter_asks_three_times_at_most_while_nothing_is_written(strategy):
    # Either is first.  The other one asks once, when the lock is free again, or fails up to twice before.
    assert schedules(Spinning, strategy, 2)[0] == 2 * 3
    # With two waiters: who is first (3) and next (2), and how often the next one has failed (3).  The last one has failed up to
    # twice when the lock is free for the first time, and fails again up to twice if it had not failed, or else once.
    assert schedules(Spinning, strategy, 3)[0] == 3 * 2 * 3 * (3 + 2 + 2)


@pytest.mark.parametrize("model", [Spinning, Awaiting])
def test_memoised_steps_are_held_back_as_those_that_are_run(model):
    options = {"strategy": "exhaustive", "symmetry": False}
    ran, taken = (check(model, every_step=every, **options).scenarios[-1] for every in (True, False))
    assert (ran.schedules, ran.redundant, ran.interleavings) == (taken.schedules, taken.redundant, taken.interleavings)


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "delay:1"])
def test_strategies_that_cover_less_find_nothing_and_reach_no_limit(strategy):
    result = check(Spinning, strategy=strategy, budget=Budget(max_schedules=30), requests=3)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.stop_reason in (StopReason.MAX_SCHEDULES, StopReason.BOUNDED)


@pytest.mark.parametrize("strategy", ["dpor", "exhaustive", "random", "pos", "delay"])
def test_a_lock_that_two_can_take_is_found_out(strategy):
    result = check(Broken, strategy=strategy, budget=Budget(max_schedules=60))
    assert result.verdict is Verdict.VIOLATED
    assert result.violations


class Bounded(Cells):
    """Gives up after three turns; an item that a crashed request has left is in the way."""

    items = {"Cells": [{"id": "counter", "n": 0}, {"id": "lock"}]}
    given: list[int] = []

    @handler
    def add(self, principal):
        for _ in range(3):
            if acquired():
                increment()
                release()
                return 200
            time.sleep(0.1)
        self.given.append(504)
        return 504


class Regardless(Bounded):
    """Goes on without the lock, so that two of them can meet."""

    @handler
    def add(self, principal):
        for _ in range(3):
            if acquired():
                break
            time.sleep(0.1)
        increment()
        return 200


def test_a_request_that_nobody_will_let_on_gives_up_after_its_last_turn():
    Bounded.given.clear()
    result = check(Bounded, requests=2)
    assert set(Bounded.given) == {504}
    assert not result.violations
    assert result.verdict is Verdict.INCONCLUSIVE  # no request is ever accepted


def test_requests_that_give_up_at_the_same_time_are_explored_side_by_side():
    (violation, *_) = check(Regardless).violations
    assert violation.explanation.anomaly == "lost_update"


class Taking(Cells):
    """Takes over a lock that has stayed the same while it slept: its holder may be slow, not dead."""

    items = {"Cells": [{"id": "counter", "n": 0}]}

    @handler
    def add(self, principal):
        if not acquired():
            before = value("lock")
            time.sleep(30)
            if value("lock") != before:
                return 409
        increment()
        release()
        return 200


def test_a_request_that_looks_twice_and_then_acts_does_not_poll():
    result = check(Taking)
    assert result.verdict is Verdict.VIOLATED
    assert not result.remarks


class TwoReads(Cells):
    """Reads the same thing again and again without a pause, which is no poll."""

    @handler
    def look(self, principal):
        return 200, sum(value("counter") for _ in range(4))

    @handler
    def add(self, principal):
        cells.update_item(Key={"id": "counter"}, UpdateExpression="ADD n :d", ExpressionAttributeValues={":d": 1})
        return 200


def test_a_request_that_reads_again_without_sleeping_is_not_held_back():
    result = check(TwoReads)
    read = [len(one.execution.of_request(0)) for one in result.violations]
    assert read == [4], "and another request could write between any two of these"
    assert not result.remarks


class Job(Cells):
    """A request does a job in two steps, and another one asks how far it is."""

    items = {"Cells": [{"id": "status", "n": 0}, {"id": "result", "n": 0}]}
    consistent = True
    seen: set[int] = set()

    @handler
    def work(self, principal):
        cells.put_item(Item={"id": "status", "n": 1})
        cells.put_item(Item={"id": "result", "n": 7})
        cells.put_item(Item={"id": "status", "n": 2})
        return 200

    @handler(read_only=True)
    def wait(self, principal):
        for _ in range(40):
            if value("status", consistent=self.consistent) == 2:
                return 200, value("result")
            time.sleep(1)
        return 503

    @invariant
    def finished(self, items, responses):
        """Who sees that the job is done gets its result."""
        type(self).seen.update(one.status for one in responses)
        return all(one.body in (None, 7) for one in responses)


class WeakJob(Job):
    consistent = False


class JobInAHurry(Job):
    """Says that the job is done before the result is there."""

    @handler
    def work(self, principal):
        cells.put_item(Item={"id": "status", "n": 2})
        cells.put_item(Item={"id": "result", "n": 7})
        return 200


@pytest.mark.parametrize("strategy", ["dpor", "exhaustive"])
def test_who_waits_for_a_job_sees_each_state_of_it_twice_at_most(strategy):
    Job.seen.clear()
    result = check(Job, strategy=strategy)
    assert result.verdict is Verdict.VERIFIED, result
    assert Job.seen == {200, 503}  # alone, it gives up
    # The result that it reads is there once it goes on.  States 0 and 1 are each seen never, once, or twice.
    assert result.scenarios[3].schedules == 3 * 3


def test_who_waits_for_a_job_that_says_too_early_that_it_is_done():
    assert check(JobInAHurry).verdict is Verdict.VIOLATED


def test_a_stale_turn_is_not_repeated_for_ever():
    result = check(WeakJob, reads=2, budget=Budget(max_schedules=200))
    assert result.verdict is Verdict.VERIFIED, result
    assert result.scenarios[3].longest <= 3 + 2 * 3 + 2


def test_a_request_that_polls_for_what_never_comes_reaches_the_limit():
    class Stuck(Spinning):
        items = {"Cells": [{"id": "counter", "n": 0}, {"id": "lock"}]}

    result = check(Stuck, requests=2)
    assert result.stop_reason is StopReason.OPERATION_LIMIT


def test_a_schedule_that_no_search_would_choose_is_replayed():
    request = Request("alice", "add")
    with closing(backend_named("embedded")) as backend:
        laboratory = Laboratory(Spinning, backend, Limits())
        with laboratory.opened():
            schedule = Schedule(tuple(Choice("AB".index(letter)) for letter in "ABBBBBAAABBBB"))
            execution = replayed(laboratory, Scenario((request, request)), schedule)
    assert [one.status for one in execution.responses] == [200, 200]
    assert len(execution.of_request(1)) == 9
