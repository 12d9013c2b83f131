"""A batch is divided into a step for each item, and its result is that of the steps."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put

from toctou.engine import Division, joined
from toctou.engine.division import MOST_STEPS, several


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": name}}


def puts(*names: str) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": key(name)}} for name in names]


ENTRY = {"day": {"S": "mon"}, "at": {"N": "1"}, "who": {"S": "alice"}}
LOGGED = {"PutRequest": {"Item": ENTRY}}


@pytest.fixture
def division() -> Division:
    made = Division()
    made.declare([ITEMS, LOG])
    return made


def test_each_write_is_a_step_in_the_order_given(division):
    whole = {"RequestItems": {"Items": puts("b", "a"), "Log": [LOGGED]}, "ReturnConsumedCapacity": "TOTAL"}
    assert division.steps("BatchWriteItem", whole) == [
        {"RequestItems": {"Items": puts("b")}, "ReturnConsumedCapacity": "TOTAL"},
        {"RequestItems": {"Items": puts("a")}, "ReturnConsumedCapacity": "TOTAL"},
        {"RequestItems": {"Log": [LOGGED]}, "ReturnConsumedCapacity": "TOTAL"},
    ]


def test_each_read_is_a_step_with_what_is_asked_of_its_table(division):
    whole = {"RequestItems": {"Items": {"Keys": [key("a"), key("b")], "ConsistentRead": True}}}
    assert division.steps("BatchGetItem", whole) == [
        {"RequestItems": {"Items": {"Keys": [key("a")], "ConsistentRead": True}}},
        {"RequestItems": {"Items": {"Keys": [key("b")], "ConsistentRead": True}}},
    ]


def test_a_large_batch_has_steps_of_several_items(division):
    names = [f"i{number}" for number in range(2 * MOST_STEPS + 1)]
    steps = division.steps("BatchWriteItem", {"RequestItems": {"Items": puts(*names)}})
    assert len(steps) == MOST_STEPS
    assert [one for step in steps for one in step["RequestItems"]["Items"]] == puts(*names)
    assert several("BatchWriteItem", steps[0])


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("BatchWriteItem", {"RequestItems": {"Items": puts("a", "a")}}),
        ("BatchWriteItem", {"RequestItems": {"Items": puts("a"), "None": puts("b")}}),
        ("BatchWriteItem", {"RequestItems": {"Items": [*puts("a"), {"PutRequest": {"Item": {"n": {"N": "1"}}}}]}}),
        ("BatchGetItem", {"RequestItems": {"Items": {"Keys": [key(f"i{number}") for number in range(101)]}}}),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "Items", "Item": key("a")}}] * 2}),
        ("PutItem", {"TableName": "Items", "Item": key("a")}),
        ("sqs.SendMessageBatch", {"Entries": []}),
    ],
)
def test_what_is_refused_as_a_whole_or_atomic_is_one_step(division, action, parameters):
    assert list(division.steps(action, parameters)) == [parameters]
    assert not several("PutItem", parameters)


def test_what_may_be_too_large_as_a_whole_is_one_step(division):
    whole = {"RequestItems": {"Items": {"Keys": [key(f"i{number}") for number in range(60)]}}}
    assert list(division.steps("BatchGetItem", whole)) == [whole]


def test_dividing_one_batch_leaves_nothing_for_the_next(division):
    statements = {"Statements": [{"Statement": f"INSERT INTO \"Items\" VALUE {{'id': '{name}'}}"} for name in "ab"]}
    first = division.steps("BatchExecuteStatement", statements)
    assert first == division.steps("BatchExecuteStatement", statements)
    assert [len(step["Statements"]) for step in first] == [1, 1]


def test_without_tables_nothing_is_divided():
    whole = {"RequestItems": {"Items": puts("a", "b")}}
    assert list(Division().steps("BatchWriteItem", whole)) == [whole]


@pytest.mark.parametrize("level", ["TOTAL", "INDEXES"])
@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("BatchWriteItem", {"RequestItems": {"Items": [*puts("b", "a"), {"DeleteRequest": {"Key": key("c")}}]}}),
        ("BatchWriteItem", {"RequestItems": {"Log": [LOGGED], "Items": puts("b", "a", "c", "d", "e", "f")}}),
        ("BatchGetItem", {"RequestItems": {"Items": {"Keys": [key("c"), key("x"), key("d")], "ConsistentRead": True}}}),
        ("BatchGetItem", {"RequestItems": {"Items": {"Keys": [key("x"), key("c")]}, "Log": {"Keys": [
            {"day": {"S": "mon"}, "at": {"N": "1"}}]}}}),
        ("BatchExecuteStatement", {"Statements": [
            {"Statement": "SELECT * FROM \"Items\" WHERE id = 'c'"}, {"Statement": "SELECT * FROM \"Items\" WHERE id = 'x'"}]}),
        ("BatchExecuteStatement", {"Statements": [
            {"Statement": "DELETE FROM \"Items\" WHERE id = 'c'"}, {"Statement": "UPDATE \"Items\" SET n = 2 WHERE id = 'x'"}]}),
    ],
)  # fmt: skip
def test_the_result_is_that_of_the_whole(division, action, parameters, level):
    parameters = {**parameters, "ReturnConsumedCapacity": level}
    whole, divided = engine_with(ITEMS, LOG), engine_with(ITEMS, LOG)
    for engine in (whole, divided):
        put(engine, id="c", n=1)
        put(engine, id="d", n=1)
    result = joined([divided.perform(action, step) for step in division.steps(action, parameters)])
    assert result == whole.perform(action, parameters)
    assert divided.stored() == whole.stored()
