"""PartiQL statements do what the calls do that they stand for."""

from __future__ import annotations

from typing import Any

import pytest
from engine_tables import LOG, engine_with, put, refusal

from toctou.engine import Engine

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
        ("day = 'mon' AND day = 'tue' ORDER BY \"at\"", []),
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


IN_WHERE = "SELECT * FROM Log WHERE day = 'mon' AND "
KEY = """WHERE day = 'mon' AND "at" = 1"""
UPDATE = f"UPDATE Log SET {{}} {KEY}"
INSERT = "INSERT INTO Log VALUE {{'day': 'x', 'at': 1, {}}}"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        # https://github.com/nubo-db/dynamodb-conformance, tests/tier3/error-messages, partiqlGrammar.test.ts
        (IN_WHERE + "n = 1 foo", MALFORMED + "Unexpected token after expression"),
        (IN_WHERE + "9.n = 1", MALFORMED + "Unexpected token after expression"),
        (IN_WHERE + "(9.n = 1)", MALFORMED + "Expected RIGHT_PAREN"),
        (IN_WHERE + "n = 1)", MALFORMED + "Unexpected token after expression"),
        ("INSERT INTO Log VALUE {'day': 'x', 'at': 1} foo", MALFORMED + "Unexpected token after expression"),
        ("INSERT INTO Log t VALUE {'day': 'x'}", MALFORMED + "Unexpected token after expression"),
        ("SELECT * FROM Log WHERE n = 1e2147483648", MALFORMED),
        ("SELECT * FROM Log WHERE n = 1.5e-2147483647", MALFORMED),
        ("SELECT * FROM Log WHERE n = 1 # note", MALFORMED),
        ("SELECT * FROM Log t WHERE n = 1", "Aliasing is not supported"),
        ("SELECT * FROM Log AS t WHERE n = 1", "Aliasing is not supported"),
        ("UPDATE Log t SET n = 1", "Aliasing is not supported"),
        ("DELETE FROM Log t WHERE n = 1", "Aliasing is not supported"),
        ("SELECT * FROM Log WHERE", MALFORMED + "Unexpected term"),
        ("SELECT * FROM Log WHERE NOT", MALFORMED + "Unexpected term"),
        ("SELECT * FROM Log WHERE (", MALFORMED + "Unexpected term"),
        ("SELECT * FROM", MALFORMED + "Unexpected term"),
        (IN_WHERE, MALFORMED + "Missing right-hand side expression of infix operator"),
        ("SELECT * FROM Log WHERE n = 1 OR", MALFORMED + "Missing right-hand side expression of infix operator"),
        ("SELECT * FROM Log WHERE ORDER BY day", MALFORMED + "Unexpected keyword"),
        ("SELECT * FROM Log WHERE IS NULL", MALFORMED + "Unexpected operator"),
        (IN_WHERE + "n = LIKE", MALFORMED + "Unexpected operator"),
        (IN_WHERE + "n IS FOO", MALFORMED + "Expected type name"),
        ("DELETE FROM", MALFORMED + "Expected identifier for simple path"),
        ("DELETE FROM WHERE n = 1", MALFORMED + "Expected identifier for simple path"),
        ("UPDATE Log-x SET n = 1", MALFORMED + "Expected data manipulation"),
        (IN_WHERE + "attribute_exists(m.inner)", MALFORMED + "Invalid path dot component"),
        ("INSERT INTO Log (day) VALUES ('x')", "Unsupported operation: InsertOp"),
        (
            INSERT.format("'n': 1e126"),
            "Number overflow. Attempting to store a number with magnitude larger than supported range under root",
        ),
        (
            INSERT.format("'m': {'x': 1e-131}"),
            "Number underflow. Attempting to store a number with magnitude smaller than supported range under root.x",
        ),
        (
            INSERT.format("'l': [1, 123456789012345678901234567890123456789]"),
            "Attempting to store more than 38 significant digits in a Number under root[1]",
        ),
        ("FROM Log SET n = 1", "Where clause does not contain a mandatory equality on all key attributes"),
        # partiqlFunctions.test.ts
        (
            IN_WHERE + "attribute_exists('n')",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            IN_WHERE + "attribute_exists(n, l)",
            "Incorrect number of operands for operator or function; operator or function: attribute_exists, "
            "number of operands: 2",
        ),
        ("SELECT attribute_exists(n) FROM Log", "Unexpected path component at 1:8:16"),
        ("SELECT * FROM Log WHERE EXISTS(n)", "Unrecognized function: exists at 1:25:6"),
        (
            UPDATE.format("t = set_add(s, <<'x'>>)"),
            "The first argument to SET_ADD must equal the assignment value at 1:20:7",
        ),
        (
            UPDATE.format("s = set_add(s, 'x')"),
            "The second argument to SET_ADD must be a value with type SET at 1:28:1",
        ),
        (UPDATE.format("s = set_delete(s)"), "SET_DELETE must have exactly two arguments at 1:20:10"),
        (UPDATE.format("s = set_add(s, <<>>)"), "Empty bags are not supported"),
        (INSERT.format("'s': set_add(<<'a'>>, <<'b'>>)"), "Unsupported data type: set_add under key root at 1:50:7"),
        # partiql.test.ts
        ('SELECT * FROM Log."no-such-index" WHERE n = 1', "The table does not have the specified index"),
        ("SELECT * FROM Log.by_who.x WHERE n = 1", "A path may contain at most 2 components in the FROM clause"),
        ('SELECT * FROM Log."" WHERE n = 1', "Path component cannot be an empty string"),
        ('SELECT * FROM "" WHERE n = 1', "Path component cannot be an empty string"),
        (
            "SELECT day FROM Log.by_who WHERE who = 'alice' AND n = 1",
            "One or more parameter values were invalid: Secondary index by_who does not project one or more filter "
            "attributes: [n]",
        ),
        (
            "SELECT n FROM Log.by_who WHERE who = 'alice'",
            "One or more parameter values were invalid: Global secondary index by_who does not project [n]",
        ),
        (
            f"DELETE FROM Log {KEY} RETURNING MODIFIED OLD *",
            "Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE statements.",
        ),
        (
            IN_WHERE + "n < true",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        # DynamoDB Local
        ("SELECT DISTINCT n FROM Log", "Unsupported token in expression: DISTINCT"),
        ("SELECT VALUE n FROM Log", "Select projection doesn't support value or pivot keywords"),
        ("SELECT n, n FROM Log", "Duplicate identifiers in select clause: n"),
        ("SELECT * FROM Log, Log", "Only select from a single table or index is supported."),
        ("SELECT * FROM (Log)", "Unexpected from source"),
        (
            "SELECT * FROM Lo",
            "Table name should be within the length [3, 255] and only contain 'a-z', 'A-Z', '0-9', '-', '_', '.'.",
        ),
        ("SELECT * FROM Log WHERE n = 1 LIMIT 1", "Unsupported clause: LIMIT at 1:37:1"),
        ("SELECT * FROM Log GROUP BY n", "Unsupported clause: GROUP BY"),
        ("SELECT * FROM Log WHERE n", "WHERE clause must contain an expression that resolves to a boolean"),
        ("SELECT * FROM Log WHERE n + 1 = 2", "Unsupported operator in Condition Expression. Operator: +"),
        ("SELECT * FROM Log WHERE who LIKE 'a'", "Unsupported operator in Condition Expression. Operator: like"),
        (
            "SELECT * FROM Log WHERE n IS INT",
            "Unsupported data type for IS operator: INTEGER. Supported data types are [MISSING, NULL, BOOLEAN, BLOB, "
            "STRING, NUMERIC, STRUCT, TUPLE, LIST] at 1:27:2",
        ),
        (
            "SELECT * FROM Log WHERE n IN []",
            "IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq "
            "with at least one member",
        ),
        ("SELECT * FROM Log WHERE l[-1] = 1", "List index is not within the allowable range; index: [-1] at 1:28:1"),
        ("SELECT * FROM Log WHERE l[*] = 1", "Wildcard path component like a[*].b are not supported at 1:27:1"),
        ("SELECT * FROM Log ORDER BY n", "Must have WHERE clause in the statement when using ORDER BY clause."),
        (IN_WHERE + "n = 1 ORDER BY n", "Variable reference n in ORDER BY clause must be part of the primary key"),
        (UPDATE.format("n = n * 2"), "Unsupported operator in Update Expression. Operator: *"),
        (UPDATE.format("n = f(n)"), "Unrecognized function: f at 1:20:1"),
        (
            f"UPDATE Log SET n = 1 {KEY} RETURNING ALL NEW",
            "Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause",
        ),
        (f"UPDATE Log.by_who SET n = 1 {KEY}", "This operation is not supported on an index"),
        (
            f"UPDATE Log SET n = 1 {KEY} AND day = 'tue'",
            "Multiple conditions on same key day. Only single item Update/Insert/Delete are supported",
        ),
        (
            "INSERT INTO Log.by_who VALUE {'day': 'x'}",
            "FROM clause may only contain a single table name in data manipulation statements",
        ),
        ("INSERT INTO Log VALUE {'day': 'x', 'at': 1} RETURNING ALL OLD *", "RETURNING is not supported in INSERT"),
        (INSERT.format("'day': 'y'"), "Duplicate keys in tuple. Key: day under root at 1:45:5"),
        (
            INSERT.format("n: 1"),
            "Tuple keys must be of type String. Actual type: VariableReference under root at 1:45:1",
        ),
        (INSERT.format("'l': [?]"), "Unsupported data type: Parameter under key root.0 at 1:51:1"),
        (INSERT.format("'l': [-0.0]"), "Negative zero decimal is not supported under key root.0 at 1:52:3"),
        (
            INSERT.format("'s': <<'a', 1>>"),
            "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags at 1:57:1",
        ),
        # As DynamoDB Local has it, which gives the statement where a detail stands here: what cannot be read at all comes first.
        ("SELECT * FROM Log WHERE (ontains(n, 1)", MALFORMED + "Expected RIGHT_PAREN"),
        ("SELECT * FROM Log WHERE (n = 1", MALFORMED + "Expected RIGHT_PAREN"),
        ("SELECT * FROM Log WHERE n IS INT AND (n = 1", MALFORMED),
        ("SELECT * FROM Log WHERE ontains(n, 1) AND foo(1)", "Unrecognized function: ontains at 1:25:7"),
        ("SELECT * FROM Log WHERE foo(bar(1)) = 1", "Unrecognized function: bar at 1:29:3"),
        (
            "SELECT * FROM Log WHERE 9 IS NOT MISSING",
            "Operator or function requires a document path; operator or function: attribute_not_exists",
        ),
        # As DynamoDB Local has it: what is wrong with a condition in itself comes before what does not fit the table's keys.
        (
            "SELECT * FROM Log WHERE attribute_exists(9) ORDER BY n",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "SELECT * FROM Log WHERE day = 5 AND size(9) = 1",
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "DELETE FROM Log WHERE day = 5 AND attribute_exists(9) RETURNING ALL NEW *",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            'DELETE FROM Log WHERE day = 5 AND "at" = 1 RETURNING ALL NEW *',
            "Key attribute's data type should match its data type in table's schema: Key day",
        ),
        (
            "UPDATE Nowhere SET n = 1, n = 2 WHERE day = 5",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; "
            "path one: [n], path two: [n]",
        ),
        (
            "SELECT * FROM Log WHERE n = 1 ORDER BY day",
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.",
        ),
        (
            "SELECT * FROM Log WHERE size(n, 1) = 1",
            "Incorrect number of operands for operator or function; operator or function: size, number of operands: 2",
        ),
    ],
)
def test_what_is_wrong_is_told_in_the_services_words(statement: str, told: str):
    engine = loaded()
    stored = engine.stored()
    error = refusal(engine, "ExecuteStatement", {"Statement": statement})
    assert (error.code, error.message) == ("ValidationException", told)
    assert engine.stored() == stored


