"""Checks of one model in one process, as the tests of a project make them: the second meets nothing of the first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, Table, Verdict, handler
from toctou.execution import kept_memory

client = boto3.client("dynamodb", region_name="us-east-1")
NOTE: dict[str, Any] = {"TableName": "Notes", "Key": {"note_id": {"S": "n1"}}}


class Settings(SimpleNamespace):
    conditional = False


def model() -> type[Model]:
    """Its handlers have a memory of their own."""
    cache: dict[str, Any] = {}

    class Cached(Model):
        tables = (Table("Notes", "note_id"),)
        items = {"Notes": [{"note_id": "n1", "owner": "alice"}]}
        owner = "owner"

        @handler()
        def delete(self, principal: str) -> int:
            if "note" not in cache:
                cache["note"] = client.get_item(**NOTE, ConsistentRead=True).get("Item")
            if cache["note"] is None:
                return 404
            if cache["note"]["owner"]["S"] != principal:
                return 403
            still = {
                "ConditionExpression": "#o = :me",
                "ExpressionAttributeNames": {"#o": "owner"},
                "ExpressionAttributeValues": {":me": {"S": principal}},
            }
            try:
                client.delete_item(**NOTE, **(still if Settings.conditional else {}))
            except client.exceptions.ConditionalCheckFailedException:
                return 409
            return 204

        @handler()
        def hand_over(self, principal: str) -> int:
            try:
                client.update_item(
                    **NOTE,
                    UpdateExpression="SET #o = :to",
                    ConditionExpression="#o = :me",
                    ExpressionAttributeNames={"#o": "owner"},
                    ExpressionAttributeValues={":me": {"S": principal}, ":to": {"S": "carol"}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return 403
            return 200

    return Cached


def test_every_check_of_a_model_says_the_same():
    of_notes = model()
    results = [toctou.check(of_notes, confirm=False) for _ in range(3)]
    assert [one.verdict for one in results] == [Verdict.VIOLATED] * 3
    assert len({(one.schedules, one.remarks, len(one.violations)) for one in results}) == 1
    assert all(scenario.isolated for one in results for scenario in one.scenarios)


def test_what_was_replaced_since_counts(monkeypatch: pytest.MonkeyPatch):
    of_notes = model()
    assert toctou.check(of_notes, confirm=False).verdict is Verdict.VIOLATED
    monkeypatch.setattr(Settings, "conditional", True)
    assert toctou.check(of_notes, confirm=False).verdict is Verdict.VERIFIED


def test_few_memories_are_kept():
    for _ in range(kept_memory.MOST_LASTING + 1):
        assert toctou.check(model(), confirm=False).scenarios[0].isolated
    assert len(kept_memory._LASTING) == kept_memory.MOST_LASTING
