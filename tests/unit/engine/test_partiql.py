"""PartiQL statements do what the calls do that they stand for."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import LOG, engine_with, put, refusal

from checker.engine import Engine

MALFORMED = "Statement wasn't well formed, can't be processed: "


def loaded() -> Engine:
    engine = engine_with(LOG)
    for at in range(1, 5):
        put(engine, day="mon", at=at, who="alice" if at % 2 else "bob", n=at)
    return engine


def execute(engine: Engine, statement: str, *parameters: Any, **more: Any) -> list[dict[str, Any]]:
    """The items that a statement returns."""
    request = {"Statement": statement, **more, **({"Parameters": list(parameters)} if parameters else {})}
    items: list[dict[str, Any]] = engine.perform("ExecuteStatement", request)["Items"]
    return items


def ats(items: list[dict[str, Any]]) -> list[str]:
    return [item["at"]["N"] for item in items]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("day = 'mon' AND \"at\" > 2", ["3", "4"]),
        ("day = 'mon' AND \"at\" BETWEEN 2 AND 3", ["2", "3"]),
        ("day = 'mon' AND \"at\" IN (1, 3)", ["1", "3"]),
        ("day = 'mon' AND (n = 1 OR n = 2)", ["1", "2"]),
        ("day = 'mon' AND NOT n = 1 AND n <> 2", ["3", "4"]),
        ("day = 'mon' AND begins_with(who, 'a')", ["1", "3"]),
        ("day = 'mon' AND absent IS MISSING AND who IS NOT MISSING", ["1", "2", "3", "4"]),
        ("day = 'mon' AND attribute_type(n, 'N') AND size(who) = 3", ["2", "4"]),
        ("n >= 3", ["3", "4"]),
        ("day = 'mon' AND day = 'mon' AND n = 1", ["1"]),
        ("day = 'mon' ORDER BY \"at\" DESC", ["4", "3", "2", "1"]),
        ("day = 'tue'", []),
    ],
)
def test_select_finds_what_its_condition_says(where: str, found: list[str]):
    assert ats(execute(loaded(), f"SELECT * FROM Log WHERE {where}")) == found


def test_select_names_columns_by_the_last_step_of_their_path():
    engine = loaded()
    engine.perform(
        "PutItem",
        {"TableName": "Log", "Item": {"day": {"S": "x"}, "at": {"N": "1"}, "m": {"M": {"a": {"L": [{"S": "q"}]}}}}},
    )
    assert execute(engine, 'SELECT m.a[0], "day" FROM Log WHERE "day" = ? AND "at" = 1', {"S": "x"}) == [
        {"a[0]": {"S": "q"}, "day": {"S": "x"}}
    ]


def test_select_pages_by_token_and_reads_indexes():
    engine = loaded()
    request = {"Statement": 'SELECT "at" FROM Log."by_who" WHERE who = \'alice\'', "Limit": 1}
    first = engine.perform("ExecuteStatement", request)
    second = engine.perform("ExecuteStatement", {**request, "NextToken": first["NextToken"]})
    assert ats(first["Items"] + second["Items"]) == ["1", "3"]


def test_insert_stores_every_type_and_refuses_what_is_there():
    engine = loaded()
    insert = (
        "INSERT INTO Log VALUE {'day': 'new', 'at': ?, 'l': [1, 'a', true, null], 's': <<'b', 'a'>>, 'o': {'k': -1.50}}"
    )
    assert execute(engine, insert, {"N": "1"}) == []
    assert execute(engine, "SELECT * FROM Log WHERE day = 'new'") == [
        {
            "day": {"S": "new"},
            "at": {"N": "1"},
            "l": {"L": [{"N": "1"}, {"S": "a"}, {"BOOL": True}, {"NULL": True}]},
            "s": {"SS": ["a", "b"]},
            "o": {"M": {"k": {"N": "-1.5"}}},
        }
    ]
    again = refusal(engine, "ExecuteStatement", {"Statement": insert, "Parameters": [{"N": "1"}]})
    assert (again.code, again.message) == ("DuplicateItemException", "Duplicate primary key exists in table")


def test_update_changes_one_item_that_must_be_there():
    engine = loaded()
    key = "WHERE day = 'mon' AND \"at\" = 1"
    assert execute(engine, f"UPDATE Log SET n = n + 1 SET owner = 'x' REMOVE who {key} RETURNING MODIFIED NEW *") == [
        {"n": {"N": "2"}, "owner": {"S": "x"}}
    ]
    assert execute(engine, f"UPDATE Log SET s = set_add(s, <<'a'>>) {key} RETURNING MODIFIED NEW *") == [
        {"s": {"SS": ["a"]}}
    ]
    for wrong in ("WHERE day = 'mon' AND \"at\" = 99", f"{key} AND n = 7"):
        assert refusal(engine, "ExecuteStatement", {"Statement": f"UPDATE Log SET n = 1 {wrong}"}).code == (
            "ConditionalCheckFailedException"
        )


def test_delete_of_a_missing_item_succeeds_and_a_failed_condition_does_not():
    engine = loaded()
    assert execute(engine, "DELETE FROM Log WHERE day = 'mon' AND \"at\" = 99 AND n = 1") == []
    failed = refusal(
        engine, "ExecuteStatement", {"Statement": "DELETE FROM Log WHERE day = 'mon' AND \"at\" = 1 AND n = 9"}
    )
    assert failed.code == "ConditionalCheckFailedException"
    (old,) = execute(engine, "DELETE FROM Log WHERE day = 'mon' AND \"at\" = 1 RETURNING ALL OLD *")
    assert old["n"] == {"N": "1"}
    assert ats(execute(engine, "SELECT * FROM Log WHERE day = 'mon'")) == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELEC * FROM Log", MALFORMED + "Expected data manipulation"),
        ("", MALFORMED + "Unexpected term"),
        ("SELECT * FROM Log WHERE day = ?", "Number of parameters in request and statement don't match."),
        ('SELECT "at" AS q FROM Log', "Aliasing is not supported"),
        (
            "UPDATE Log SET n = 1 WHERE day = 'mon'",
            "Where clause does not contain a mandatory equality on all key attributes",
        ),
        ("INSERT INTO Log VALUE {'day': 'x'}", "Key attribute should be present in the item: Key at"),
        (
            "SELECT * FROM Log WHERE day = 'mon' AND \"at\" = 'x'",
            "Key attribute's data type should match its data type in table's schema: Key at",
        ),
        (
            "EXISTS(SELECT * FROM Log WHERE day = 'mon' AND \"at\" = 1)",
            "EXISTS can only be used in ExecuteTransaction write requests.",
        ),
    ],
)
def test_wrong_statements_are_refused(statement: str, told: str):
    error = refusal(loaded(), "ExecuteStatement", {"Statement": statement})
    assert (error.code, error.message) == ("ValidationException", told)


def test_a_batch_answers_each_statement_on_its_own():
    engine = loaded()
    one, nine = ({"Statement": f"INSERT INTO Log VALUE {{'day': 'mon', 'at': {at}}}"} for at in (1, 9))
    responses = engine.perform("BatchExecuteStatement", {"Statements": [one, nine]})["Responses"]
    assert responses == [
        {"TableName": "Log", "Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}},
        {"TableName": "Log"},
    ]
    read = {"Statement": "SELECT n FROM Log WHERE day = 'mon' AND \"at\" = 2"}
    assert engine.perform("BatchExecuteStatement", {"Statements": [read]})["Responses"] == [
        {"TableName": "Log", "Item": {"n": {"N": "2"}}}
    ]


def test_a_transaction_of_statements_is_all_or_nothing():
    engine = loaded()
    start = engine.sequence
    update = {"Statement": "UPDATE Log SET n = n + 1 WHERE day = 'mon' AND \"at\" = 1"}
    exists = "EXISTS(SELECT * FROM Log WHERE day = 'mon' AND \"at\" = 2 AND n = {})"
    failing = {"TransactStatements": [update, {"Statement": exists.format(9)}]}
    assert refusal(engine, "ExecuteTransaction", failing).message.endswith("[None, ConditionalCheckFailed]")
    assert engine.sequence == start
    engine.perform("ExecuteTransaction", {"TransactStatements": [update, {"Statement": exists.format(2)}]})
    reads = [{"Statement": f"SELECT n FROM Log WHERE day = 'mon' AND \"at\" = {at}"} for at in (1, 99)]
    assert engine.perform("ExecuteTransaction", {"TransactStatements": reads})["Responses"] == [
        {"Item": {"n": {"N": "2"}}},
        {},
    ]
    duplicate = {"TransactStatements": [{"Statement": "INSERT INTO Log VALUE {'day': 'mon', 'at': 1}"}]}
    assert refusal(engine, "ExecuteTransaction", duplicate).message.endswith("[DuplicateItem]")
