"""A machine whose requests start threads, or run in processes of their own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import ClassVar

import boto3
import pytest
from hypothesis import Phase, settings

from toctou import Model, Table, handler
from toctou.errors import BadInput
from toctou.gate.zygote import Zygote
from toctou.stateful import Abandoned, RaceFound, machine

table = boto3.resource("dynamodb", region_name="us-east-1").Table("Counters")
pool = ThreadPoolExecutor(2)
QUICK = settings(
    max_examples=30, stateful_step_count=20, deadline=None, database=None, phases=[Phase.generate], derandomize=True
)


def add(counter: str) -> None:
    table.update_item(Key={"id": counter}, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1})


def increment() -> None:
    count = table.get_item(Key={"id": "a"}, ConsistentRead=True)["Item"]["n"]
    table.put_item(Item={"id": "a", "n": count + 1})


class Counters(Model):
    tables = (Table("Counters", "id"),)
    items = {"Counters": [{"id": "a", "n": 0}, {"id": "b", "n": 0}]}
    principals = ("alice",)


class ByPool(Counters):
    """Two increments, which commute, by the pool of the module."""

    @handler()
    def count(self, principal: str) -> int:
        list(pool.map(add, "ab"))
        return 200


class AfterAnswer(Counters):
    """Loses an update of another request once it has answered."""

    @handler()
    def count(self, principal: str) -> int:
        threading.Thread(target=increment).start()
        return 200


class Guarded(Counters):
    """Two of these are refused in one process, and lose an update in two."""

    busy = False

    @handler()
    def count(self, principal: str) -> int:
        if Guarded.busy:
            return 409
        Guarded.busy = True
        try:
            increment()
        finally:
            Guarded.busy = False
        return 200


class Counted(Counters):
    """Counts its requests in memory, and loses updates in one process already."""

    counted = 0

    @handler()
    def count(self, principal: str) -> int:
        Counted.counted += 1
        increment()
        return 200


class LeftGuarded(Counters):
    """Like the other, but its guard stays if the request is aborted."""

    busy = False

    @handler()
    def count(self, principal: str) -> int:
        if LeftGuarded.busy:
            return 409
        LeftGuarded.busy = True
        increment()
        LeftGuarded.busy = False
        return 200


class Adding(Counters):
    """Shares nothing."""

    @handler()
    def count(self, principal: str) -> int:
        add("a")
        return 200


@lru_cache
def cached(counter: str) -> str:
    return counter.lower()


class Cached(Counters):
    """Shares nothing but a cache, and a client that is made when it is first needed."""

    clients: ClassVar[dict[str, object]] = {}

    @handler(counter=["A", "B"])
    def count(self, principal: str, counter: str) -> int:
        if "one" not in self.clients:
            self.clients["one"] = boto3.client("dynamodb", region_name="us-east-1")
        add(cached(counter))
        return 200


def run(model: type[Model], isolation: str = "auto") -> None:
    test_case = machine(model, requests=2, isolation=isolation).TestCase
    test_case.settings = QUICK
    test_case("runTest").runTest()


def test_requests_that_start_threads_get_processes_of_their_own():
    run(ByPool)
    assert not pool._threads  # what was begun in memory before is in none of them


def test_what_threads_do_after_the_answer_is_judged():
    with pytest.raises(RaceFound) as found:
        run(AfterAnswer)
    assert found.value.violation.execution.isolated
    assert found.value.confirmed().confirmed_on == "moto"


def test_in_memory_threads_end_the_machine():
    with pytest.raises(Abandoned, match=r"starts a thread of its own, for test_machine_with_threads\.increment"):
        run(AfterAnswer, "memory")


def test_a_guard_in_memory_is_noticed_and_named():
    with pytest.raises(RaceFound, match="lost_update") as found:
        run(Guarded)
    assert found.value.violation.execution.isolated
    assert "because requests share memory of their process: `" in str(found.value)
    assert "Guarded.busy`" in str(found.value)


def test_in_memory_a_guard_in_memory_is_a_doubt():
    with pytest.raises(Abandoned, match=r"share memory of their process: `.*Guarded\.busy`"):
        run(Guarded, "memory")


def test_what_is_found_in_memory_is_a_race_whatever_is_shared():
    with pytest.raises(RaceFound, match="lost_update") as found:
        run(Counted, "memory")
    assert not found.value.violation.execution.isolated


def test_a_guard_that_an_aborted_request_leaves_is_noticed():
    with pytest.raises(RaceFound) as found:
        run(LeftGuarded)
    assert "LeftGuarded.busy`" in str(found.value)


def test_caches_and_clients_made_when_first_needed_are_no_sharing(monkeypatch):
    forked: list[object] = []
    fork = Zygote.fork
    monkeypatch.setattr(Zygote, "fork", lambda zygote: forked.append(zygote) or fork(zygote))
    run(Cached)
    assert cached.cache_info().currsize == 2
    assert not forked
    run(Cached, "memory")


def test_processes_serve_requests_of_many_examples(monkeypatch):
    forked: list[object] = []
    fork = Zygote.fork
    monkeypatch.setattr(Zygote, "fork", lambda zygote: forked.append(zygote) or fork(zygote))
    run(Adding, "processes")
    assert len(forked) == 2  # as many as requests run at once


def test_what_guards_one_process_is_no_guard_in_processes():
    with pytest.raises(RaceFound, match="lost_update"):
        run(Guarded, "processes")


def test_a_machine_is_told_where_requests_run():
    with pytest.raises(BadInput, match="'threads' is no isolation"):
        machine(Guarded, isolation="threads")
    declared = type("Declared", (Guarded,), {"isolation": "processes"})
    assert machine(declared).isolation == "processes"
    assert machine(declared, isolation="memory").isolation == "memory"
