"""Handlers that remember something between requests are never verified in one process, whatever it guards there.

What memory leads to in one process must not be lost by leaving out steps that are known, so some models are explored twice, once
with every step run, and the same has to come out.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import UserDict
from collections.abc import Callable, MutableMapping
from functools import cache
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, StopReason, Table, Verdict, handler
from toctou.declaration.scenario import Scenario
from toctou.search.budget import Budget

# Not the resource, which converts every value on its way: with every step run, that is a third of the time.
dynamodb = boto3.client("dynamodb", region_name="us-east-1")
ConditionFailed = dynamodb.exceptions.ConditionalCheckFailedException
NOTE: dict[str, Any] = {"TableName": "Notes", "Key": {"note_id": {"S": "n1"}}}

memory: MutableMapping[str, Any] = {}


def model_of(*functions: Callable[..., Any], **attributes: Any) -> type[Model]:
    return type(
        "Remembering",
        (Model,),
        {
            "tables": (Table("Notes", "note_id"),),
            "items": {"Notes": [{"note_id": "n1", "owner": "alice", "count": 0}]},
            "principals": ("alice", "bob"),
            "setup": lambda _: memory.clear(),
            "__module__": __name__,
            **{function.__name__: handler(function) for function in functions},
            **attributes,
        },
    )


def read() -> dict[str, Any] | None:
    return dynamodb.get_item(**NOTE).get("Item")


def count_of(note: dict[str, Any]) -> int:
    return int(note["count"]["N"])


def hand_over(principal: str) -> int:
    try:
        dynamodb.update_item(
            **NOTE,
            UpdateExpression="SET #owner = :to",
            ConditionExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={
                ":caller": {"S": principal},
                ":to": {"S": "bob" if principal == "alice" else "alice"},
            },
        )
    except ConditionFailed:
        return 403
    return 200


def delete_by_cache(principal: str) -> int:
    """What was read first is believed for good."""
    if "note" not in memory:
        memory["note"] = read()
    note = memory["note"]
    if note is None:
        return 404
    if note["owner"]["S"] != principal:
        return 403
    dynamodb.delete_item(**NOTE)
    return 204


def delete_by_late_cache(principal: str) -> int:
    """Only who does not find himself the owner leaves something behind."""
    note = read()
    if note is None:
        return 404
    if memory.get("refused") and note["owner"]["S"] == principal:
        return 409
    if note["owner"]["S"] != principal:
        memory["refused"] = True
        return 403
    dynamodb.delete_item(**NOTE)
    return 204


def tells_who_called_last(principal: str) -> tuple[int, str]:
    """A global variable that should have been a local one, looked at behind the last call."""
    memory["caller"] = principal
    note = read()
    if note is not None:
        dynamodb.update_item(**NOTE, UpdateExpression="ADD #c :one", **COUNTED)
    return 200, memory["caller"]


def says_who_called_last(principal: str) -> tuple[int, str]:
    """Makes no call of its own."""
    return 200, memory.get("caller", "nobody")


COUNTED = {"ExpressionAttributeNames": {"#c": "count"}, "ExpressionAttributeValues": {":one": {"N": "1"}}}


def guarded(principal: str) -> int:
    """Refuses while another request is at it; one after the other nobody is refused."""
    if memory.get("busy"):
        return 429
    memory["busy"] = True
    try:
        note = read()
        if note is None:
            return 404
        dynamodb.put_item(TableName="Notes", Item={**note, "count": {"N": str(count_of(note) + 1)}})
        return 204
    finally:
        memory["busy"] = False


def breaks_once_two_have_met(principal: str) -> int:
    """Two that were between their calls at once leave a trap for a third."""
    memory["inside"] = memory.get("inside", 0) + 1
    note = read()
    if memory["inside"] > 1:
        memory["met"] = True
    if note is None:
        return 404
    dynamodb.update_item(**NOTE, UpdateExpression="ADD #c :one", **COUNTED)
    memory["inside"] -= 1
    return 500 if memory.get("met") and count_of(note) > 1 else 204


def first_three_only(principal: str) -> int:
    memory["calls"] = memory.get("calls", 0) + 1
    if memory["calls"] > 2:
        return 429
    dynamodb.update_item(**NOTE, UpdateExpression="ADD #c :one", **COUNTED)
    return 204


REMEMBERING = [
    (hand_over, delete_by_cache),
    (hand_over, delete_by_late_cache),
    (tells_who_called_last,),
    (guarded,),
    (breaks_once_two_have_met,),
    (first_three_only,),
    (hand_over, delete_by_cache, guarded),
    (tells_who_called_last, says_who_called_last),
]


@pytest.mark.parametrize(("strategy", "requests"), [("dpor", 2), ("exhaustive", 2), ("random", 2), ("dpor", 3)])
@pytest.mark.parametrize("functions", REMEMBERING, ids=lambda functions: "+".join(one.__name__ for one in functions))
def test_the_same_comes_out_as_with_every_step_run(
    functions: tuple[Callable[..., Any], ...], strategy: str, requests: int
):
    known = explored(model_of(*functions), strategy=strategy, requests=requests)
    assert known == with_every_step_run(functions, strategy, requests)


@cache
def with_every_step_run(functions: tuple[Callable[..., Any], ...], strategy: str, requests: int) -> object:
    return explored(model_of(*functions), strategy=strategy, requests=requests, every_step=True)


@pytest.mark.parametrize(("strategy", "requests"), [("dpor", 2), ("random", 2), ("dpor", 3)])
@pytest.mark.parametrize("at", [0, 2, 3, 7])
def test_so_it_does_if_the_memory_cannot_be_seen(
    monkeypatch: pytest.MonkeyPatch, at: int, strategy: str, requests: int
):
    """Contents of a library's objects are not looked at, so that what requests do to each other has to show."""
    monkeypatch.setattr(sys.modules[__name__], "memory", UserDict())
    model = model_of(*REMEMBERING[at])
    known = explored(model, strategy=strategy, requests=requests)
    assert known == explored(model, strategy=strategy, requests=requests, every_step=True)


