"""A handler that the checker cannot control ends in INCONCLUSIVE with the reason and the place, never in a pass or a hang."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, StopReason, Table, Verdict, handler, invariant
from toctou.errors import ModelError
from toctou.scheduling.runner import Limits
from toctou.search.budget import Budget

dynamodb = boto3.resource("dynamodb", region_name="us-east-1")
notes = dynamodb.Table("Notes")
s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")

QUICK = Limits(operations=6, seconds=1.0)
"""A call to DynamoDB must not take that long, even the first one on a busy machine."""


def model_of(*functions: Callable[..., Any], **attributes: Any) -> type[Model]:
    """A model whose handlers are these functions."""
    return type(
        "Example",
        (Model,),
        {
            "tables": (Table("Notes", "note_id"),),
            "items": {"Notes": [{"note_id": "n1", "text": "first", "count": 0}]},
            "principals": ("alice",),
            "__module__": __name__,
            **{function.__name__: handler(function) for function in functions},
            **attributes,
        },
    )


def read() -> dict[str, Any]:
    return notes.get_item(Key={"note_id": "n1"})["Item"]


def write(**attributes: Any) -> int:
    notes.put_item(Item={"note_id": "n1", **attributes})
    return 204


def endless_loop(principal: str) -> int:
    read()
    while True:
        pass


def endless_retry(principal: str) -> int:
    while read()["text"] == "first":
        pass
    return write(text="second")


lock = threading.Lock()


def lock_across_operations(principal: str) -> int:
    with lock:
        return write(text=read()["text"] + "!")


def swallowing(principal: str) -> int:
    while True:
        try:
            read()
        except BaseException:
            write(text="again")


def thread(principal: str) -> int:
    started = threading.Thread(target=write, kwargs={"text": "threaded"})
    started.start()
    started.join()
    return 204


def connection(principal: str) -> int:
    read()
    with socket.socket() as connected:
        connected.connect(("127.0.0.1", 9))
    return write(text="connected")


def file(principal: str) -> int:
    with open("audit.log", "a") as log:
        log.write("x")
    return write(text="logged")


def another_service(principal: str) -> int:
    s3.put_object(Bucket="notes", Key="n1", Body=b"text")
    return write(text="copied")


def unknown_action(principal: str) -> int:
    dynamodb.meta.client.restore_table_to_point_in_time(SourceTableName="Notes", TargetTableName="Old")
    return write(text="restored")


@pytest.mark.parametrize(
    ("function", "reason", "named"),
    [
        (endless_loop, StopReason.SILENT_HANDLER, "in endless_loop"),
        (endless_retry, StopReason.OPERATION_LIMIT, "6 operations and asks for another GetItem"),
        (lock_across_operations, StopReason.SILENT_HANDLER, "in lock_across_operations"),
        (swallowing, StopReason.OPERATION_LIMIT, "6 operations"),
        (connection, StopReason.OUTSIDE_CONTROL, "a socket to ('127.0.0.1', 9)"),
        (file, StopReason.OUTSIDE_CONTROL, "the file 'audit.log' (for writing)"),
        (another_service, StopReason.OUTSIDE_CONTROL, "PutObject of the AWS service 's3'"),
        (unknown_action, StopReason.UNSUPPORTED_ACTION, "RestoreTableToPointInTime"),
        pytest.param(
            thread,
            StopReason.OUTSIDE_CONTROL,
            "thread",
            marks=pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_reason_is_named(tmp_path, monkeypatch, function, reason, named):
    monkeypatch.chdir(tmp_path)
    begun = time.perf_counter()
    result = toctou.check(model_of(function), limits=QUICK, isolation="memory")
    assert time.perf_counter() - begun < 30
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, reason)
    assert named in result.detail
    assert "remedy" in result.detail
    assert list(tmp_path.iterdir()) == []


ticks = itertools.count()


def counting(principal: str) -> int:
    """A global counter: what it writes depends on how often it has been called."""
    read()
    return write(text=f"call {next(ticks)}")


def counting_steps(principal: str) -> int:
    """How many operations it performs depends on how often it has been called."""
    for _ in range(1 + next(ticks) % 2):
        read()
    return write(text="done")


def counting_answers(principal: str) -> tuple[int, int]:
    write(text="done")
    return 200, next(ticks)


@pytest.mark.parametrize(
    ("function", "requests"), [(counting, 1), (counting, 2), (counting_steps, 2), (counting_answers, 1)]
)
def test_a_handler_that_depends_on_the_past_is_shown_with_both_observations(function, requests):
    result = toctou.check(model_of(function), requests=requests, isolation="memory")
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SHARED_MEMORY)
    assert "the same schedule gave two histories" in result.detail
    first, second = result.detail.split("second", 1)
    if function is counting:
        assert "call" in first
        assert "call" in second
    assert not any(one.violations for one in result.scenarios), "what does not come out again is no finding"


def test_what_setup_resets_is_not_the_past():
    calls: list[str] = []

    def remembering(principal: str) -> tuple[int, int]:
        calls.append(principal)
        write(text="done")
        return 200, len(calls)

    result = toctou.check(model_of(remembering, setup=lambda _: calls.clear()), requests=1)
    assert result.verdict is Verdict.VERIFIED


def draws(principal: str) -> tuple[int, float]:
    """Random numbers, identifiers and times, none of which make it nondeterministic."""
    number = random.random()
    read()
    write(text=str(uuid.uuid4()), at=str(time.time()), number=str(random.random()))
    return 200, number


def test_numbers_identifiers_and_time_are_controlled():
    state = random.getstate()
    result = toctou.check(model_of(draws), requests=1)
    assert result.verdict is Verdict.VERIFIED
    assert random.getstate() == state


def decides_by_the_clock_if_second(principal: str) -> int:
    """The clock of request A is even, that of B is odd; alone, neither asks for the time."""
    if read()["count"] == 0:
        return write(count=1)
    if time.time() % 2 < 1:
        raise RuntimeError("too late")
    return 204


def decides_by_numbers_if_second(principal: str) -> int:
    if read()["count"] == 0:
        return write(count=1)
    numbers.add(uuid.uuid4().int)
    return 204


numbers: set[int] = set()


def test_equal_requests_with_clocks_of_their_own_are_not_interchangeable():
    """Only A is at fault, and only if it comes second: as the mirror image of B coming second it would not be run."""
    result = toctou.check(model_of(decides_by_the_clock_if_second))
    assert result.verdict is Verdict.VIOLATED
    assert {finding.requests for finding in (one.finding for one in result.violations)} == {(0,)}


def test_equal_requests_with_numbers_of_their_own_are_not_interchangeable():
    numbers.clear()
    toctou.check(model_of(decides_by_numbers_if_second))
    assert len(numbers) == 2, "each of the two has come second"


def draws_and_loses(principal: str) -> int:
    """A lost update beside random numbers: its counterexample must be replayed elsewhere with the same ones."""
    item = read()
    return write(count=item["count"] + 1, text=f"{random.random():.12f}")


class Counts:
    def state_of(self, items: Any) -> int:
        return items["Notes"][0]["count"]

    def step(self, state: int, request: Any) -> tuple[int, int]:
        return state + 1, 204


def test_a_counterexample_with_random_numbers_is_confirmed():
    result = toctou.check(model_of(draws_and_loses, reference=Counts()))
    assert result.verdict is Verdict.VIOLATED
    (violation,) = result.violations
    assert violation.confirmed_on == "moto", violation.difference


def test_a_budget_names_what_was_covered():
    result = toctou.check(model_of(draws_and_loses, reference=None), budget=Budget(max_schedules=1))
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.MAX_SCHEDULES)
    assert "1 schedule;" in result.detail


def test_random_walks_never_verify():
    model = model_of(draws)
    result = toctou.check(model, requests=1, strategy="random", budget=Budget(max_schedules=5))
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.MAX_SCHEDULES)


def raises(principal: str) -> int:
    read()
    raise LookupError("no such note")


def test_an_exception_is_a_finding_with_its_line():
    result = toctou.check(model_of(raises), requests=1)
    (violation,) = result.violations
    assert result.verdict is Verdict.VIOLATED
    assert "LookupError" in violation.finding.statement
    source = violation.execution.responses[0].exception.source
    assert source.text == 'raise LookupError("no such note")'


class Odd(BaseException):
    """As ``asyncio.CancelledError`` is: not an ``Exception``."""


def raises_oddly(principal: str) -> int:
    read()
    raise Odd("cancelled")


def test_an_exception_that_is_not_an_exception_is_a_finding_too():
    result = toctou.check(model_of(raises_oddly), requests=1)
    (violation,) = result.violations
    assert "Odd" in violation.finding.statement


def test_an_invariant_of_each_step_sees_every_order_of_two_writes():
    """Two writes that commute pass through other states in each order."""

    def first(principal: str) -> int:
        notes.put_item(Item={"note_id": "n2"})
        return 204

    def second(principal: str) -> int:
        notes.put_item(Item={"note_id": "n3"})
        return 204

    @invariant(at="every_step")
    def in_order(self: Model, items: Any) -> bool:
        present = {item["note_id"] for item in items["Notes"]}
        return "n3" not in present or "n2" in present

    for functions in ((first, second), (second, first)):
        result = toctou.check(model_of(*functions, in_order=in_order), requests=2)
        assert any(len(one.requests) == 2 and one.violations for one in result.scenarios)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"items": {"Notes": [{"note_id": "n1", "price": 0.5}]}}, "0.5 of type float has no DynamoDB type"),
        ({"items": {"Notes": ["n1"]}}, "declares the item 'n1'"),
        ({"items": {"Notes": [{"text": "no key"}]}}, "lacks 'note_id', which is a key of the table"),
        ({"items": {"Other": [{"note_id": "n1"}]}}, "Other"),
        ({"tables": (Table("Notes", "note_id", "position:N"),)}, "lacks 'position', which is a key of the table"),
        ({"setup": lambda self: 1 / 0}, "cannot be set up: ZeroDivisionError"),
        ({"__init__": lambda self, name: None}, "cannot be made without arguments"),
    ],
    ids=["float", "no mapping", "no key", "no table", "no sort key", "setup", "arguments"],
)
def test_a_model_that_contradicts_itself_is_bad_input(attributes, said):
    with pytest.raises(ModelError, match=said) as bad:
        toctou.check(model_of(draws, **attributes))
    assert bad.value.exit_status == 2


def test_another_service_that_setup_calls_is_not_under_control():
    result = toctou.check(model_of(draws, setup=lambda self: another_service("alice")))
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL)
    assert "PutObject of the AWS service 's3'" in result.detail
