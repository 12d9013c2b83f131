"""Operations that footprints call independent commute: same answers and same items in either order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from dynamodb_requests import Expressions, Request, item, requests
from dynamodb_schemas import FIXED
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from toctou.engine import Engine, Schema, ServiceError, footprint
from toctou.history.footprint import Footprint, dependent

TABLES = {table.name: table for table in FIXED}
SCHEMAS = {name: Schema.of(table.create()) for name, table in TABLES.items()}
ACTIONS = (
    "UpdateItem",
    "UpdateItem",
    "UpdateItem",
    "PutItem",
    "DeleteItem",
    "GetItem",
    "Query",
    "TransactWriteItems",
    "TransactGetItems",
)
QUIET = list(HealthCheck)


@st.composite
def states(draw: Any) -> list[Request]:
    """Some items to start from, all in one table, so that requests meet."""
    table = draw(st.sampled_from(("plain", "indexed")))
    return [
        ("PutItem", {"TableName": table, "Item": item(Expressions(draw, TABLES[table]))})
        for _ in range(draw(st.integers(0, 4)))
    ]


def performed(engine: Engine, request: Request) -> tuple[Any, Footprint]:
    """The answer to a request, and its footprint."""
    action, parameters = request
    before = engine.sequence
    result: Mapping[str, Any] | None = None
    answer: Any
    code = None
    try:
        answer = result = engine.perform(action, parameters)
    except ServiceError as error:
        code = error.code
        answer = (error.code, error.message, dict(error.fields))
    changes = engine.changes_since(before)
    return answer, footprint(action, parameters, SCHEMAS, result=result, error_code=code, changes=changes)


def check(state: list[Request], first: Request, second: Request) -> None:
    """Perform both in both orders; where they are independent, nothing may differ."""
    engine = Engine()
    for table in FIXED:
        engine.perform("CreateTable", table.create())
    for request in state:
        performed(engine, request)
    start = engine.sequence
    one, one_touched = performed(engine, first)
    two, two_touched = performed(engine, second)
    stored = engine.stored()
    assume(not dependent(one_touched, two_touched))
    engine.restore(start)
    assert performed(engine, second)[0] == two, "the second answers otherwise when it comes first"
    assert performed(engine, first)[0] == one, "the first answers otherwise when it comes second"
    assert engine.stored() == stored


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(states(), requests(ACTIONS, [TABLES["plain"]]), requests(ACTIONS, [TABLES["plain"]]))
def test_independent_operations_commute(state: list[Request], first: Request, second: Request) -> None:
    check(state, first, second)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(states(), requests(ACTIONS, [TABLES["indexed"]]), requests(ACTIONS, [TABLES["indexed"]]))
def test_independent_operations_commute_beside_indexes(state: list[Request], first: Request, second: Request) -> None:
    check(state, first, second)


KEY = {"TableName": "plain", "Key": {"pk": {"S": "a"}}}
VALUES = {
    ":one": {"N": "1"},
    ":tiny": {"N": "1e-30"},
    ":huge": {"N": "1e37"},
    ":back": {"N": "-1e37"},
    ":minus": {"N": "-1"},
    ":half": {"N": "-0.5"},
    ":medium": {"S": "x" * 5000},
    ":s": {"S": "x"},
    ":set": {"NS": ["1"]},
    ":map": {"M": {}},
    ":list": {"L": [{"N": "1"}]},
    ":big": {"S": "x" * 250_000},
}


def with_values(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters with those values that their expressions use."""
    text = " ".join(str(parameters.get(name, "")) for name in parameters if name.endswith("Expression"))
    used = {
        name: value for name, value in VALUES.items() if f"{name} " in f"{text.replace(')', ' ').replace(',', ' ')} "
    }
    return {**parameters, "ExpressionAttributeValues": used} if used else parameters


UPDATES = (
    *("ADD n :one", "ADD n :tiny", "ADD n :huge", "ADD n :back", "ADD n :set", "ADD n :minus", "ADD n :half"),
    *("SET n = n + :one", "SET n = n - :huge", "SET n = if_not_exists(n, :one) + :one", "SET n = :one", "REMOVE n"),
    *(
        "SET m.a = :one",
        "ADD m.a :one",
        "REMOVE m.a",
        "SET m = :map",
        "REMOVE m",
        "ADD m.b :one",
        "SET m.a = m.a + :one",
    ),
    *(
        "SET l[5] = :one",
        "ADD l[5] :one",
        "ADD l[5] :tiny",
        "REMOVE l[0]",
        "SET l = list_append(l, :list)",
        "ADD l[0] :one",
    ),
    *(
        "ADD t :set",
        "DELETE t :set",
        "SET s = :s",
        "SET s = n",
        "SET n = s",
        "SET big = :big",
        "SET more = :big",
        "REMOVE big",
        "SET s = :medium",
    ),
)
CONDITIONS = (
    *("attribute_exists(pk)", "attribute_not_exists(pk)", "n = :one", "attribute_exists(n)", "NOT s = :s"),
    *("size(m) > :one", "pk = :s", "m.a = :one"),
)