def test_a_consistent_read_of_a_global_index_is_refused():
    request = {"Statement": "SELECT * FROM Log.by_who WHERE who = 'alice'", "ConsistentRead": True}
    error = refusal(loaded(), "ExecuteStatement", request)
    assert error.message == "Strongly consistent read is not supported on Global Secondary Indexes"


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("day = 'mon' AND n NOT BETWEEN 2 AND 3", ["1", "4"]),
        ("day = 'mon' AND n NOT IN [1, 2]", ["3", "4"]),
        ("day = 'mon' AND attribute_exists(who) AND attribute_not_exists(z)", ["1", "2", "3", "4"]),
        ("day = 'mon' AND n IS NUMERIC AND who IS NOT LIST", ["1", "2", "3", "4"]),
        ("day = 'mon' AND 2 < n -- a note", ["3", "4"]),
        ("day = 'mon' AND size(who) = size('bob')", ["2", "4"]),
        ("day = 1 AND n = 1 AND day = 'mon'", []),  # as in DynamoDB Local: a condition that cannot hold, and no fault
        ("day = 'mon' /* a note */ AND n = +.1e1;", ["1"]),
    ],
)
def test_more_that_select_understands(where: str, found: list[str]):
    assert ats(execute(loaded(), f"SELECT * FROM Log WHERE {where}")) == found


