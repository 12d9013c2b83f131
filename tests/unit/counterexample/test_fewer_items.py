"""Initial items that have nothing to do with a violation are left out of it; whatever a handler, or a predicate, needs stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest

from toctou import Model, Table, check, handler, invariant
from toctou.cli import main
from toctou.counterexample.violation import Violation
from toctou.history.item import plain
from toctou.history.operation import StoredImages

MODEL = '''
"""Two counters, and ten things that nobody looks at."""
import boto3
from toctou import Model, Table, handler

counters = boto3.resource("dynamodb", region_name="us-east-1").Table("Counters")


class Racy(Model):
    """Racy."""

    tables = (Table("Counters", "counter_id"), Table("Others", "other_id"))
    items = {
        "Counters": [{"counter_id": name, "value": 0} for name in ("c1", "c2", "c3")],
        "Others": [{"other_id": f"o{at}"} for at in range(10)],
    }
    principals = ("alice",)

    @handler(counter_id=["c1"])
    def increment(self, principal, counter_id):
        item = counters.get_item(Key={"counter_id": counter_id})["Item"]
        counters.put_item(Item={**item, "value": item["value"] + 1})
        return 204
'''

things = boto3.resource("dynamodb", region_name="us-east-1").Table("Things")


class OfThings(Model):
    tables = (Table("Things", "thing_id"),)
    items: ClassVar = {"Things": [{"thing_id": name, "value": 0} for name in ("t1", "t2", "t3", "settings")]}
    principals = ("alice",)


class ByKey(OfThings):
    """Reads two items by their keys, and cares for one of them only."""

    @handler()
    def increment(self, principal: str) -> int:
        things.get_item(Key={"thing_id": "settings"})
        item = things.get_item(Key={"thing_id": "t1"})["Item"]
        things.put_item(Item={**item, "value": item["value"] + 1})
        return 204


class ByScan(OfThings):
    """Goes through everything, and cares for one of them only."""

    @handler()
    def increment(self, principal: str) -> int:
        (item,) = (one for one in things.scan()["Items"] if one["thing_id"] == "t1")
        things.put_item(Item={**item, "value": item["value"] + 1})
        return 204


class ByCount(OfThings):
    """Stores how many there are, so that each of them matters."""

    @handler()
    def increment(self, principal: str) -> int:
        count = things.scan()["Count"]
        item = things.get_item(Key={"thing_id": "t1"})["Item"]
        things.put_item(Item={**item, "value": item["value"] + 1, "count": count})
        return 204


class Increment(OfThings):
    @handler()
    def increment(self, principal: str) -> int:
        item = things.get_item(Key={"thing_id": "t1"})["Item"]
        things.put_item(Item={**item, "value": item["value"] + 1})
        return 204


class Required(OfThings):
    """Its invariant asks for an item that no request touches, besides what the race breaks."""

    @handler()
    def increment(self, principal: str) -> int:
        value = things.get_item(Key={"thing_id": "t1"})["Item"]["value"]
        for name in ("value", "copy"):
            things.update_item(
                Key={"thing_id": "t1"},
                UpdateExpression="SET #name = :value",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":value": value + 1},
            )
        return 204

    @invariant
    def complete(self, items: Any) -> bool:
        found = {one["thing_id"]: one for one in items["Things"]}
        return "settings" in found and found["t1"]["value"] == found["t1"].get("copy", found["t1"]["value"])


class Summed:
    """Needs t2 in order to say anything."""

    def state_of(self, items: Any) -> Any:
        values = {one["thing_id"]: one["value"] for one in items["Things"]}
        return values["t1"] + values["t2"]

    def step(self, state: Any, request: Any) -> Any:
        return state + 1, 204


class Referred(Increment):
    reference = Summed()


class AnsweredWith(OfThings):
    """Clients are told of everything."""

    @handler()
    def increment(self, principal: str) -> tuple[int, list[str]]:
        names = [str(one["thing_id"]) for one in things.scan()["Items"]]
        item = things.get_item(Key={"thing_id": "t1"})["Item"]
        things.put_item(Item={**item, "value": item["value"] + 1})
        return 200, sorted(names)


def names(stored: StoredImages) -> set[str]:
    return {plain(image)["thing_id"] for images in stored.values() for image in images}


def violation_of(model: type[Model], oracle: str = "linearizability", **options: Any) -> Violation:
    found = [one for one in check(model, **options).violations if one.finding.oracle == oracle]
    return min(found, key=lambda one: len(one.execution.requests))


@pytest.mark.parametrize(
    ("model", "oracle", "kept"),
    [
        (ByKey, "linearizability", {"t1", "settings"}),
        (ByScan, "linearizability", {"t1"}),
        (ByCount, "linearizability", {"t1", "t2", "t3", "settings"}),
        (AnsweredWith, "linearizability", {"t1", "t2", "t3", "settings"}),
        (Increment, "linearizability", {"t1"}),
        (Required, "complete", {"t1", "settings"}),
        (Referred, "linearizability", {"t1", "t2"}),
    ],
)
def test_what_is_kept(model: type[Model], oracle: str, kept: set[str]):
    execution = violation_of(model, oracle).execution
    assert names(execution.initial) == kept
    assert names(execution.left_out) == {"t1", "t2", "t3", "settings"} - kept
    assert names(execution.final) == kept


def test_weak_reads_return_no_item_that_was_left_out():
    execution = violation_of(ByScan, reads=2).execution
    assert names(execution.initial) == {"t1"}
    scanned = [one for one in execution.operations if one.action == "Scan"]
    assert all(names({"Things": one.result["Items"]}) == {"t1"} for one in scanned if one.result)


def test_it_is_confirmed_and_replayed_without_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "racy.py").write_text(MODEL)
    report = tmp_path / "reports"
    assert main(["check", str(tmp_path / "racy.py"), "--report", str(report)]) == 1
    capsys.readouterr()
    document = json.loads((report / "racy.Racy-1.json").read_text())
    assert document["confirmed_on"] == "moto"
    assert document["initial"]["Counters"] == [{"counter_id": {"S": "c1"}, "value": {"N": "0"}}]
    assert {table: len(items) for table, items in document["left_out"].items()} == {"Counters": 2, "Others": 10}
    assert main(["replay", str(report / "racy.Racy-1.json")]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "Others empty" not in printed
    assert "the model stores 12 more items in Counters and Others, which make no difference here" in printed
    assert "12 more items in Counters and Others" in (report / "racy.Racy-1.html").read_text()


@pytest.mark.parametrize("kept", [[], [{"other_id": {"S": "o1"}}, {"other_id": {"S": "another"}}]])
def test_a_report_fits_no_other_items(tmp_path: Path, capsys: pytest.CaptureFixture[str], kept: list[Any]):
    (tmp_path / "racy.py").write_text(MODEL)
    report = tmp_path / "reports" / "racy.Racy-1.json"
    assert main(["check", str(tmp_path / "racy.py"), "--report", str(report.parent)]) == 1
    document = json.loads(report.read_text())
    document["left_out"]["Others"] = kept
    report.write_text(json.dumps(document))
    assert main(["replay", str(report)]) == 2
    assert "starts from other items now" in capsys.readouterr().err
