"""Handlers that store times and identifiers: verified if they are correct, and violated without their condition."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, Table, Verdict, handler
from toctou.errors import ModelError

table = boto3.resource("dynamodb", region_name="us-east-1").Table("Counters")
ConditionFailed = table.meta.client.exceptions.ConditionalCheckFailedException


def read() -> dict[str, Any]:
    return dict(table.get_item(Key={"id": "c"}, ConsistentRead=True)["Item"])


def iso() -> str:
    return datetime.now(UTC).isoformat()


STAMPS: dict[str, Callable[[], Any]] = {
    "iso": iso,
    "seconds": lambda: int(time.time()),
    "milliseconds": lambda: int(time.time() * 1000),
    "uuid4": lambda: str(uuid.uuid4()),
    "uuid1": lambda: str(uuid.uuid1()),
    "in_a_map": lambda: {"at": iso(), "by": "us"},
    "in_a_text": lambda: f"saved at {iso()}",
    "in_json": lambda: f'{{"at": "{iso()}"}}',
    "expires": lambda: int(time.time()) + 3600,
}


def incrementing(stamp: Callable[[], Any], *, guarded: bool = True, tells: bool = False) -> Callable[[str], Any]:
    def increment(principal: str) -> Any:
        for _ in range(3):
            item = read()
            written = stamp()
            changed = {**item, "n": item["n"] + 1, "written": written}
            condition = {"ConditionExpression": "n = :n", "ExpressionAttributeValues": {":n": item["n"]}}
            try:
                table.put_item(Item=changed, **(condition if guarded else {}))
            except ConditionFailed:
                continue
            return (200, {"n": int(changed["n"]), "written": written}) if tells else 200
        return 409

    return increment


def verdict(*functions: Callable[..., Any], requests: int = 2, **attributes: Any) -> Any:
    model = type(
        "Stamped",
        (Model,),
        {
            "tables": [Table("Counters", "id")],
            "items": {"Counters": [{"id": "c", "n": 0, "written": "never"}]},
            "principals": ["alice"],
            "__module__": __name__,
            **{function.__name__: handler(function) for function in functions},
            **attributes,
        },
    )
    return toctou.check(model, requests=requests, confirm=False)


@pytest.mark.parametrize("tells", [False, True])
@pytest.mark.parametrize("stamp", STAMPS)
def test_a_correct_handler_that_stores_what_varies_is_verified(stamp: str, tells: bool):
    result = verdict(incrementing(STAMPS[stamp], tells=tells))
    assert result.verdict is Verdict.VERIFIED, [one.finding.statement for one in result.violations]
    if stamp not in {"seconds", "expires"}:  # the clock of a request takes a second to the next one
        assert any("Counters.written varies" in remark for remark in result.remarks)


@pytest.mark.parametrize("stamp", STAMPS)
def test_without_its_condition_it_is_violated(stamp: str):
    result = verdict(incrementing(STAMPS[stamp], guarded=False))
    assert result.verdict is Verdict.VIOLATED
    assert {one.explanation.anomaly for one in result.violations} == {"lost_update"}
    (closest,) = {one.finding.closest.contradiction for one in result.violations if one.finding.closest}
    assert "written" not in closest, "what varies is no reason"


def test_nothing_is_left_out_where_nothing_varies():
    assert verdict(incrementing(lambda: "always")).remarks == ()


def rename(principal: str) -> int:
    item = read()
    table.put_item(Item={**item, "name": "new"})
    return 200


def touching(stamp: Callable[[], Any]) -> Callable[[str], int]:
    def touch(principal: str) -> int:
        values = {":now": stamp()}
        table.update_item(Key={"id": "c"}, UpdateExpression="SET written = :now", ExpressionAttributeValues=values)
        return 200

    return touch


FIRST = "2026-01-01T12:34:56.789012+00:00"
FIRST_STAMPS: dict[str, Any] = {
    "iso": FIRST,
    "seconds": 0,
    "milliseconds": 0,
    "uuid4": "0b4ff0d8-3c4e-4d5f-9a4e-1b6a5c0f7e11",
    "uuid1": "0b4ff0d8-3c4e-1d5f-9a4e-1b6a5c0f7e11",
    "in_a_map": {"at": FIRST, "by": "us"},
    "in_a_text": f"saved at {FIRST}",
    "in_json": f'{{"at": "{FIRST}"}}',
    "expires": 0,
}


@pytest.mark.parametrize("stamp", STAMPS)
def test_a_lost_update_of_nothing_but_the_time_is_found(stamp: str):
    """The other one writes back the first stamp, of the same kind, which does not vary."""
    start = {"Counters": [{"id": "c", "n": 0, "written": FIRST_STAMPS[stamp]}]}
    result = verdict(rename, touching(STAMPS[stamp]), items=start)
    assert {one.explanation.anomaly for one in result.violations} == {"lost_update"}


def roll(principal: str) -> Any:
    """A die is thrown and added up in one call."""
    thrown = random.randint(1, 6)
    answered = table.update_item(
        Key={"id": "c"},
        UpdateExpression="ADD n :thrown",
        ExpressionAttributeValues={":thrown": thrown},
        ReturnValues="UPDATED_NEW",
    )
    return 200, {"thrown": thrown, "total": int(answered["Attributes"]["n"])}


def toss(principal: str) -> Any:
    heads = random.random() < 0.5
    values = {":heads": heads, ":one": 1}
    table.update_item(
        Key={"id": "c"}, UpdateExpression="SET heads = :heads ADD n :one", ExpressionAttributeValues=values
    )
    return 200, {"heads": heads}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("thrower", [roll, toss])
def test_numbers_of_which_there_are_few_vary_too(thrower: Callable[..., Any], seed: int):
    """They may be the same by chance where the same runs again, or be the same as others that do not vary."""
    model_items = {"Counters": [{"id": "c", "n": seed, "limit": 6, "written": "never"}]}
    result = verdict(thrower, items=model_items, requests=2)
    assert result.verdict is Verdict.VERIFIED, [one.finding.statement for one in result.violations]


def sign(principal: str) -> int:
    """Two items that belong together get the same identifier, each in a call of its own."""
    signature = str(uuid.uuid4())
    for key in ("c", "d"):
        table.update_item(Key={"id": key}, UpdateExpression="SET s = :s", ExpressionAttributeValues={":s": signature})
    return 200


def test_identifiers_that_belong_together_are_found_apart():
    assert verdict(sign).verdict is Verdict.VIOLATED


def close(principal: str) -> int:
    """The stamp is all that the two change besides; only one may close."""
    if "closed" in read():
        return 410
    table.update_item(Key={"id": "c"}, UpdateExpression="SET closed = :t", ExpressionAttributeValues={":t": iso()})
    return 200


def test_a_check_that_both_pass_is_found():
    assert verdict(close).verdict is Verdict.VIOLATED


def adds_at_random(principal: str) -> int:
    table.update_item(
        Key={"id": "c"},
        UpdateExpression="SET n = :n",
        ExpressionAttributeValues={":n": read()["n"] + random.randint(1, 6)},
    )
    return 200


def adds_ten(principal: str) -> int:
    table.update_item(Key={"id": "c"}, UpdateExpression="ADD n :ten", ExpressionAttributeValues={":ten": 10})
    return 200


def chains(principal: str) -> int:
    link = hashlib.sha256(f"{read()['written']}{iso()}".encode()).hexdigest()
    table.update_item(Key={"id": "c"}, UpdateExpression="SET written = :l", ExpressionAttributeValues={":l": link})
    return 200


def extends(principal: str) -> int:
    until = max(int(read().get("until", 0)), int(time.time())) + 60
    table.update_item(Key={"id": "c"}, UpdateExpression="SET until = :u", ExpressionAttributeValues={":u": until})
    return 200


@pytest.mark.parametrize("functions", [[adds_at_random], [adds_at_random, adds_ten], [chains], [extends]])
def test_what_is_computed_from_an_older_value_is_lost_whether_it_varies_or_not(functions: Any):
    assert verdict(*functions).verdict is Verdict.VIOLATED


def tries_again_after_a_while(principal: str) -> int:
    for _ in range(4):
        item = read()
        changed = {**item, "n": item["n"] + 1, "v": item.get("v", 0) + 1, "written": iso()}
        try:
            table.put_item(
                Item=changed,
                ConditionExpression="attribute_not_exists(v) OR v = :v",
                ExpressionAttributeValues={":v": item.get("v", 0)},
            )
        except ConditionFailed:
            time.sleep(random.uniform(0, 0.05))
            continue
        return 200
    return 503


def test_a_pause_of_random_length_is_no_lost_update():
    """What is stored then varies with clock and random numbers, and in a serial run with the clock only."""
    result = verdict(tries_again_after_a_while)
    assert result.verdict is Verdict.VERIFIED, [one.finding.statement for one in result.violations]


def leased(principal: str) -> int:
    """Decides by the time: a clock of another month would take the lease for expired."""
    now = int(time.time())
    try:
        table.update_item(
            Key={"id": "c"},
            UpdateExpression="SET lease = :until, stamp = :now ADD n :one",
            ConditionExpression="attribute_not_exists(lease) OR lease > :now",
            ExpressionAttributeValues={":until": now + 60, ":now": now, ":one": 1},
        )
    except ConditionFailed:
        return 409
    return 200


def test_a_handler_that_decides_by_the_time_is_compared_where_it_decides_alike():
    assert verdict(leased, incrementing(iso)).verdict is Verdict.VERIFIED


def remember(principal: str) -> tuple[int, dict[str, Any]]:
    """Keeps who was last, in the order in which they came: differs for good, and the model says that it does not matter."""
    value = table.update_item(
        Key={"id": "c"}, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1}, ReturnValues="ALL_NEW"
    )["Attributes"]["n"]
    table.update_item(Key={"id": "c"}, UpdateExpression="SET seen = :n", ExpressionAttributeValues={":n": value})
    return 200, {"n": int(value)}


def test_what_cannot_be_found_out_is_ignored_by_name():
    assert verdict(remember).verdict is Verdict.VIOLATED
    assert verdict(remember, ignore={"Counters": ["seen"]}).verdict is Verdict.VERIFIED
    assert verdict(remember, ignore={"Counters": ["other"], "body": ["n"]}).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("ignore", [{"Counter": ["seen"]}, {"Counters": "seen"}, {"body": [1]}])
def test_a_slip_in_what_is_ignored_is_an_error(ignore: Any):
    with pytest.raises(ModelError, match="`ignore` of the model"):
        verdict(remember, ignore=ignore)
