"""What one DynamoDB call costs: on the engine itself, through an intercepted boto3 client, and on moto in this process.

All settings hold the same table and items and perform the same calls, in turns, so that a noisy machine disturbs all alike.
Processor time is taken, not the clock's: on a busy machine a long call waits for others, and a short one seldom does.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from time import thread_time
from typing import Any, NoReturn

import boto3
from moto import mock_aws

from toctou import Model, Request, Table, handler
from toctou.client.embedded import EmbeddedBackend
from toctou.client.environment import client_environment
from toctou.client.intercept import intercepted
from toctou.declaration.scenario import Scenario
from toctou.engine import Engine
from toctou.errors import ToctouError
from toctou.execution.laboratory import Laboratory
from toctou.history.item import image
from toctou.history.request import SourceLine
from toctou.scheduling.runner import Limits
from toctou.scheduling.scheduling_point import Turn
from toctou.scheduling.strategies.random_walk import RandomWalk

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "GetItem": (
        "GetItem",
        {"TableName": "Items", "Key": {"item_id": {"S": "i1"}}, "ConsistentRead": True},
    ),
    "PutItem": (
        "PutItem",
        {"TableName": "Items", "Item": {"item_id": {"S": "i2"}, "owner": {"S": "bob"}, "version": {"N": "1"}}},
    ),
    "UpdateItem with a condition": (
        "UpdateItem",
        {
            "TableName": "Items",
            "Key": {"item_id": {"S": "i1"}},
            "UpdateExpression": "SET version = version + :one",
            "ConditionExpression": "#owner = :caller",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":one": {"N": "1"}, ":caller": {"S": "alice"}},
        },
    ),
    "Query by index, 10 items": (
        "Query",
        {
            "TableName": "Items",
            "IndexName": "by_owner",
            "KeyConditionExpression": "#owner = :caller",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":caller": {"S": "carol"}},
        },
    ),
}
"""Action and parameters, by the name in the table."""

SETTINGS = ("engine", "backend", "client", "explored", "moto")
"""The engine alone; with footprint and changes; a boto3 client whose calls nobody schedules; one in a request under the
scheduler; one on moto."""

Perform = Callable[[str, int], float]
"""Perform a call so many times; seconds of all together."""

_METHODS = {"GetItem": "get_item", "PutItem": "put_item", "UpdateItem": "update_item", "Query": "query"}
_FACTS = {"title": "a title of some length", "version": 1, "tags": {"a", "b"}}


class Stored(Model):
    """The table and the items on which the calls are performed."""

    tables = (Table("Items", "item_id", indexes={"by_owner": ("owner",)}),)
    items = {
        "Items": [
            {"item_id": "i1", "owner": "alice", **_FACTS},
            *({"item_id": f"c{number}", "owner": "carol", **_FACTS} for number in range(10)),
        ]
    }
    principals = ("alice",)


_TABLE = Stored.tables[0].parameters
_IMAGES = [image(item) for item in Stored.items["Items"]]


def medians(calls: int, rounds: int) -> dict[tuple[str, str], float]:
    """Microseconds per call, by call and setting.

    Args:
        calls: how many of a kind our own settings perform in each round; moto performs a tenth.
        rounds: how often each has its turn, after one round to warm up.
    """
    samples: dict[tuple[str, str], list[float]] = {(call, setting): [] for call in CALLS for setting in SETTINGS}
    with settings() as perform:
        for _ in range(rounds + 1):
            for (call, setting), seconds in samples.items():
                count = calls if setting != "moto" else calls // 10 + 1
                seconds.append(perform[setting](call, count) / count)
    return {key: statistics.median(seconds[1:]) * 1e6 for key, seconds in samples.items()}


@contextmanager
def settings() -> Iterator[Mapping[str, Perform]]:
    """What performs calls in each setting, on the same items."""
    with ExitStack() as stack:
        stack.enter_context(client_environment())
        stack.enter_context(mock_aws())
        ours, motos = (boto3.client("dynamodb", region_name="us-east-1") for _ in range(2))
        with suppress(motos.exceptions.ResourceNotFoundException):  # another test may keep moto started
            motos.delete_table(TableName="Items")
        motos.create_table(**_TABLE)
        for item in _IMAGES:
            motos.put_item(TableName="Items", Item=item)
        yield {
            "engine": _on_the_engine(),
            "backend": _on_the_backend(),
            "client": _unscheduled(ours),
            "explored": _explored(ours),
            "moto": lambda call, count: _called(motos, call, count),
        }


def _called(client: Any, call: str, count: int) -> float:
    action, parameters = CALLS[call]
    method = getattr(client, _METHODS[action])
    begun = thread_time()
    for _ in range(count):
        method(**parameters)
    return thread_time() - begun


def _performed(perform: Callable[[str, Mapping[str, Any]], object], call: str, count: int) -> float:
    action, parameters = CALLS[call]
    begun = thread_time()
    for _ in range(count):
        perform(action, parameters)
    return thread_time() - begun


def _on_the_engine() -> Perform:
    engine = Engine()
    engine.perform("CreateTable", _TABLE)
    for item in _IMAGES:
        engine.perform("PutItem", {"TableName": "Items", "Item": item})
    initial = engine.sequence

    def perform(call: str, count: int) -> float:
        engine.restore(initial)
        return _performed(engine.perform, call, count)

    return perform


def _loaded() -> EmbeddedBackend:
    backend = EmbeddedBackend()
    backend.load([_TABLE], {"Items": _IMAGES})
    return backend


def _on_the_backend() -> Perform:
    backend = _loaded()

    def perform(call: str, count: int) -> float:
        backend.restore()
        return _performed(backend.perform, call, count)

    return perform


class OpenDoor:
    """A scheduling point at which nobody waits."""

    def reach(self, action: str, parameters: Mapping[str, Any] | None = None, source: SourceLine | None = None) -> Turn:
        return Turn(0, 0)

    def suspend_monitoring(self, *, unhurried: bool = False) -> None:
        """Nobody looks."""

    def resume_monitoring(self) -> None:
        """Nobody looks."""

    def fail(self, fault: ToctouError) -> NoReturn:
        raise fault


def _unscheduled(client: Any) -> Perform:
    backend = _loaded()

    def perform(call: str, count: int) -> float:
        backend.restore()
        with intercepted(OpenDoor(), backend, lambda operation: None):
            return _called(client, call, count)

    return perform


def _explored(client: Any) -> Perform:
    timed: list[float] = []

    class Calling(Stored):
        @handler(call=list(CALLS), count=[1])
        def perform(self, principal: str, call: str, count: int) -> None:
            timed.append(_called(client, call, count))

    def perform(call: str, count: int) -> float:
        laboratory = Laboratory(Calling, EmbeddedBackend(), Limits(operations=count))
        strategy = RandomWalk()
        strategy.begin()
        request = Request.of("alice", "perform", {"call": call, "count": count})
        with laboratory.opened():
            laboratory.execute(Scenario((request,)), strategy)
        return timed.pop()

    return perform
