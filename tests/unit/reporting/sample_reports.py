"""A violation, built by hand: alice deletes the item that bob has just been given."""

from __future__ import annotations

from dataclasses import replace

from toctou.analysis.explanation import Edge, Explanation
from toctou.counterexample.violation import Violation
from toctou.history.finding import Finding, SerialOrder
from toctou.history.footprint import ALL, EXISTENCE, EdgeKind, Footprint
from toctou.history.item import Change, ItemId, image
from toctou.history.operation import Execution, Operation
from toctou.history.request import Request, Response, SourceLine
from toctou.history.schedule import Choice, Schedule
from toctou.search.result import ModelResult, RunResult, ScenarioResult
from toctou.verdict import StopReason, Verdict

MODEL = "models/delete_item.py:ReadThenDelete"
ITEM = ItemId("Items", (("S", "i1"),))
KEY = {"TableName": "Items", "Key": {"item_id": {"S": "i1"}}}
WHOLE = frozenset({ALL, EXISTENCE})
SET_OWNER = {
    **KEY,
    "UpdateExpression": "SET #owner = :to",
    "ConditionExpression": "attribute_exists(item_id) AND #owner = :caller",
    "ExpressionAttributeNames": {"#owner": "owner"},
    "ExpressionAttributeValues": {":to": {"S": "bob"}, ":caller": {"S": "alice"}},
}


def stored(owner: str, data: str = "draft"):
    return image({"item_id": "i1", "owner": owner, "data": data, "version": 1})


def make_execution(principal: str = "alice", data: str = "draft") -> Execution:
    before, after = stored(principal, data), stored("bob", data)
    source = SourceLine("models/delete_item.py", 31, "delete_item", "    item = table.get_item(Key=key).get('Item')")
    operations = (
        Operation(0, 0, "GetItem", {**KEY, "ConsistentRead": True}, {"Item": before, "ResponseMetadata": {"id": 1}},
                  footprint=Footprint(reads={ITEM: WHOLE}), source=source),
        Operation(1, 0, "UpdateItem", SET_OWNER, {},
                  footprint=Footprint({ITEM: frozenset({"owner", EXISTENCE})}, {ITEM: frozenset({"owner"})}),
                  changes=(Change(ITEM, before, after),),
                  source=replace(source, line=52, function="transfer", text="table.update_item(")),
        Operation(0, 1, "DeleteItem", KEY, {}, footprint=Footprint(writes={ITEM: WHOLE}),
                  changes=(Change(ITEM, after, None),),
                  source=replace(source, line=34, text="table.delete_item(Key=key)")),
    )  # fmt: skip
    return Execution(
        requests=(
            Request.of(principal, "delete_item", {"item_id": "i1"}),
            Request.of(principal, "transfer", {"item_id": "i1", "to": "bob"}),
        ),
        initial={"Items": [before]},
        operations=operations,
        responses=(Response(204), Response(200, {"owner": "bob"})),
        final={"Items": []},
        schedule=Schedule((Choice(0), Choice(0), Choice(1), Choice(1), Choice(0))),
        endings=(3, 2),
    )


def make_explanation(principal: str = "alice") -> Explanation:
    cycle = (
        Edge(EdgeKind.RW, 0, 1, str(ITEM), ("owner",),
             f"{principal}'s GetItem read owner '{principal}' of Items[i1] before an UpdateItem replaced it"),
        Edge(EdgeKind.WW, 1, 2, str(ITEM), ("owner",),
             f"{principal}'s DeleteItem removed the owner 'bob' that an UpdateItem had written to Items[i1]"),
    )  # fmt: skip
    return Explanation(
        anomaly="toctou",
        anomaly_title="time of check, time of use",
        source="CWE-367",
        headline=f"{principal}'s delete_item deleted Items[i1] while it belonged to bob, because the owner that it had "
        "checked was replaced before the delete.",
        edges=(
            *cycle,
            Edge(EdgeKind.PO, 0, 2, "", (), "both belong to delete_item, in this order"),
        ),
        witness=(0, 1, 2),
        cycle=cycle,
        contradiction="delete_item would have to come both before transfer, whose write it did not see, and after it, "
        "whose write it removed.",
        decision="owner of Items[i1]",
    )


def make_violation(principal: str = "alice", data: str = "draft") -> Violation:
    return Violation(
        finding=Finding(
            oracle="ownership",
            statement=f"DeleteItem for {principal} acted on Items[i1], which belonged to bob at that instant",
            requests=(0, 1),
            operations=(2,),
            closest=SerialOrder((1, 0), 1, "after transfer, delete_item would have answered 403, but it answered 204"),
        ),
        explanation=make_explanation(principal),
        execution=make_execution(principal, data),
        found_on="embedded",
        confirmed_on="moto",
        occurrences=2,
    )


def make_scenario(*violations: Violation) -> ScenarioResult:
    requests = make_execution().requests
    return ScenarioResult(
        requests=requests,
        verdict=Verdict.VIOLATED if violations else Verdict.INCONCLUSIVE,
        stop_reason=None if violations else StopReason.MAX_SCHEDULES,
        detail="" if violations else "stopped after 3 schedules of an unknown number",
        schedules=3,
        redundant=0,
        interleavings=6,
        seconds=0.0123456,
        violations=violations,
    )


def make_model(*violations: Violation, model: str = MODEL) -> ModelResult:
    scenario = make_scenario(*violations)
    return ModelResult(
        model=model,
        title="Reads the owner, then deletes.",
        verdict=scenario.verdict,
        stop_reason=scenario.stop_reason,
        detail=scenario.detail,
        covered="every multiset of 2 requests, every class of schedules",
        scenarios=(scenario,),
        seconds=0.1,
        unreached=() if violations else (("delete_item", "ValidationException: reserved keyword: owner"),),
    )


def make_run(*models: ModelResult) -> RunResult:
    return RunResult(models=models, backend="embedded", strategy="exhaustive", requests=2, seed=0, seconds=1.5)