def requests_about_one_item() -> list[Request]:
    """Requests that get into each other's way on one item in every way that footprints distinguish."""
    found: list[Request] = [("UpdateItem", with_values({**KEY, "UpdateExpression": text})) for text in UPDATES]
    returned = ("ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
    for values in returned:
        found.append(("UpdateItem", with_values({**KEY, "UpdateExpression": "ADD n :one", "ReturnValues": values})))
        found.append(("UpdateItem", with_values({**KEY, "UpdateExpression": "SET s = :s", "ReturnValues": values})))
    found.append(("UpdateItem", dict(KEY)))
    puts = ({"pk": {"S": "a"}}, {"pk": {"S": "a"}, "n": {"N": "1"}, "s": {"S": "x"}})
    found += [("PutItem", {"TableName": "plain", "Item": image}) for image in puts]
    found += [("PutItem", {"TableName": "plain", "Item": puts[0], "ReturnValues": "ALL_OLD"})]
    found += [("DeleteItem", dict(KEY)), ("DeleteItem", {**KEY, "ReturnValues": "ALL_OLD"})]
    for text in CONDITIONS:
        conditional = {"ConditionExpression": text}
        found.append(("UpdateItem", with_values({**KEY, **conditional, "UpdateExpression": "SET s = :s"})))
        found.append(("DeleteItem", with_values({**KEY, **conditional})))
        found.append(("PutItem", with_values({"TableName": "plain", "Item": puts[1], **conditional})))
        old = {**conditional, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        check = {"ConditionCheck": with_values({**KEY, **old})}
        found.append(("TransactWriteItems", {"TransactItems": [check]}))
        elsewhere = {"Put": {"TableName": "plain", "Item": {"pk": {"S": "b"}}}}
        found.append(("TransactWriteItems", {"TransactItems": [check, elsewhere], "ClientRequestToken": "t"}))
    for projection in (
        {},
        {"ProjectionExpression": "n"},
        {"ProjectionExpression": "pk"},
        {"ProjectionExpression": "m.a, s"},
    ):
        found.append(("GetItem", {**KEY, **projection}))
        found.append(("TransactGetItems", {"TransactItems": [{"Get": {**KEY, **projection}}]}))
        query = {"TableName": "plain", "KeyConditionExpression": "pk = :p", **projection}
        found.append(("Query", {**query, "ExpressionAttributeValues": {":p": {"S": "a"}}}))
    found.append(("GetItem", {**KEY, "ProjectionExpression": "n", "ReturnConsumedCapacity": "TOTAL"}))
    counting = {"TableName": "plain", "KeyConditionExpression": "pk = :p", "Select": "COUNT"}
    found.append(("Query", {**counting, "ExpressionAttributeValues": {":p": {"S": "a"}}}))
    filtered = {"FilterExpression": "n = :one", "ExpressionAttributeValues": {":p": {"S": "a"}, ":one": {"N": "1"}}}
    found.append(("Query", {**counting, **filtered}))
    return found + [("ExecuteStatement", {"Statement": text}) for text in STATEMENTS] + batches()


STATEMENTS = (
    "SELECT n FROM plain WHERE pk = 'a'",
    "SELECT * FROM plain WHERE n = 1",
    "INSERT INTO plain VALUE {'pk': 'a', 'n': 1}",
    "UPDATE plain SET s = 'y' WHERE pk = 'a'",
    "UPDATE plain SET n = n + 1 WHERE pk = 'a' AND s = 'x'",
    "DELETE FROM plain WHERE pk = 'a'",
    "DELETE FROM plain WHERE pk = 'a' AND n = 1",
)


def batches() -> list[Request]:
    """Batches and scans about the same item."""
    scan = {"TableName": "plain", "ProjectionExpression": "s", "FilterExpression": "attribute_exists(n)"}
    reads, writes = ("SELECT s FROM plain WHERE pk = 'a'",), STATEMENTS[2:6]
    texts = [[{"Statement": text} for text in group] for group in (reads, writes[:2])]
    put_request = {"PutRequest": {"Item": {"pk": {"S": "a"}, "s": {"S": "x"}}}}
    return [
        ("Scan", scan),
        ("Scan", {"TableName": "plain", "Select": "COUNT"}),
        ("BatchGetItem", {"RequestItems": {"plain": {"Keys": [KEY["Key"]], "ProjectionExpression": "s"}}}),
        ("BatchWriteItem", {"RequestItems": {"plain": [put_request]}}),
        ("BatchWriteItem", {"RequestItems": {"plain": [{"DeleteRequest": {"Key": KEY["Key"]}}]}}),
        *(("BatchExecuteStatement", {"Statements": statements}) for statements in texts),
        *(("ExecuteTransaction", {"TransactStatements": statements[:1]}) for statements in texts),
    ]


ITEMS: tuple[dict[str, Any] | None, ...] = (
    None,
    {},
    {
        "n": {"N": "1"},
        "s": {"S": "x"},
        "m": {"M": {"a": {"N": "1"}}},
        "l": {"L": [{"N": "1"}]},
        "t": {"NS": ["1", "2"]},
    },
    {"n": {"N": "10000000000000000000000000000000000000"}, "m": {"M": {}}, "t": {"NS": ["1"]}},
    {"n": {"N": "9" * 37 + ".5"}},
    {"n": {"N": "0.5"}},
    {"n": {"S": "not a number"}, "big": {"S": "x" * 200_000}, "l": {"L": []}},
)


@pytest.mark.parametrize(
    "stored", ITEMS, ids=("missing", "bare", "full", "near the limits", "all digits", "fraction", "large")
)
def test_every_pair_about_one_item_commutes_or_is_dependent(stored: dict[str, Any] | None) -> None:
    engine = Engine()
    engine.perform("CreateTable", TABLES["plain"].create())
    if stored is not None:
        engine.perform("PutItem", {"TableName": "plain", "Item": {"pk": {"S": "a"}, **stored}})
    start = engine.sequence
    candidates = requests_about_one_item()
    alone: list[tuple[Any, Footprint]] = []
    followed: list[list[tuple[Any, Footprint, Any]]] = []  # after each, of every other: its answer, footprint and state
    for first in candidates:
        engine.restore(start)
        alone.append(performed(engine, first))
        after = engine.sequence
        followed.append([])
        for second in candidates:
            engine.restore(after)
            followed[-1].append((*performed(engine, second), engine.stored()))
    independent = 0
    for one, (answer, touched) in enumerate(alone):
        for two, (second_answer, second_touched, stored_then) in enumerate(followed[one]):
            if dependent(touched, second_touched):
                continue
            independent += 1
            assert alone[two][0] == second_answer, (candidates[one], candidates[two])
            later_answer, _, stored_otherwise = followed[two][one]
            assert later_answer == answer, (candidates[one], candidates[two])
            assert stored_otherwise == stored_then, (candidates[one], candidates[two])
    # The property would also hold if everything were dependent.
    assert independent > len(candidates) ** 2 * 0.3


def test_two_increments_are_independent_and_a_third_party_is_not() -> None:
    """The property above would also hold if everything were dependent."""
    engine = Engine()
    engine.perform("CreateTable", TABLES["plain"].create())
    key = {"TableName": "plain", "Key": {"pk": {"S": "a"}}}
    performed(engine, ("PutItem", {"TableName": "plain", "Item": {"pk": {"S": "a"}, "n": {"N": "1"}, "s": {"S": "x"}}}))
    one = {":x": {"N": "1"}}

    def touched(text: str, **more: Any) -> Footprint:
        update = {**key, "UpdateExpression": text, **more}
        return performed(
            engine, ("UpdateItem", {**update, "ExpressionAttributeValues": one} if ":x" in text else update)
        )[1]

    add, plus = touched("ADD n :x"), touched("SET n = n + :x")
    assert not dependent(add, plus)
    assert dependent(add, touched("SET n = :x"))
    assert dependent(plus, touched("REMOVE n"))
    assert dependent(add, touched("ADD n :x", ReturnValues="UPDATED_NEW"))
    assert not dependent(touched("SET a = :x"), touched("SET b = :x"))
    assert not dependent(touched("SET a = :x"), performed(engine, ("GetItem", {**key, "ProjectionExpression": "s"}))[1])
    assert dependent(touched("SET a = :x"), performed(engine, ("GetItem", {**key, "ProjectionExpression": "a"}))[1])
    elsewhere = {**key, "Key": {"pk": {"S": "b"}}}
    assert not dependent(touched("SET a = :x"), performed(engine, ("GetItem", elsewhere))[1])
    count = {"TableName": "plain", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    counted = performed(engine, ("Query", {**count, "Select": "COUNT"}))[1]
    assert not dependent(counted, touched("SET a = :x"))
    assert dependent(counted, performed(engine, ("DeleteItem", key))[1])
    assert dependent(counted, performed(engine, ("PutItem", {"TableName": "plain", "Item": {"pk": {"S": "a"}}}))[1])