def test_sums_have_any_number_of_constants_and_parentheses():
    engine = loaded()
    for assigned, expected in (("n + 1 - 3", "-1"), ("(n + 10)", "9"), ("n - -1", "10"), ("n - 5 + 5", "10")):
        execute(engine, f"UPDATE Log SET n = {assigned} {KEY}")
        assert execute(engine, f"SELECT n FROM Log {KEY}") == [{"n": {"N": expected}}]


def test_an_update_may_begin_with_from():
    engine = loaded()
    execute(engine, f"FROM Log {KEY} SET n = 7 REMOVE who")
    assert execute(engine, f"SELECT * FROM Log {KEY}") == [{"day": {"S": "mon"}, "at": {"N": "1"}, "n": {"N": "7"}}]


def batch(engine: Engine, *statements: str, **more: Any) -> dict[str, Any]:
    return engine.perform("BatchExecuteStatement", {"Statements": [{"Statement": one} for one in statements], **more})


def test_a_wrong_statement_in_a_batch_leaves_the_others_alone():
    engine = loaded()
    good, unnamed = f"SELECT n FROM Log {KEY}", "SELECT * FROM Log WHERE n = 1"
    responses = batch(engine, "SLECT * FROM Log", unnamed, good)["Responses"]
    needed = "Select statements within BatchExecuteStatement must specify the primary key in the where clause."
    assert responses == [
        {"Error": {"Code": "ValidationError", "Message": MALFORMED + "Expected data manipulation"}},
        {"Error": {"Code": "ValidationError", "Message": needed}},
        {"TableName": "Log", "Item": {"n": {"N": "1"}}},
    ]


