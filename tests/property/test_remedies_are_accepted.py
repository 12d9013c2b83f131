"""No remedy that the engine or moto refuses is ever suggested, whatever handlers do; and what is said to remove a race does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toctou import Model, Table, handler
from toctou.checking.check import check
from toctou.client.backends import backend_named
from toctou.counterexample.violation import Violation
from toctou.declaration.loading import LoadedModel, load
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.runner import Limits
from toctou.search.options import Options
from toctou.verdict import Verdict

things = boto3.resource("dynamodb", region_name="us-east-1").Table("Things")
client = boto3.client("dynamodb", region_name="us-east-1")

Seen = dict[str, Any]
Step = Callable[[Seen], int | None]
"""One step of a handler, given what it has read so far; a status to end with, or nothing."""


def get(name: str) -> Step:
    def step(seen: Seen) -> int | None:
        item = things.get_item(Key={"kind": "k", "name": name}).get("Item")
        seen[name] = item
        return 404 if item is None else None

    return step


def look(name: str) -> Step:
    """Read without deciding anything about existence."""

    def step(seen: Seen) -> int | None:
        seen[name] = things.get_item(Key={"kind": "k", "name": name}).get("Item")
        return None

    return step


def query() -> Step:
    def step(seen: Seen) -> int | None:
        every = things.query(KeyConditionExpression=Key("kind").eq("k"), ConsistentRead=True)["Items"]
        seen.update({one["name"]: one for one in every})
        return 409 if len(every) > 2 else None

    return step


def number(seen: Seen) -> int:
    return sum(int(one.get("n", 0)) for one in seen.values() if one) + 1


def put(name: str) -> Step:
    def step(seen: Seen) -> int | None:
        things.put_item(Item={**(seen.get(name) or {}), "kind": "k", "name": name, "n": number(seen)})
        return None

    return step


def update(name: str, attribute: str, *, condition: str = "", returning: bool = False) -> Step:
    def step(seen: Seen) -> int | None:
        more = {"ConditionExpression": condition} if condition else {}
        try:
            things.update_item(
                Key={"kind": "k", "name": name},
                UpdateExpression="SET #a = :v",
                ExpressionAttributeNames={"#a": attribute},
                ExpressionAttributeValues={":v": number(seen)},
                **({"ReturnValues": "ALL_NEW"} if returning else {}),
                **more,
            )
        except client.exceptions.ConditionalCheckFailedException:
            return 409
        return None

    return step


def delete(name: str) -> Step:
    def step(_seen: Seen) -> int | None:
        things.delete_item(Key={"kind": "k", "name": name})
        return None

    return step


def in_batch(name: str) -> Step:
    def step(seen: Seen) -> int | None:
        with things.batch_writer() as batch:
            batch.put_item(Item={"kind": "k", "name": name, "n": number(seen)})
            batch.delete_item(Key={"kind": "k", "name": "c"})
        return None

    return step


def in_transaction(name: str, other: str) -> Step:
    def step(seen: Seen) -> int | None:
        key, others = {"kind": {"S": "k"}, "name": {"S": name}}, {"kind": {"S": "k"}, "name": {"S": other}}
        values = {":v": {"N": str(number(seen))}}
        update = {"TableName": "Things", "Key": key, "UpdateExpression": "SET n = :v"}
        items = [
            {"Update": {**update, "ExpressionAttributeValues": values}},
            {"Delete": {"TableName": "Things", "Key": others}},
        ]
        client.transact_write_items(TransactItems=items)
        return None

    return step


names = st.sampled_from("ab")
reading = st.one_of(st.builds(get, names), st.builds(look, names), st.builds(query))
writing = st.one_of(
    st.builds(put, names),
    st.builds(
        update,
        names,
        st.sampled_from(["n", "m"]),
        condition=st.sampled_from(["", "attribute_exists(n)"]),
        returning=st.sampled_from([False, False, True]),
    ),
    st.builds(delete, names),
    st.builds(in_batch, names),
    st.builds(in_transaction, names, st.just("c")),
)
programs = st.tuples(
    reading, st.lists(st.one_of(reading, writing), max_size=1), st.lists(writing, min_size=1, max_size=2)
)


def a_handler(program: tuple[Step, list[Step], list[Step]]) -> Any:
    first, middle, last = program

    def run(_principal: str) -> int:
        seen: Seen = {}
        for step in (first, *middle, *last):
            if (status := step(seen)) is not None:
                return status
        return 200

    return handler(run)


def model_of(one: Any, other: Any) -> type[Model]:
    class Random(Model):
        tables = [Table("Things", "kind", "name")]
        items = {"Things": [{"kind": "k", "name": "a", "n": 1}, {"kind": "k", "name": "b", "n": 2}]}
        principals = ["alice"]
        one_handler = a_handler(one)
        other_handler = a_handler(other)

    return Random


def refused(model: type[Model], violation: Violation, backend: str) -> str:
    """What a backend has against the remedy of a violation, in any order of the requests of its scenario."""
    assert violation.remedy is not None
    requests = violation.execution.requests
    with (
        closing(backend_named(backend)) as stored,
        Laboratory(model, stored, Limits(), "memory", violation.remedy.remedy.edits).opened() as laboratory,
    ):
        for order in (range(len(requests)), range(len(requests) - 1, -1, -1)):
            laboratory.serial(Scenario(requests), order, afresh=True)
        return laboratory.patches.refused


def accepted_everywhere(model: type[Model], violations: Sequence[Violation]) -> None:
    tried: set[object] = set()
    for one in violations:
        if one.remedy is None or not one.remedy.remedy.edits or one.remedy.remedy.edits in tried:
            continue
        tried.add(one.remedy.remedy.edits)
        for backend in ("embedded", "moto"):
            assert refused(model, one, backend) == "", (backend, one.remedy)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(programs, programs)
def test_no_remedy_is_refused(one, other):
    model = model_of(one, other)
    (result,) = check([LoadedModel("Random", model)], Options()).models
    assert not result.faults
    if result.verdict is Verdict.VIOLATED:
        accepted_everywhere(model, result.violations)


RACY = [loaded for loaded in load(["models"]) if "axum" not in loaded.name and "node" not in loaded.name]


@pytest.mark.parametrize("loaded", RACY, ids=lambda one: one.name.rpartition(":")[2])
def test_no_remedy_of_a_model_is_refused(loaded):
    (result,) = check([loaded], Options()).models
    accepted_everywhere(loaded.model, result.violations)
    for one in result.violations:
        assert one.remedy is not None, one.finding
        assert one.remedy.tried.outcome in {"removed", "not_tried"}, one.remedy
