"""A growing execution, and what can be concluded before it has ended."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from botocore.exceptions import ClientError

from models.counter import AtomicCounter, ReadModifyWriteCounter
from toctou import Model, Request, Table, handler
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.scheduling.runner import Limits
from toctou.stateful.judgement import Judge
from toctou.stateful.session import PENDING, Session

counters = boto3.resource("dynamodb", region_name="us-east-1").Table("Counters")


class Unspecified(Model):
    """The racy counter, compared with its own serial runs."""

    tables = ReadModifyWriteCounter.tables
    items = ReadModifyWriteCounter.items
    principals = ("alice",)
    read = ReadModifyWriteCounter.read
    increment = ReadModifyWriteCounter.increment


class Drawing(Model):
    """Stores a random number and reads it back."""

    tables = (Table("Counters", "counter_id"),)
    principals = ("alice",)

    @handler()
    def draw(self, principal: str) -> tuple[int, float]:
        drawn = str(random.random())
        counters.put_item(Item={"counter_id": drawn})
        return 200, drawn


class Locking(Model):
    """Tries for a lock until it is free."""

    tables = (Table("Counters", "counter_id"),)
    principals = ("alice",)

    @handler()
    def hold(self, principal: str) -> int:
        while True:
            try:
                counters.put_item(Item={"counter_id": "lock"}, ConditionExpression="attribute_not_exists(counter_id)")
                break
            except ClientError:
                time.sleep(1)
        counters.delete_item(Key={"counter_id": "lock"})
        return 200


HOLD = Request.of("alice", "hold", {})
READ = Request.of("alice", "read", {"counter_id": "c1"})
INCREMENT = Request.of("alice", "increment", {"counter_id": "c1"})


@contextmanager
def opened(model: type[Model]) -> Iterator[tuple[Session, Judge]]:
    laboratory = Laboratory(model, backend_named("embedded"), Limits())
    with laboratory.opened():
        session = Session(laboratory)
        yield session, Judge(session, {})


def test_requests_join_while_others_are_pending():
    with opened(ReadModifyWriteCounter) as (session, _):
        first = session.start(INCREMENT)
        session.advance(first)
        second = session.start(READ)
        assert session.pending == [first, second]
        session.advance(second)
        so_far = session.execution()
        assert so_far.responses[first] is PENDING
        assert so_far.responses[second].body == 0
        assert not so_far.precedes(first, second)
        assert not so_far.precedes(second, first)
        session.finish()
        assert session.pending == []


def test_who_waits_for_a_lock_is_not_able_to_go_on_until_it_is_free():
    with opened(Locking) as (session, _):
        waiter, holder = session.start(HOLD), session.start(HOLD)
        for index in (holder, waiter, waiter):
            assert session.able == [waiter, holder]
            session.advance(index)
        assert (session.pending, session.able) == ([waiter, holder], [holder])
        session.resume()
        assert session.able == [holder]
        session.finish()
        assert session.able == session.pending == []
        assert len(session.execution().of_request(waiter)) == 4


def test_the_schedule_of_a_finished_session_gives_the_same_execution():
    with opened(Drawing) as (session, _):
        one, two = session.start(Request("alice", "draw")), session.start(Request("alice", "draw"))
        session.advance(two)
        session.advance(one)
        execution = session.execution()
    laboratory = Laboratory(Drawing, backend_named("embedded"), Limits())
    with laboratory.opened():
        assert replayed(laboratory, Scenario(execution.requests), execution.schedule) == execution


def test_a_request_without_operations_takes_its_step_when_it_starts():
    class Refusing(Model):
        tables = (Table("Counters", "counter_id"),)

        @handler()
        def refuse(self, principal: str) -> int:
            return 403

    with opened(Refusing) as (session, _):
        session.start(Request("alice", "refuse"))
        assert (session.pending, len(session.execution().schedule.choices)) == ([], 1)


def test_resuming_runs_the_same_steps_again():
    with opened(ReadModifyWriteCounter) as (session, _):
        first = session.start(INCREMENT)
        session.advance(first)
        before = session.execution()
        session.laboratory.serial(Scenario((INCREMENT, READ)), (0, 1))
        session.resume()
        assert session.execution() == before
        assert session.pending == [first]


@pytest.mark.parametrize("model", [ReadModifyWriteCounter, Unspecified])
def test_a_pending_request_may_have_taken_effect(model):
    with opened(model) as (session, judge):
        writer = session.start(INCREMENT)
        session.advance(writer)
        reader = session.start(READ)
        session.advance(reader)
        assert judge.finding() is None  # read 0: the increment has not taken effect
        session.advance(writer)
        late = session.start(READ)
        session.advance(late)
        assert (session.execution().responses[late].body, judge.finding()) == (1, None)


@pytest.mark.parametrize("model", [ReadModifyWriteCounter, Unspecified])
def test_a_violation_no_continuation_can_undo_is_found_while_requests_are_pending(model):
    with opened(model) as (session, judge):
        first, second = session.start(INCREMENT), session.start(INCREMENT)
        for index in (first, second, first, second):
            session.advance(index)
        session.advance(session.start(READ))  # reads 1 after two increments have responded
        session.start(INCREMENT)
        found = judge.finding()
        assert found is not None
        session.finish()
        assert judge.at_the_end(found).oracle == "linearizability"


def test_stored_items_count_when_nothing_is_pending():
    with opened(ReadModifyWriteCounter) as (session, judge):
        first, second = session.start(INCREMENT), session.start(INCREMENT)
        for index in (first, second, first):
            session.advance(index)
            assert judge.finding() is None
        session.advance(second)
        found = judge.finding()
        assert found is not None
        assert found.oracle == "linearizability"


def test_a_correct_model_has_no_findings():
    with opened(AtomicCounter) as (session, judge):
        for request in (INCREMENT, READ, INCREMENT):
            session.start(request)
            assert judge.finding() is None
        for index in (1, 2, 0):
            session.advance(index)
            assert judge.finding() is None