def test_a_batch_may_not_name_an_item_twice():
    engine = loaded()
    stored = engine.stored()
    for statements in ([f"SELECT n FROM Log {KEY}"] * 2, [f"UPDATE Log SET n = 9 {KEY}", f"DELETE FROM Log {KEY}"]):
        request = {"Statements": [{"Statement": one} for one in statements]}
        error = refusal(engine, "BatchExecuteStatement", request)
        assert error.message == "Provided list of item keys contains duplicates"
    assert engine.stored() == stored


def test_a_batch_returns_what_its_statements_ask_for_and_is_charged_for_each():
    engine = loaded()
    done = batch(engine, f"UPDATE Log SET n = 9 {KEY} RETURNING MODIFIED NEW *", ReturnConsumedCapacity="TOTAL")
    assert done["Responses"] == [{"TableName": "Log", "Item": {"n": {"N": "9"}}}]
    assert [one["CapacityUnits"] for one in done["ConsumedCapacity"]] == [1.0]
    read = {"Statement": f"SELECT n FROM Log {KEY}"}
    request = {"Statements": [{**read, "ConsistentRead": True}], "ReturnConsumedCapacity": "TOTAL"}
    assert engine.perform("BatchExecuteStatement", request)["ConsumedCapacity"][0]["CapacityUnits"] == 1.0


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT * FROM Log WHERE", MALFORMED + "Unexpected term"),
        (f"UPDATE Log SET n = 1 {KEY} RETURNING ALL NEW *", "RETURNING clause is not supported in ExecuteTransaction."),
        ("SELECT * FROM Log.by_who WHERE who = 'alice'", "Reads on indices are not supported within transactions."),
        (
            "SELECT * FROM Log WHERE n = 1",
            "Select statements within ExecuteTransaction must specify the primary key in the where clause.",
        ),
        (
            f"EXISTS(SELECT * FROM Log {KEY})",
            "EXISTS() must contain a single item read with additional condition",
        ),
    ],
)
def test_a_wrong_statement_of_a_transaction_is_named(statement: str, told: str):
    error = refusal(loaded(), "ExecuteTransaction", {"TransactStatements": [{"Statement": statement}]})
    assert (error.code, error.message) == ("ValidationException", f"Validation failed in TransactStatements[0]: {told}")


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