def explored(model: type[Model], **options: Any) -> object:
    if options["strategy"] == "random":
        # Two requests of two steps have six interleavings, each drawn with a probability of 1/8 or more: that 100 walks, the
        # same ones in both explorations, miss one of them is less likely than 6 * (7/8) ** 100 < 1e-5.
        options["budget"] = Budget(max_schedules=100)
    result = toctou.check(model, confirm=False, isolation="memory", **options)
    return result.verdict, [
        (one.requests, one.verdict, one.stop_reason, sorted(str(each.finding.statement) for each in one.violations))
        for one in result.scenarios
    ]


def test_what_is_never_reset_is_named():
    """The cache outlives the schedule, so that the same schedule gives two histories."""
    memory.clear()
    result = toctou.check(model_of(hand_over, delete_by_cache, setup=lambda _: None), requests=2, isolation="memory")
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SHARED_MEMORY)
    assert "the same schedule gave two histories" in result.detail
    assert f"`{__name__}.memory`" in result.detail


busy = threading.Lock()
inflight: set[str] = set()


class Server:
    busy = False


def add_one() -> int:
    """The race that the handlers below guard within one process."""
    note = dynamodb.get_item(**NOTE, ConsistentRead=True)["Item"]
    dynamodb.put_item(TableName="Notes", Item={**note, "count": {"N": str(count_of(note) + 1)}})
    return 204


def by_dictionary(principal: str) -> int:
    if memory.get("busy"):
        return 409
    memory["busy"] = True
    try:
        return add_one()
    finally:
        del memory["busy"]


def by_set(principal: str) -> int:
    if "n1" in inflight:
        return 409
    inflight.add("n1")
    try:
        return add_one()
    finally:
        inflight.clear()


def by_lock(principal: str) -> int:
    if not busy.acquire(blocking=False):
        return 409
    try:
        return add_one()
    finally:
        busy.release()


def by_class_attribute(principal: str) -> int:
    if Server.busy:
        return 409
    Server.busy = True
    try:
        return add_one()
    finally:
        Server.busy = False


def by_environment(principal: str) -> int:
    if os.environ.get("NOTE_BUSY"):
        return 409
    os.environ["NOTE_BUSY"] = "1"
    try:
        return add_one()
    finally:
        del os.environ["NOTE_BUSY"]


