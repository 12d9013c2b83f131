"""Races that show only in who changed a set, in where a page ends, or in an index: every strategy finds them."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Key

from toctou import Model, Table, Verdict, check, handler
from toctou.scheduling.strategies import STRATEGIES
from toctou.search.budget import Budget

database = boto3.resource("dynamodb", region_name="eu-central-1")
documents, parts, log = database.Table("Documents"), database.Table("Parts"), database.Table("Log")
BIG = "x" * 370_000
VALUES = "ExpressionAttributeValues"


def label(name: str) -> None:
    values: dict[str, Any] = {":label": {"final"}}
    documents.update_item(Key={"id": name}, UpdateExpression="ADD labels :label", **{VALUES: values})


def publish(principal: str) -> int:
    documents.update_item(Key={"id": "d"}, UpdateExpression="SET published = :t", **{VALUES: {":t": True}})
    label("d")
    return 200


def finish(principal: str) -> int:
    found = documents.get_item(Key={"id": "d"}, ConsistentRead=True, ProjectionExpression="published")
    if not found["Item"]:
        return 403
    label("d")
    return 200


def finish_or_fail(principal: str) -> int:
    if finish(principal) == 403:
        documents.update_item(Key={"id": "log"}, UpdateExpression="SET seen = :t", **{VALUES: {":t": True}})
        return 200
    return 422


class Labels(Model):
    tables = [Table("Documents", "id")]
    items = {"Documents": [{"id": "d", "owner": "alice", "labels": {"draft"}}, {"id": "log", "owner": "bob"}]}
    publish = handler(publish, principals=["alice"])


class ChangesOfOthers(Labels):
    """Bob's is the first to add the label, between alice's two steps."""

    owner = "owner"
    finish = handler(finish, principals=["bob"])


class EffectsOfFailures(Labels):
    """So is that of a request that fails."""

    finish = handler(finish_or_fail, principals=["bob"])


def count(principal: str) -> tuple[int, int]:
    found = parts.query(KeyConditionExpression=Key("k").eq("p"), Select="COUNT", ConsistentRead=True)["Count"]
    log.put_item(Item={"k": principal, "count": found})
    return 200, found


def exchange(principal: str) -> int:
    for sort, content in (("c", BIG), ("a", "small")):
        parts.update_item(Key={"k": "p", "s": sort}, UpdateExpression="SET d = :d", **{VALUES: {":d": content}})
    return 200


class Pages(Model):
    """Between the two steps of an exchange, one item fewer fits the page."""

    tables = [Table("Parts", "k", "s"), Table("Log", "k")]
    items = {
        "Parts": [{"k": "p", "s": sort, "d": size} for sort, size in zip("abcd", (BIG, BIG, "x", BIG), strict=True)]
    }
    principals = ["alice"]
    count = handler(count)
    exchange = handler(exchange)


def tell(principal: str) -> tuple[int, int]:
    found = documents.query(IndexName="by-state", KeyConditionExpression=Key("state").eq("open"))["Count"]
    log.put_item(Item={"k": principal, "count": found})
    return 200, found


def relay(principal: str) -> int:
    """The open one is closed before the next one is opened."""
    for name, state in (("one", "closed"), ("two", "open")):
        documents.update_item(
            Key={"id": name},
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "state"},
            **{VALUES: {":s": state}},
        )
    return 200


class Entries(Model):
    """One is open at any time, but for the instant between two writes."""

    tables = [Table("Documents", "id", indexes={"by-state": ("state",)}), Table("Log", "k")]
    items = {"Documents": [{"id": "one", "state": "open"}, {"id": "two", "state": "closed"}]}
    principals = ["alice"]
    tell = handler(tell)
    relay = handler(relay)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("model", [ChangesOfOthers, EffectsOfFailures, Pages, Entries])
def test_every_strategy_finds_it(model: type[Model], strategy: str) -> None:
    result = check(model, strategy=strategy, confirm=False, budget=Budget(max_schedules=100))
    assert result.verdict is Verdict.VIOLATED


def test_the_entries_that_were_read_are_named() -> None:
    (violation,) = check(Entries, confirm=False).violations
    assert "Documents.by-state['open']" in repr(violation.explanation)
