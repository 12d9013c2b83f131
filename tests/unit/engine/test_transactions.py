"""Transactions: all or nothing, one action for each item, reasons in the order of the actions, and tokens."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put, refusal

from toctou.engine import Engine

TWICE = "Transaction request cannot include multiple operations on one item"


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": name}}


def keyed(name: str, **more: Any) -> dict[str, Any]:
    return {"TableName": "Items", "Key": key(name), **more}


def a_put(name: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "Items", "Item": {**key(name), **more}}}


def add(name: str) -> dict[str, Any]:
    values = {":one": {"N": "1"}}
    return {"Update": keyed(name, UpdateExpression="ADD n :one", ExpressionAttributeValues=values)}


def check(name: str, condition: str, **more: Any) -> dict[str, Any]:
    return {"ConditionCheck": keyed(name, ConditionExpression=condition, **more)}


def write(engine: Engine, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return engine.perform("TransactWriteItems", {"TransactItems": list(parts), **more})


def failure(engine: Engine, *parts: dict[str, Any], **more: Any) -> tuple[str, Any]:
    """Why it is refused: the message, and each reason; nothing must have changed."""
    stored = engine.stored()
    error = refusal(engine, "TransactWriteItems", {"TransactItems": list(parts), **more})
    assert engine.stored() == stored
    return error.message, error.fields.get("CancellationReasons")


def test_every_kind_of_write_happens_together():
    engine = engine_with(ITEMS, LOG)
    for name in ("deleted", "checked"):
        put(engine, id=name)
    entry = {"day": {"S": "mon"}, "at": {"N": "1"}, "who": {"S": "ann"}}
    parts = [a_put("put"), add("added"), {"Delete": keyed("deleted")}, check("checked", "attribute_exists(id)")]
    assert write(engine, *parts, {"Put": {"TableName": "Log", "Item": entry}}) == {}
    items = [{**key("added"), "n": {"N": "1"}}, key("checked"), key("put")]
    assert engine.stored() == {"Items": items, "Log": [entry]}


def test_reasons_are_those_of_the_actions_in_their_order():
    engine = engine_with()
    put(engine, id="a", n=1)
    put(engine, id="s", n="text")
    missing = {"Update": keyed("b", UpdateExpression="SET n = m")}
    shown = check("a", "attribute_not_exists(id)", ReturnValuesOnConditionCheckFailure="ALL_OLD")
    message, reasons = failure(engine, a_put("new"), shown, missing, add("s"), check("z", "attribute_exists(id)"))
    codes = ["None", "ConditionalCheckFailed", "ValidationError", "ValidationError", "ConditionalCheckFailed"]
    assert message.endswith(f"[{', '.join(codes)}]")
    assert [reason["Code"] for reason in reasons] == codes
    assert reasons[0] == {"Code": "None"}
    failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    assert reasons[1] == {**failed, "Item": {**key("a"), "n": {"N": "1"}}}
    assert reasons[2]["Message"] == ("The provided expression refers to an attribute that does not exist in the item")
    assert reasons[4] == failed  # the item is shown only to who asked for it


@pytest.mark.parametrize(
    "second", [a_put("a"), add("a"), {"Delete": keyed("a")}, check("a", "attribute_not_exists(id)")]
)
def test_an_item_is_named_once(second: dict[str, Any]):
    assert failure(engine_with(), a_put("a"), second) == (TWICE, None)
    numbers = [{"Delete": {"TableName": "Log", "Key": {"day": {"S": "mon"}, "at": {"N": n}}}} for n in ("1", "1.0")]
    assert failure(engine_with(LOG), *numbers) == (TWICE, None)


def test_a_read_names_an_item_once_too():
    reads = {"TransactItems": [{"Get": keyed("a")}] * 2}
    assert refusal(engine_with(), "TransactGetItems", reads).message == TWICE


def test_a_transaction_holds_4_mb():
    engine = engine_with()
    text = {"S": "x" * 400_000}
    eleven = [a_put(f"item {number:2}", t=text) for number in range(11)]
    message, _ = failure(engine, *eleven)
    assert message.startswith("Transaction payload size cannot exceed 4MB.")
    write(engine, *eleven[:10])
    write(engine, eleven[10])
    reads = [{"Get": keyed(f"item {number:2}")} for number in range(11)]
    assert len(engine.perform("TransactGetItems", {"TransactItems": reads[:10]})["Responses"]) == 10
    error = refusal(engine, "TransactGetItems", {"TransactItems": reads})
    assert (error.code, error.message.partition(".")[0]) == ("ValidationException", "Payload in response is too large")
    names = [{"Get": {**read["Get"], "ProjectionExpression": "id"}} for read in reads]
    assert len(engine.perform("TransactGetItems", {"TransactItems": names})["Responses"]) == 11


def test_a_repeat_by_token_has_no_effect_and_is_charged_as_a_read():
    engine = engine_with()
    parts = [add("a"), check("b", "attribute_not_exists(id)")]
    first = write(engine, *parts, ClientRequestToken="t", ReturnConsumedCapacity="TOTAL")
    assert first["ConsumedCapacity"] == [{"TableName": "Items", "CapacityUnits": 4.0}]
    put(engine, id="b")  # its check would fail now
    assert write(engine, *parts, ClientRequestToken="t") == {}
    again = write(engine, *parts, ClientRequestToken="t", ReturnConsumedCapacity="TOTAL")
    assert again["ConsumedCapacity"] == [{"TableName": "Items", "CapacityUnits": 4.0}]
    assert engine.stored()["Items"][0]["n"] == {"N": "1"}
    error = refusal(engine, "TransactWriteItems", {"TransactItems": [add("c")], "ClientRequestToken": "t"})
    assert error.code == "IdempotentParameterMismatchException"
    backwards = [{name: dict(reversed(part.items()))} for one in parts for name, part in one.items()]
    assert write(engine, *backwards, ClientRequestToken="t") == {}  # members have no order


def test_a_token_counts_from_the_completion_of_its_transaction():
    engine = engine_with()
    parts = [add("a"), check("b", "attribute_exists(id)")]
    for _ in range(2):
        assert failure(engine, *parts, ClientRequestToken="t")[1][1]["Code"] == "ConditionalCheckFailed"
    put(engine, id="b")
    for _ in range(2):
        write(engine, *parts, ClientRequestToken="t")
    assert engine.stored()["Items"][0]["n"] == {"N": "1"}


def test_what_a_caller_does_to_its_request_later_is_not_what_was_asked():
    engine = engine_with()
    parts = [a_put("a", names={"SS": ["x"]})]
    write(engine, *parts, ClientRequestToken="t")
    parts[0]["Put"]["Item"]["names"]["SS"].append("y")
    error = refusal(engine, "TransactWriteItems", {"TransactItems": parts, "ClientRequestToken": "t"})
    assert error.code == "IdempotentParameterMismatchException"


def test_statements_have_tokens_too():
    engine = engine_with()
    insert = {"TransactStatements": [{"Statement": "INSERT INTO Items VALUE {'id': 'a'}"}], "ClientRequestToken": "t"}
    for _ in range(2):
        assert engine.perform("ExecuteTransaction", insert) == {"Responses": []}
    assert engine.stored() == {"Items": [key("a")]}
    other = {**insert, "TransactStatements": [{"Statement": "INSERT INTO Items VALUE {'id': 'b'}"}]}
    assert refusal(engine, "ExecuteTransaction", other).code == "IdempotentParameterMismatchException"
