"""The lines of the user's own that lead to each call: in memory, in processes, awaited, and in threads."""

from __future__ import annotations

import asyncio
import functools
import threading

import boto3
import pytest

from toctou import Model, Table, handler
from toctou.checking.check import check_model
from toctou.history.request import SourceLine
from toctou.reporting.causes import deciding

table = boto3.resource("dynamodb", region_name="eu-central-1").Table("Counters")


class Store:
    """What every handler goes through."""

    def get(self, name):
        return table.get_item(Key={"name": name})["Item"]

    def put(self, item):
        table.put_item(Item=item)


store = Store()


def logged(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        return function(*arguments, **named)

    return wrapper


@logged
def count(caller, name):
    item = store.get(name)
    store.put({**item, "count": item["count"] + 1})
    return 200


async def awaited(caller, name):
    item = await asyncio.to_thread(store.get, name)
    await _stored({**item, "count": item["count"] + 1})
    return 200


async def _stored(item):
    store.put(item)


def threaded(caller, name):
    item = store.get(name)
    worker = threading.Thread(target=store.put, args=({**item, "count": item["count"] + 1},))
    worker.start()
    worker.join()
    return 200


class OfCounters(Model):
    """A counter."""

    tables = [Table("Counters", "name")]
    items = {"Counters": [{"name": "c", "count": 1}]}
    principals = ("alice",)


class Plain(OfCounters):
    """Through a decorator and a class."""

    count = handler(count, name=["c"])


class Awaited(OfCounters):
    """Through coroutines."""

    count = handler(awaited, name=["c"])


class Threaded(OfCounters):
    """Through a thread."""

    count = handler(threaded, name=["c"])


def stacks(model, **options):
    violation = check_model(model, **options).violations[0]
    found = {}
    for one in violation.execution.operations:
        found.setdefault(one.action, [line.function for line in one.stack])
    return violation, found


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_the_stack_is_that_of_the_handler(isolation):
    violation, found = stacks(Plain, isolation=isolation)
    assert found == {
        "GetItem": ["logged.<locals>.wrapper", "count", "Store.get"],
        "PutItem": ["logged.<locals>.wrapper", "count", "Store.put"],
    }
    for one in violation.execution.operations:
        assert one.stack[-1] == one.source


def test_coroutines_and_worker_functions_are_on_it():
    _, found = stacks(Awaited, isolation="memory")
    assert found["PutItem"] == ["awaited", "_stored", "Store.put"]
    assert found["GetItem"][-1] == "Store.get"
    assert "awaited" in found["GetItem"]


def test_whoever_started_a_thread_is_on_it():
    _, found = stacks(Threaded)
    assert found["GetItem"] == ["threaded", "Store.get"]
    assert found["PutItem"] == ["threaded", "Store.put"]


def line(function, number, file="app.py"):
    return SourceLine(file, number, function, "")


@pytest.mark.parametrize(
    ("read", "write", "places"),
    [
        ([("h", 1)], [("h", 2)], (1, 2)),
        ([("h", 1), ("get", 9)], [("h", 2), ("put", 8)], (1, 2)),
        ([("w", 5), ("h", 1), ("get", 9)], [("w", 5), ("h", 2), ("put", 8)], (1, 2)),
        ([("h", 1), ("update", 7)], [("h", 1), ("update", 8)], (7, 8)),
        ([("h", 1), ("h", 3)], [("h", 1), ("h", 4)], (3, 4)),
        ([("get", 9)], [("put", 8)], (9, 8)),
        ([], [("w", 5), ("h", 2), ("put", 8)], (None, 2)),
        ([("w", 5), ("Items.h", 1), ("get", 9)], [], (1, None)),
        ([("w", 5), ("other", 1)], [], (5, None)),
        ([], [], (None, None)),
    ],
)
def test_the_function_that_decides_is_on_the_way_to_both(read, write, places):
    ways = [[line(*one) for one in way] for way in (read, write)]
    found = deciding(*ways, "h", "model.py:M")
    assert tuple(None if one is None else one.line for one in found) == places


def test_a_model_that_calls_the_application_is_not_taken_for_it():
    way = [line("h", 3, "model.py"), line("lambda_handler", 7), line("put", 8)]
    assert deciding([], way, "h", "tests/model.py:M")[1].line == 7
    assert deciding([], way[:1], "h", "tests/model.py:M")[1].line == 3
