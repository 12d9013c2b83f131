"""Requests in processes of their own: what memory guards is found, and what only shared memory would break is not.

Each handler is explored as production runs it, with a memory for each request.  Nothing else differs from one process for all:
counts, histories, findings, and what is refused are the same.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from test_memory_between_requests import (
    NOTE,
    add_one,
    by_class_attribute,
    by_dictionary,
    by_environment,
    by_lock,
    by_set,
    count_of,
    delete_by_cache,
    hand_over,
    looks_up_once,
    memory,
    model_of,
)

import toctou
from toctou import Model, StopReason, Verdict
from toctou.scheduling.runner import Limits
from toctou.search.budget import Budget
from toctou.search.result import ModelResult

dynamodb = boto3.client("dynamodb", region_name="us-east-1")
ADD_ONE = {
    "UpdateExpression": "ADD #c :one",
    "ExpressionAttributeNames": {"#c": "count"},
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}
QUICK = Limits(seconds=2.0)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    memory.clear()
    yield
    memory.clear()


def put(**attributes: dict[str, str]) -> None:
    dynamodb.put_item(TableName="Notes", Item={"note_id": {"S": "n1"}, **attributes})


def found(result: ModelResult) -> object:
    """What a result says of handlers; not how long it took, nor where requests ran."""
    return result.verdict, [
        (
            [str(request) for request in one.requests],
            one.verdict,
            one.schedules,
            one.redundant,
            sorted(
                (each.finding.oracle, each.finding.statement, str(each.execution.schedule)) for each in one.violations
            ),
        )
        for one in result.scenarios
    ]


def isolated(result: ModelResult) -> bool:
    return all(one.isolated for one in result.scenarios)


# What guards one process against itself.

busy = threading.Lock()
of_loop = asyncio.Lock()
of_thread = threading.local()
condition = threading.Condition(threading.Lock())
places = threading.BoundedSemaphore(1)


def by_lock_across_calls(principal: str) -> int:
    """In one process the second request would never get it."""
    with busy:
        return add_one()


def by_condition(principal: str) -> int:
    with condition:
        return add_one()


def by_semaphore(principal: str) -> int:
    if not places.acquire(blocking=False):
        return 409
    try:
        return add_one()
    finally:
        places.release()


async def by_asyncio_lock(principal: str) -> int:
    async with of_loop:
        return add_one()


async def refuses_by_asyncio_lock(principal: str) -> int:
    if of_loop.locked():
        return 409
    async with of_loop:
        return add_one()


def by_thread_local(principal: str) -> int:
    if getattr(of_thread, "busy", False):
        return 409
    of_thread.busy = True
    try:
        return add_one()
    finally:
        of_thread.busy = False


@cache
def first_of(text: str) -> list[str]:
    return []


def unless_others_call(principal: str, callers: list[str]) -> int:
    if callers:
        return 409
    callers.append(principal)
    try:
        return add_one()
    finally:
        callers.clear()


def by_cache(principal: str) -> int:
    """Who has not made the list that the cache keeps was not the first."""
    return unless_others_call(principal, first_of("n1"))


def by_default(principal: str, callers: list[str] = []) -> int:  # noqa: B006 - which is the point
    return unless_others_call(principal, callers)


def unguarded(principal: str) -> int:
    return add_one()


GUARDS = (
    by_dictionary,
    by_set,
    by_lock,
    by_class_attribute,
    by_environment,
    by_lock_across_calls,
    by_condition,
    by_semaphore,
    by_asyncio_lock,
    refuses_by_asyncio_lock,
    by_thread_local,
    by_cache,
    by_default,
)


def named(function: Any) -> str:
    return str(getattr(function, "__name__", function))


def guarded_as(function: Callable[..., Any]) -> type[Model]:
    """All under one name, so that what is found of them is the same."""

    async def coroutine(principal: str) -> Any:
        return await function(principal)

    def plain(principal: str) -> Any:
        return function(principal)

    chosen: Callable[..., Any] = coroutine if asyncio.iscoroutinefunction(function) else plain
    chosen.__name__ = "serve"
    return model_of(chosen)


def weaknesses(result: ModelResult) -> object:
    return result.verdict, [
        (
            [str(request) for request in one.requests],
            one.verdict,
            sorted((each.finding.oracle, each.finding.statement) for each in one.violations),
        )
        for one in result.scenarios
    ]


@pytest.fixture(scope="module")
def without_a_guard() -> ModelResult:
    return toctou.check(guarded_as(unguarded), isolation="memory", confirm=False)


@pytest.mark.parametrize("guard", GUARDS, ids=named)
def test_what_guards_one_process_guards_nothing(guard: Callable[..., Any], without_a_guard: ModelResult):
    model = guarded_as(guard)
    auto = toctou.check(model, limits=QUICK)
    processes = toctou.check(model, isolation="processes", confirm=False)
    assert processes.verdict is Verdict.VIOLATED
    assert weaknesses(auto) == weaknesses(processes) == weaknesses(without_a_guard)
    assert isolated(auto)
    assert isolated(processes)
    assert all(each.confirmed_on == "moto" for one in auto.scenarios for each in one.violations)
    said = [remark for one in auto.scenarios for remark in one.remarks]
    assert all("in a process of its own" in remark for remark in said)
    assert len(said) == len(auto.scenarios)
    if guard in (by_lock_across_calls, by_condition):
        assert all("in one process a request could not go on" in remark for remark in said)
        assert all(", at tests/litmus/test_isolation_of_requests.py:" in remark for remark in said)
    assert not any(one.remarks for one in processes.scenarios)


@pytest.mark.parametrize(
    "how", [{"every_step": True}, {"strategy": "exhaustive"}, {"reads": 2}, {"backend": "moto"}], ids=str
)
@pytest.mark.parametrize("guard", [by_dictionary, by_lock_across_calls], ids=named)
def test_however_it_is_explored(guard: Callable[..., Any], how: dict[str, Any]):
    auto = toctou.check(model_of(guard), limits=QUICK, confirm=False, **how)
    processes = toctou.check(model_of(guard), isolation="processes", confirm=False, **how)
    assert found(auto) == found(processes)
    assert processes.verdict is Verdict.VIOLATED


# What shared memory alone would break.


def adds(principal: str) -> int:
    dynamodb.update_item(**NOTE, **ADD_ONE)
    return 204


def global_that_should_be_local(principal: str) -> int:
    """In one process another request answers for this one."""
    memory["caller"] = principal
    adds(principal)
    return 204 if memory["caller"] == principal else 500


def trap_for_those_who_meet(principal: str) -> int:
    memory["inside"] = memory.get("inside", 0) + 1
    adds(principal)
    met = memory["inside"] > 1
    memory["inside"] -= 1
    return 500 if met else 204


def first_call_only(principal: str) -> int:
    """A cache that the first request fills before it has done what the others rely on."""
    if "made" in memory:
        note = dynamodb.get_item(**NOTE)["Item"]
        return 204 if "made" in note else 500
    memory["made"] = True
    dynamodb.update_item(**NOTE, UpdateExpression="SET made = :yes", ExpressionAttributeValues={":yes": {"BOOL": True}})
    return 204


def counts_its_process(principal: str) -> int:
    """Worn out after two requests."""
    memory["calls"] = memory.get("calls", 0) + 1
    adds(principal)
    return 429 if memory["calls"] > 1 else 204


@pytest.mark.parametrize(
    "function",
    [global_that_should_be_local, trap_for_those_who_meet, first_call_only, counts_its_process],
    ids=named,
)
def test_what_only_shared_memory_breaks_holds(function: Callable[..., Any]):
    in_memory = toctou.check(model_of(function), isolation="memory", confirm=False)
    assert in_memory.verdict is not Verdict.VERIFIED
    for how in ("auto", "processes"):
        result = toctou.check(model_of(function), isolation=how, requests=3, confirm=False)
        assert result.verdict is Verdict.VERIFIED, (how, result.detail)
        assert isolated(result)


def test_a_cache_is_one_of_each_process():
    """What another request has looked up is not known here: each looks up for itself, and acts on that."""
    auto = toctou.check(model_of(hand_over, delete_by_cache, setup=lambda _: None), confirm=False)
    memory.clear()
    processes = toctou.check(model_of(hand_over, delete_by_cache, setup=lambda _: None), isolation="processes")
    assert processes.verdict is Verdict.VIOLATED
    assert weaknesses(auto) == weaknesses(processes)
    for one in processes.scenarios:
        for each in one.violations:
            for at, request in enumerate(each.execution.requests):
                if request.handler == "delete_by_cache":
                    assert each.execution.operations[each.execution.of_request(at)[0]].action == "GetItem"
            assert each.confirmed_on == "moto"


def test_what_was_cached_before_the_run_is_cached_in_every_process():
    """Such as what importing the application has looked up."""
    memory["settings"] = {"made": "at import"}
    result = toctou.check(
        model_of(looks_up_once, setup=lambda _: None), isolation="processes", strategy="exhaustive", confirm=False
    )
    assert {one.longest for one in result.scenarios} == {1, 2}, "nobody looks anything up"


def test_what_setup_makes_is_there_in_every_process():
    def setup(_: Model) -> None:
        memory["settings"] = {"made": "by setup"}

    result = toctou.check(
        model_of(looks_up_once, setup=setup), isolation="processes", strategy="exhaustive", confirm=False
    )
    assert {one.longest for one in result.scenarios} == {1, 2}
    assert isolated(result)


# What is the same as in one process.


def reads_and_writes(principal: str) -> int:
    return add_one()


def conditional(principal: str) -> int:
    note = dynamodb.get_item(**NOTE, ConsistentRead=True)["Item"]
    try:
        dynamodb.put_item(
            TableName="Notes",
            Item={**note, "count": {"N": str(count_of(note) + 1)}},
            ConditionExpression="#c = :before",
            ExpressionAttributeNames={"#c": "count"},
            ExpressionAttributeValues={":before": note["count"]},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return 409
    return 204


def weakly(principal: str) -> int:
    note = dynamodb.get_item(**NOTE)["Item"]
    put(owner=note["owner"], count=note["count"], by={"S": principal})
    return 204


async def concurrently(principal: str) -> int:
    await asyncio.sleep(0.5)
    note = await asyncio.to_thread(lambda: 7)
    put(owner={"S": principal}, count={"N": str(note)})
    return 204


async def awaits(principal: str) -> int:
    await asyncio.sleep(0.5)
    return add_one()


def raises(principal: str) -> int:
    note = dynamodb.get_item(**NOTE)["Item"]
    put(owner={"S": "carol"}, count=note["count"])
    if note["owner"]["S"] == "carol":
        raise LookupError(f"{principal} is not the owner")
    return 204


def by_time(principal: str) -> tuple[int, str]:
    """All that is controlled, and told in the response."""
    begun = time.time()
    note = dynamodb.get_item(**NOTE, ConsistentRead=True)["Item"]
    time.sleep(1.5)
    drawn = [random.random(), random.randint(1, 6), int.from_bytes(os.urandom(4), "big")]
    put(
        owner=note["owner"],
        count={"N": str(count_of(note) + 1)},
        key={"S": str(uuid.uuid4())},
        at={"S": str(datetime.now())},
    )
    return 200, f"{drawn} {begun} {time.time() - begun} {time.monotonic()} {time.perf_counter()} {uuid.uuid4()}"


HOLD = (conditional, weakly, concurrently)
FAIL = (reads_and_writes, awaits, raises, by_time)


@pytest.mark.parametrize(
    "how",
    [
        {"strategy": "dpor"},
        {"strategy": "dpor", "requests": 3},
        {"strategy": "dpor", "every_step": True},
        {"strategy": "exhaustive"},
        {"strategy": "random", "budget": Budget(max_schedules=40), "seed": 3},
        {"reads": 2},
        {"backend": "moto"},
    ],
    ids=str,
)
@pytest.mark.parametrize("function", [*HOLD, *FAIL], ids=named)
def test_counts_and_findings_are_those_of_one_process(function: Callable[..., Any], how: dict[str, Any]):
    in_memory = toctou.check(model_of(function), isolation="memory", confirm=False, **how)
    in_processes = toctou.check(model_of(function), isolation="processes", confirm=False, **how)
    assert found(in_memory) == found(in_processes)
    assert (in_memory.verdict is Verdict.VIOLATED) == (function in FAIL)
    assert in_memory.stop_reason in (None, StopReason.MAX_SCHEDULES), in_memory.detail
    assert isolated(in_processes)
    assert not any(one.isolated for one in in_memory.scenarios)


def histories(model: type[Model], isolation: str) -> Sequence[object]:
    result = toctou.check(model, isolation=isolation)
    return [
        (
            each.execution.operations,
            [(call.source, call.slept, call.reads_clock, call.footprint) for call in each.execution.operations],
            each.execution.responses,
            each.execution.final,
            str(each.execution.schedule),
            each.explanation,
            each.confirmed_on,
        )
        for one in result.scenarios
        for each in one.violations
    ]


@pytest.mark.parametrize("function", [reads_and_writes, raises, by_time, awaits], ids=named)
def test_counterexamples_are_those_of_one_process(function: Callable[..., Any]):
    """With lines of source, clocks, random numbers, accessed attributes, and the explanation that rests on them."""
    in_memory = histories(model_of(function), "memory")
    assert in_memory
    assert histories(model_of(function), "processes") == in_memory


def test_what_handlers_access_in_results_is_tracked():
    result = toctou.check(model_of(reads_and_writes), isolation="processes")
    violations = [each for one in result.scenarios for each in one.violations]
    accessed = [call.accessed for each in violations for call in each.execution.operations if call.action == "GetItem"]
    assert accessed
    assert all(accessed)


def test_lines_of_source_are_those_of_the_handler():
    result = toctou.check(model_of(raises), isolation="processes")
    calls = [call for one in result.scenarios for each in one.violations for call in each.execution.operations]
    assert {Path(call.source.file).name for call in calls if call.source} == {Path(__file__).name}
    answers = [answer for one in result.scenarios for each in one.violations for answer in each.execution.responses]
    assert any("LookupError" in str(answer) for answer in answers)


def test_what_handlers_print_is_kept_for_reports_and_nothing_else_is_printed_twice(capfd: pytest.CaptureFixture[str]):
    def says(principal: str) -> int:
        print("said by a handler", flush=True)
        sys.stderr.write("complained of by a handler\n")
        note = dynamodb.get_item(**NOTE, ConsistentRead=True)["Item"]
        print("read by a handler")
        dynamodb.put_item(TableName="Notes", Item={**note, "count": {"N": str(int(note["count"]["N"]) + 1)}})
        return 204

    kept = []
    for isolation in ("memory", "processes"):
        print("begun", end="")  # still in a buffer when processes are forked
        result = toctou.check(model_of(says), isolation=isolation, every_step=True, confirm=False)
        out, err = capfd.readouterr()
        assert (out, err) == ("begun", "")
        kept.append([each.execution.output for one in result.scenarios for each in one.violations])
    in_memory, in_processes = kept
    assert in_memory == in_processes
    pieces = [
        (0, "stdout", "said by a handler\n"),
        (0, "stderr", "complained of by a handler\n"),
        (1, "stdout", "read by a handler\n"),
    ]
    assert in_memory
    assert all(output == tuple((request, *one) for request in (0, 1) for one in pieces) for output in in_memory)


def test_a_file_is_read_in_every_process(tmp_path: Path):
    path = tmp_path / "limit.txt"
    path.write_text("1")

    def limited(principal: str) -> int:
        note = dynamodb.get_item(**NOTE, ConsistentRead=True)["Item"]
        if count_of(note) >= int(path.read_text()):
            return 409
        dynamodb.update_item(**NOTE, **ADD_ONE)
        return 204

    result = toctou.check(model_of(limited), isolation="processes", confirm=False)
    in_memory = toctou.check(model_of(limited), isolation="memory", confirm=False)
    assert found(result) == found(in_memory)
    assert result.verdict is Verdict.VIOLATED, "two requests pass a limit of one"


def test_a_file_that_changes_is_a_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "limit.txt"
    path.write_text("3")

    def limited(principal: str) -> int:
        dynamodb.update_item(**NOTE, **ADD_ONE)
        return 204 if path.read_text() else 409

    model = model_of(limited)
    owns = model.owns

    def changes_it(self: Model, principal: str, item: Any) -> bool:
        path.write_text("4")
        return owns(self, principal, item)

    monkeypatch.setattr(model, "owns", changes_it)
    result = toctou.check(model, isolation="processes", confirm=False)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL)
    assert "limit.txt" in result.detail


def connects(principal: str) -> int:
    with socket.socket() as connection:
        connection.connect(("127.0.0.1", 9))
    return 204


def writes_a_file(principal: str) -> int:
    with open("audit.log", "a") as log:
        log.write(principal)
    return 204


def another_service(principal: str) -> int:
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="b", Key="k", Body=b"")
    return 204


def endless_retry(principal: str) -> int:
    while True:
        adds(principal)


@pytest.mark.parametrize(
    ("function", "reason", "says"),
    [
        (connects, StopReason.OUTSIDE_CONTROL, "a socket to ('127.0.0.1', 9)"),
        (writes_a_file, StopReason.OUTSIDE_CONTROL, "the file 'audit.log' (for writing)"),
        (another_service, StopReason.OUTSIDE_CONTROL, "PutObject of the AWS service 's3'"),
        (endless_retry, StopReason.OPERATION_LIMIT, "asks for another UpdateItem"),
    ],
    ids=named,
)
def test_what_is_refused_is_what_one_process_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], reason: StopReason, says: str
):
    monkeypatch.chdir(tmp_path)
    limits = Limits(operations=5)
    in_processes = toctou.check(model_of(function), isolation="processes", limits=limits, confirm=False)
    in_memory = toctou.check(model_of(function), isolation="memory", limits=limits, confirm=False)
    assert (in_processes.verdict, in_processes.stop_reason) == (Verdict.INCONCLUSIVE, reason)
    assert says in in_processes.detail
    assert in_processes.detail == in_memory.detail
    assert not (tmp_path / "audit.log").exists()


def test_nothing_that_requests_do_in_memory_is_left_here():
    toctou.check(model_of(counts_its_process, setup=lambda _: None), isolation="processes", confirm=False)
    assert not memory


def test_a_model_says_where_its_requests_run():
    declared = model_of(adds, isolation="processes")
    assert isolated(toctou.check(declared, confirm=False))
    overruled = toctou.check(declared, isolation="memory", confirm=False)
    assert not any(one.isolated for one in overruled.scenarios)
    guarded_and_declared = model_of(by_dictionary, isolation="memory")
    result = toctou.check(guarded_and_declared, confirm=False)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SHARED_MEMORY)


def test_who_shares_nothing_stays_in_one_process():
    result = toctou.check(model_of(adds), confirm=False)
    assert result.verdict is Verdict.VERIFIED
    assert not any(one.isolated or one.remarks for one in result.scenarios)
