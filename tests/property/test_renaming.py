"""Exploring scenarios up to names: the same verdicts and findings as in full, over random models and over all of ``models/``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toctou import Model, Table, check, handler
from toctou.declaration.loading import LoadedModel, load
from toctou.search.renaming import Renaming, renamings
from toctou.search.result import ModelResult

MODELS = load([str(Path(__file__).resolve().parents[2] / "models")])

things = boto3.resource("dynamodb", region_name="us-east-1").Table("Things")
ConditionFailed = things.meta.client.exceptions.ConditionalCheckFailedException


@dataclass(frozen=True)
class Step:
    """One step of a random handler.

    Attributes:
        does: what.
        where: on which thing: the request's, a fixed one, or one named after the principal.
        only: a step is left out unless what was read adds up to an odd number, or unless bob asks and it does.
    """

    does: Literal["read", "put", "set", "guarded", "by order", "count", "delete"]
    where: Literal["asked", "t1", "own"]
    only: Literal["", "odd", "odd for bob"]


steps = st.builds(
    Step,
    does=st.sampled_from(["read", "read", "put", "set", "guarded", "by order", "count", "delete"]),
    where=st.sampled_from(["asked", "asked", "asked", "t1", "own"]),
    only=st.sampled_from(["", "", "odd", "odd for bob"]),
)
programs = st.lists(steps, min_size=1, max_size=3)
initial_items = st.sampled_from(
    [
        [],
        [("t1", "alice", 0)],
        [("t1", "alice", 0), ("t2", "bob", 0)],
        [("t1", "alice", 1), ("t2", "bob", 1)],
        [("t1", "alice", 1), ("t2", "alice", 1)],
        [("t1", "alice", 0), ("t2", "bob", 1)],
        [("own-alice", "alice", 1), ("own-bob", "bob", 1)],
    ]
)


def performed(step: Step, principal: str, thing_id: str, total: int) -> int:
    """Do one step; returns what it has seen, as a number."""
    key = {"thing_id": {"asked": thing_id, "t1": "t1", "own": f"own-{principal}"}[step.where]}
    setting: dict[str, Any] = {
        "Key": key,
        "UpdateExpression": "SET #value = :value",
        "ExpressionAttributeNames": {"#value": "value", "#owner": "owner"},
        "ExpressionAttributeValues": {":value": total + 1, ":caller": principal},
    }
    match step.does:
        case "read":
            item = things.get_item(Key=key, ConsistentRead=True).get("Item", {})
            return int(item.get("value", 0)) + 2 * (item.get("owner") == principal)
        case "count":
            return int(things.scan(ConsistentRead=True)["Count"])
        case "put":
            things.put_item(Item={**key, "owner": principal, "value": total + 1})
        case "delete":
            things.delete_item(Key=key)
        case "set":
            del setting["ExpressionAttributeNames"]["#owner"], setting["ExpressionAttributeValues"][":caller"]
            things.update_item(**setting)
        case _:
            sign = "=" if step.does == "guarded" else "<="
            try:
                things.update_item(**setting, ConditionExpression=f"#owner {sign} :caller")
            except ConditionFailed:
                return 1
    return 0


def random_model(program: list[Step], items: list[tuple[str, str, int]]) -> type[Model]:
    class RandomModel(Model):
        tables = (Table("Things", "thing_id"),)
        owner = "owner" if items else None

        @handler(thing_id=["t1", "t2"])
        def handle(self, principal: str, thing_id: str) -> tuple[int, int]:
            total = 0
            for step in program:
                if step.only and (total % 2 == 0 or (step.only == "odd for bob" and principal != "bob")):
                    continue
                total += performed(step, principal, thing_id, total)
            return 200, total

    names = ("thing_id", "owner", "value")
    RandomModel.items = {"Things": [dict(zip(names, item, strict=True)) for item in items]}
    return RandomModel


def told(result: ModelResult) -> object:
    """Verdict, findings, and how many scenarios show what, those that are stood for included."""
    counted: Counter[object] = Counter()
    for one in result.scenarios:
        shown = frozenset((each.finding.oracle, each.explanation.anomaly) for each in one.violations)
        counted[one.verdict, shown, one.interleavings] += one.stands_for
    causes = {(one.handler, one.read, one.write, one.other) for one in (each.cause for each in result.violations)}
    return result.verdict, result.stop_reason, counted, causes


@settings(max_examples=25, deadline=None)
@given(program=programs, items=initial_items)
def test_random_models(program: list[Step], items: list[tuple[str, str, int]]):
    model = random_model(program, items)
    assert told(check(model, requests=2, confirm=False)) == told(
        check(model, requests=2, confirm=False, symmetry=False)
    )


def test_random_models_are_stood_for_now_and_then_and_now_and_then_not():
    """Or the property above would be empty; both by examples, so that they do not depend on chance."""
    items = [("t1", "alice", 0), ("t2", "bob", 0)]
    alike = check(random_model([Step("read", "asked", ""), Step("set", "asked", "")], items), confirm=False)
    assert max(one.stands_for for one in alike.scenarios) > 1
    fixed = check(random_model([Step("read", "t1", ""), Step("set", "asked", "")], items), confirm=False)
    assert max(one.stands_for for one in fixed.scenarios) == 1


@pytest.mark.parametrize("loaded", [one for one in MODELS if renamings(one.model)], ids=lambda one: one.model.__name__)
def test_three_requests_of_models(loaded: LoadedModel):
    """Models without a renaming have nothing to stand for, with or without symmetry."""
    short = check(loaded.model, requests=3, confirm=False)
    full = check(loaded.model, requests=3, confirm=False, symmetry=False)
    assert told(short) == told(full)
    assert len(short.scenarios) <= len(full.scenarios) == sum(one.stands_for for one in short.scenarios)


words = st.permutations(["alice", "bob", "t1", "t2"]).map(
    lambda order: Renaming(tuple(zip(["alice", "bob", "t1", "t2"], order, strict=True)))
)
texts = st.lists(st.sampled_from(["alice", "bob", "t1", "t2", "t10", "#", "-", "_", " ", "ö"]), max_size=6).map("".join)


@given(words, texts, texts)
def test_two_texts_are_never_made_one(renaming: Renaming, text: str, other: str):
    assert (renaming.text(text) == renaming.text(other)) == (text == other)


@given(words, texts)
def test_a_renaming_can_be_undone(renaming: Renaming, text: str):
    back = Renaming(tuple((other, word) for word, other in renaming.words))
    assert back.text(renaming.text(text)) == text
