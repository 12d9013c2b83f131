"""Handlers that rely on a batch being atomic race, and those that use a transaction in its place do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from brute_force import compare_with_brute_force

import toctou
from toctou import Model, Table, Verdict, handler, invariant
from toctou.reporting.document import violation_document
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive

dynamodb = boto3.resource("dynamodb", region_name="us-east-1")
client = boto3.client("dynamodb", region_name="us-east-1")
pairs = dynamodb.Table("Pairs")


def item(name: str, of: str) -> dict[str, Any]:
    return {"name": {"S": name}, "of": {"S": of}}


def in_a_batch(principal: str) -> int:
    with pairs.batch_writer() as batch:
        batch.put_item(Item={"name": "left", "of": principal})
        batch.put_item(Item={"name": "right", "of": principal})
    return 204


async def in_a_thread(principal: str) -> int:
    return await asyncio.to_thread(in_a_batch, principal)


def in_statements(principal: str) -> int:
    client.batch_execute_statement(
        Statements=[
            {"Statement": 'UPDATE "Pairs" SET "of" = ? WHERE name = \'left\'', "Parameters": [{"S": principal}]},
            {"Statement": 'UPDATE "Pairs" SET "of" = ? WHERE name = \'right\'', "Parameters": [{"S": principal}]},
        ]
    )
    return 204


def in_a_transaction(principal: str) -> int:
    client.transact_write_items(
        TransactItems=[{"Put": {"TableName": "Pairs", "Item": item(name, principal)}} for name in ("left", "right")]
    )
    return 204


def gets_in_a_batch(principal: str) -> tuple[int, list[str]]:
    keys = [{"name": "left"}, {"name": "right"}]
    found = dynamodb.batch_get_item(RequestItems={"Pairs": {"Keys": keys, "ConsistentRead": True}})
    return 200, [one["of"] for one in found["Responses"]["Pairs"]]


def gets_in_a_transaction(principal: str) -> tuple[int, list[str]]:
    keys = [{"Get": {"TableName": "Pairs", "Key": {"name": {"S": name}}}} for name in ("left", "right")]
    return 200, [one["Item"]["of"]["S"] for one in client.transact_get_items(TransactItems=keys)["Responses"]]


def twice_the_same(principal: str) -> int:
    try:
        client.batch_write_item(RequestItems={"Pairs": [{"PutRequest": {"Item": item("left", principal)}}] * 2})
    except client.exceptions.ClientError:
        return 400
    return 204


def clears(principal: str) -> int:
    with pairs.batch_writer() as batch:
        for name in ("left", "right"):
            batch.delete_item(Key={"name": name})
    return 204


def writes_many(principal: str) -> int:
    with pairs.batch_writer() as batch:
        for number in range(9):
            batch.put_item(Item={"name": f"{principal}-{number}"})
    return 204


READS = (gets_in_a_batch, gets_in_a_transaction)


def model_of(*functions: Callable[..., Any], agree: bool = True) -> type[Model]:
    """A model of two items that, if they have to agree, are always to say the same."""

    def same(self: Model, items: Any) -> bool:
        return len({one.get("of") for one in items["Pairs"]}) <= 1

    return type(
        "Pairs",
        (Model,),
        {
            "tables": (Table("Pairs", "name"),),
            "items": {"Pairs": [{"name": "left", "of": "nobody"}, {"name": "right", "of": "nobody"}]},
            "principals": ("alice", "bob"),
            "__module__": __name__,
            **{one.__name__: handler(one, read_only=one in READS) for one in functions},
            **({"same": invariant(same)} if agree else {}),
        },
    )


@pytest.mark.parametrize("isolation", ["memory", "processes"])
@pytest.mark.parametrize(
    ("functions", "verdict"),
    [
        ((in_a_batch,), Verdict.VIOLATED),
        ((in_a_thread,), Verdict.VIOLATED),
        ((in_statements,), Verdict.VIOLATED),
        ((in_a_transaction,), Verdict.VERIFIED),
        ((clears,), Verdict.VERIFIED),
        ((in_a_transaction, gets_in_a_batch), Verdict.VIOLATED),
        ((in_a_transaction, gets_in_a_transaction), Verdict.VERIFIED),
    ],
    ids=lambda part: "-".join(one.__name__ for one in part) if isinstance(part, tuple) else str(part.value),
)
def test_a_batch_is_not_atomic(functions: tuple[Callable[..., Any], ...], verdict: Verdict, isolation: str):
    result = toctou.check(model_of(*functions), isolation=isolation)
    assert result.verdict is verdict, result.detail
    assert not result.violations or any(one.confirmed_on for one in result.violations)


def test_what_is_reported_names_the_item_of_each_step_and_the_reason():
    reads, writes = (
        violation_document("Pairs", toctou.check(model_of(*functions)).violations[0])
        for functions in ((in_a_transaction, gets_in_a_batch), (in_a_batch,))
    )
    assert "BatchGetItem Pairs[left] → of 'nobody'" in [step["summary"] for step in reads["steps"]]
    assert reads["cause"]["text"].endswith("DynamoDB reads each item of a batch by itself")
    assert writes["cause"]["text"].endswith("DynamoDB writes each item of a batch by itself")
    assert "instead of a BatchGetItem, which reads each item by itself" in reads["explanation"]["remedy"]


def test_one_that_is_refused_takes_no_effect():
    result = toctou.check(model_of(twice_the_same, in_a_transaction))
    assert not result.violations
    assert [name for name, _ in result.unreached] == ["twice_the_same"], "it never commits a write"


def test_a_large_one_has_steps_of_several_items_and_the_verdict_says_so():
    result = toctou.check(model_of(writes_many, agree=False))
    assert result.verdict is Verdict.VERIFIED
    assert [one for one in result.remarks if one.startswith("writes_many makes a BatchWriteItem of many items")]


@pytest.mark.parametrize(
    "functions",
    [(in_a_batch, gets_in_a_transaction), (in_a_batch, clears), (in_a_transaction, gets_in_a_batch), (in_statements,)],
    ids=lambda part: "-".join(one.__name__ for one in part),
)
def test_the_same_is_found_as_in_every_interleaving(functions: tuple[Callable[..., Any], ...]):
    model = model_of(*functions)
    compare_with_brute_force(model, Exhaustive, Dpor)