GUARDS = {
    by_dictionary: f"`{__name__}.memory`",
    by_set: f"`{__name__}.inflight`",
    by_lock: f"`{__name__}.busy`",
    by_class_attribute: f"`{__name__}.Server.busy`",
    by_environment: "`os.environ`",
}
HOW = [
    {},
    {"every_step": True},
    {"strategy": "exhaustive"},
    {"strategy": "exhaustive", "every_step": True, "symmetry": False},
    {"reads": 2},
    {"backend": "moto"},
]


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_what_guards_one_process_only_is_no_guard(guard: Callable[..., Any], how: dict[str, Any]):
    """Whatever the model resets, and however it is explored."""
    result = toctou.check(model_of(guard), confirm=False, isolation="memory", **how)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SHARED_MEMORY)
    assert GUARDS[guard] in result.detail
    assert {one.verdict for one in result.scenarios if len(one.requests) == 1} == {Verdict.VERIFIED}
    assert "every step run from then on" in result.covered


def first_three_of_their_own(principal: str) -> int:
    memory["calls"] = memory.get("calls", 0) + 1
    if memory["calls"] > 3:
        return 429
    dynamodb.put_item(TableName="Notes", Item={"note_id": {"S": principal}})
    return 204


def and_further(principal: str) -> int:
    return first_three_of_their_own(principal)


def test_what_is_left_by_the_only_schedule_that_there_is_to_run():
    """Nobody gets to the fourth request that would show it."""
    one_of_each = classmethod(lambda cls, size: [Scenario(tuple(cls.requests()[::3]))])
    model = model_of(first_three_of_their_own, and_further, scenarios=one_of_each)
    result = toctou.check(model, confirm=False, isolation="memory")
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SHARED_MEMORY)
    assert f"`{__name__}.memory`" in result.detail
    assert [one.schedules for one in result.scenarios] == [1]


def looks_up_once(principal: str) -> int:
    """Where the first request finds out by a call, the same schedule cannot be run a second time."""
    if "settings" not in memory:
        memory["settings"] = read()
    dynamodb.put_item(TableName="Notes", Item={"note_id": {"S": principal}})
    return 204


def and_again(principal: str) -> int:
    return looks_up_once(principal)


class AlwaysDone:
    """With a reference, requests are not run one after the other."""

    def state_of(self, items: Any) -> Any:
        return None

    def step(self, state: Any, request: Any) -> Any:
        return None, 204


def test_a_schedule_that_cannot_be_run_again_is_a_doubt():
    memory.clear()
    one_of_each = classmethod(lambda cls, size: [Scenario(tuple(cls.requests()[::3]))])
    of_one = {"scenarios": one_of_each, "setup": lambda _: None, "reference": AlwaysDone()}
    result = toctou.check(model_of(looks_up_once, and_again, **of_one), confirm=False, isolation="memory")
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SHARED_MEMORY)
    assert f"`{__name__}.memory`" in result.detail


def test_what_a_first_request_makes_is_no_doubt():
    """Such as settings that are read once."""
    settings: dict[str, str] = {}

    def serve(principal: str) -> int:
        settings.setdefault("table", "Notes")
        dynamodb.update_item(**NOTE, UpdateExpression="ADD #c :one", **COUNTED)
        return 204

    assert toctou.check(model_of(serve, setup=lambda _: None), confirm=False).verdict is Verdict.VERIFIED


def test_memory_that_nobody_reads_is_a_doubt_all_the_same():
    calls: list[str] = []

    def serve(principal: str) -> int:
        calls.append(principal)
        dynamodb.update_item(**NOTE, UpdateExpression="ADD #c :one", **COUNTED)
        return 204

    result = toctou.check(model_of(serve), confirm=False, isolation="memory")
    assert result.stop_reason is StopReason.SHARED_MEMORY
    assert "`serve`" in result.detail


def marked(principal: str) -> int:
    """Refuses while another request is between its first call and its last: the mark is gone when all have ended."""
    dynamodb.update_item(
        **NOTE,
        UpdateExpression="ADD #count :one",
        ExpressionAttributeNames={"#count": "count"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    if "marked" in memory:
        return 409
    memory["marked"] = True
    try:
        dynamodb.update_item(
            **NOTE,
            UpdateExpression="SET #owner = :to",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":to": {"S": principal}},
        )
        dynamodb.delete_item(TableName="Notes", Key={"note_id": {"S": "n2"}})
    finally:
        memory.pop("marked", None)
    return 200


@pytest.mark.parametrize("strategy", ["dpor", "exhaustive"])
def test_a_mark_that_shortens_other_requests_is_a_doubt_and_no_fault_of_ours(strategy):
    """Under ``dpor`` a wakeup tree asks for a step of a request that has ended."""
    result = toctou.check(model_of(marked, principals=("alice",)), strategy=strategy, isolation="memory")
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SHARED_MEMORY)
    assert "requests share memory of their process" in result.detail
