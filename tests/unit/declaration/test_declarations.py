"""What a model declares is held to what it does, because a slip there would read as a pass."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

import toctou
from toctou import Model, Table, handler
from toctou.declaration.loading import load
from toctou.errors import ModelError

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


class Notes(Model):
    """A note that anybody may rewrite."""

    tables = (Table("Notes", "note_id"),)
    items = {"Notes": [{"note_id": "n1", "owner": "alice"}]}
    principals = ("alice",)

    @handler()
    def rewrite(self, principal):
        dynamodb.put_item(
            TableName="Notes", Item={"note_id": {"S": "n1"}, "owner": {"S": "alice"}, "text": {"S": "new"}}
        )


def test_a_misspelt_owner_is_refused_with_the_names_there_are():
    misspelt = type("Misspelt", (Notes,), {"owner": "ownr"})
    with pytest.raises(ModelError, match=r"no item .* has the attribute 'ownr'") as refused:
        toctou.check(misspelt)
    assert "note_id, owner" in refused.value.remedy


def test_a_rule_of_its_own_needs_no_such_attribute():
    own_rule = type("OwnRule", (Notes,), {"owner": "ownr", "owns": lambda self, principal, item: True})
    assert toctou.check(own_rule).verdict == "VERIFIED"


def test_no_items_at_the_start_are_no_slip():
    assert toctou.check(type("Empty", (Notes,), {"owner": "owner", "items": {}})).verdict == "VERIFIED"


def test_a_handler_that_is_declared_read_only_and_writes_is_refused():
    class Lies(Notes):
        rewrite = handler(Notes.handlers()["rewrite"].function, read_only=True)

    with pytest.raises(ModelError, match=r"'rewrite' is declared read-only, but its PutItem changed Notes\[n1\]"):
        toctou.check(Lies)


class Unshowable:
    def __repr__(self):
        raise KeyError("repr")


class Incomparable:
    def __eq__(self, other):
        raise KeyError("eq")

    __hash__ = None


ITSELF: dict[str, object] = {"note_id": "n1"}
ITSELF["again"] = ITSELF
TWICE = [{"note_id": "n1"}, {"note_id": "n1", "owner": "bob"}]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("tables", Table("Notes", "note_id"), "`tables` of the model Odd is Table"),
        ("tables", [{"TableName": "Notes"}], "`tables` of the model Odd is"),
        ("tables", "Notes", "`tables` of the model Odd is 'Notes'"),
        ("items", [{"note_id": "n1"}], "`items` of the model Odd is"),
        ("items", None, "`items` of the model Odd is None"),
        ("items", {"Notes": "n1"}, "`items` of the model Odd has 'n1' for the table 'Notes'"),
        ("items", {"Notes": {"note_id": "n1"}}, "has {'note_id': 'n1'} for the table 'Notes'"),
        ("items", {"Notes": ({"note_id": one} for one in "ab")}, "has <generator"),
        ("items", {3: []}, r"has \[\] for the table 3"),
        ("items", {"Notes": [None]}, "declares the item None of table 'Notes'"),
        ("items", {"Notes": [{"note_id": "n1", 3: "x"}]}, "3 is no name of an attribute"),
        ("items", {"Notes": [{"note_id": "n1", "map": {3: "x"}}]}, "3 is no name of an attribute"),
        ("items", {"Notes": [{"note_id": "n1", "price": 1.5}]}, "numbers are int or Decimal"),
        ("items", {"Notes": [ITSELF]}, "it holds itself"),
        ("items", {"Notes": TWICE}, "two items of table 'Notes' with the same key"),
        ("items", {"Notes": [{"note_id": 1}]}, "is of type N, and of type S in `tables`"),
        ("items", {"Notes": [{"note_id": "n1", "text": "x" * 500_000}]}, "was refused: ValidationException"),
        ("principals", "alice", "`principals` of the model Odd is 'alice'"),
        ("principals", ("alice", "alice"), "`principals` of the model Odd is"),
        ("principals", {"alice": 1}, "`principals` of the model Odd is"),
        ("principals", (1, 2), "`principals` of the model Odd is"),
        ("owner", ["owner"], "`owner` of the model Odd is"),
        ("retryable", 409, "`retryable` of the model Odd is 409"),
        ("ignore", ["updated_at"], "`ignore` of the model Odd is"),
        ("isolation", "process", "`isolation` of the model Odd is 'process'"),
        ("refusals", "all", "`refusals` of the model Odd is 'all'"),
        ("overwrites", None, "`overwrites` of the model Odd is None"),
        ("unowned", "nobody", "`unowned` of the model Odd is 'nobody'"),
        ("reference", dict, "`reference` of the model Odd is <class 'dict'>"),
        ("service", "node server.js", "`service` of the model Odd is"),
        ("handlers", 3, "`handlers` of the model Odd is 3"),
        ("scenarios", classmethod(lambda cls, size: 3), "the scenarios of the model Odd cannot be made: TypeError"),
        ("requests", classmethod(lambda cls: ["A"]), "the scenarios of the model Odd contain 'A'"),
    ],
)
def test_what_is_declared_in_another_form_is_refused(name, value, said):
    with pytest.raises(ModelError, match=said) as refused:
        toctou.check(type("Odd", (Notes,), {name: value}))
    assert refused.value.expected
    assert refused.value.remedy
    assert len(str(refused.value)) < 1000, "a large value is not shown whole"


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        ({"text": "new"}, "the pool of 'text' is 'new'"),
        ({"text": b"new"}, "the pool of 'text' is b'new'"),
        ({"text": 3}, "the pool of 'text' is 3"),
        ({"text": {"new": 1}}, "the pool of 'text' is"),
        ({"text": [Unshowable()]}, "a value of 'text', of type Unshowable, cannot be shown or compared: KeyError"),
        ({"text": [Incomparable()]}, "a value of 'text', of type Incomparable, cannot be shown or compared: KeyError"),
        ({"arguments": ["text"]}, "`arguments` of a handler is"),
        ({"principals": "bob", "text": ["new"]}, "`principals` of the handler 'write' of the model Odd is 'bob'"),
    ],
)
def test_values_of_arguments_that_are_no_list_are_refused(pools, said):
    def write(principal, text=""):
        Notes().rewrite(principal)

    with pytest.raises(ModelError, match=said):
        toctou.check(type("Odd", (Notes,), {"write": handler(write, **pools)}))


def test_values_that_are_made_while_they_are_read_are_kept_and_those_of_a_set_have_an_order():
    names = {"b", "c", "a"}
    made = handler(print, one=(name for name in "ab"), two=range(2), three=names)
    assert made.pools == {"one": ("a", "b"), "two": (0, 1), "three": ("a", "b", "c")}


def test_a_handler_that_is_no_function_is_refused():
    with pytest.raises(ModelError, match=r"\['n1'\] is declared as a handler"):
        handler(["n1"])


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Table("Notes", ("note_id", "S")),
        lambda: Table(3, "note_id"),
        lambda: Table("T", "note_id"),
        lambda: Table("Notes of alice", "note_id"),
        lambda: Table("Notes", "note_id", indexes={"by": ("owner",)}),
        lambda: Table("Notes", "note_id", 3),
        lambda: Table("Notes", "note_id", indexes={"by-owner": "owner"}),
        lambda: Table("Notes", "note_id", indexes={"by-owner": ("a", "b", "c")}),
        lambda: Table("Notes", "note_id", indexes=["owner"]),
        lambda: Table("Notes", "note_id", definition="x"),
        lambda: Table("Notes", "note_id", definition={"KeySchema": "x"}),
        lambda: Table("Notes", "note_id", definition={"Unknown": 1}),
    ],
)
def test_a_table_that_is_declared_in_another_form_is_refused(declare):
    with pytest.raises(ModelError, match=r"table .*(is declared|has a definition)"):
        declare()


def test_items_of_a_table_that_is_not_declared_are_named():
    with pytest.raises(ModelError) as refused:
        toctou.check(type("Remote", (Notes,), {"items": {"Note": [{"note_id": "n1"}]}}))
    assert refused.value.observed.endswith("has items of the table 'Note', which `tables` does not declare")
    assert refused.value.remedy == "did you mean 'Notes'?"


def test_a_method_that_looks_like_a_handler_and_is_none_is_refused():
    class Forgotten(Notes):
        def erase(self, principal, note_id):
            return 204

        def _helper(self, principal):
            return principal

        def owns(self, principal, item):
            return True

    with pytest.raises(
        ModelError, match="'erase' of the model Forgotten takes a principal, but is not declared"
    ) as refused:
        toctou.check(Forgotten)
    assert "name it _erase" in refused.value.remedy


def test_overriding_a_handler_without_declaring_it_is_refused():
    class Overrides(Notes):
        def rewrite(self, principal):
            return 204

    with pytest.raises(ModelError, match="'rewrite' of the model Overrides takes a principal"):
        toctou.check(Overrides)
    assert toctou.check(type("Declares", (Overrides,), {"rewrite": Notes.handlers()["rewrite"]})).verdict == "VERIFIED"


def test_a_model_without_any_handler_is_not_overlooked(tmp_path):
    (tmp_path / "orders.py").write_text(
        "from toctou import Model\nclass Orders(Model):\n    def cancel(self, principal):\n        return 204\n"
    )
    (loaded,) = load([str(tmp_path)])
    with pytest.raises(ModelError, match="'cancel' of the model Orders takes a principal"):
        toctou.check(loaded.model)


@pytest.mark.parametrize("pools", [{}, {"context": [None]}, {"event": [{"id": 1}]}])
def test_a_lambda_function_is_pointed_to_routes(pools):
    def lambda_handler(event, context):
        return {"statusCode": 200}

    class Lambda(Notes):
        delete = handler(lambda_handler, **pools)

    with pytest.raises(
        ModelError, match=r"'delete' .* is a function for AWS Lambda: it takes \(event, context\)"
    ) as refused:
        toctou.check(Lambda)
    assert "delete = route(" in refused.value.remedy


def test_a_check_leaves_the_tables_of_a_test_that_uses_moto_alone():
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(**Notes.tables[0].parameters)
        client.put_item(TableName="Notes", Item={"note_id": {"S": "mine"}})
        assert toctou.check(Notes, backend="moto").verdict == "VERIFIED"
        assert client.scan(TableName="Notes")["Items"] == [{"note_id": {"S": "mine"}}]


@pytest.mark.parametrize(
    ("attributes", "observed", "expected"),
    [
        ({"refusals": "all"}, "`refusals` of the model Odd is 'all'", "'any' or 'exact'"),
        ({"overwrites": True}, "`overwrites` of the model Odd is True", "'note' or 'violation'"),
        ({"ignore": {"Note": ["text"]}}, "`ignore` of the model Odd holds 'Note': ['text']", "Notes, body"),
        ({"ignore": {"Notes": "text"}}, "`ignore` of the model Odd holds 'Notes': 'text'", "a list of attributes"),
        ({"ignore": {"body": [1]}}, "`ignore` of the model Odd holds 'body': [1]", "keys for the body"),
        ({"retryable": 409}, "`retryable` of the model Odd is 409", "statuses, such as {409, 503}"),
        ({"retryable": "409"}, "`retryable` of the model Odd is '409'", "statuses, such as {409, 503}"),
        ({"retryable": ["409"]}, "`retryable` of the model Odd is ['409']", "statuses, such as {409, 503}"),
        ({"retryable": {409, True}}, "`retryable` of the model Odd is", "statuses, such as {409, 503}"),
        (
            {"rewrite": handler(lambda principal: 200, retryable=503)},
            "`retryable` of the handler 'rewrite' is 503",
            "statuses, such as {409, 503}",
        ),
    ],
)
def test_what_is_declared_of_comparisons_is_named_where_it_cannot_be_meant(attributes, observed, expected):
    with pytest.raises(ModelError) as refused:
        type("Odd", (Notes,), attributes).requests()
    assert observed in str(refused.value)
    assert expected in refused.value.expected


@pytest.mark.parametrize(
    "attributes",
    [
        {"refusals": "exact", "overwrites": "violation"},
        {"ignore": {"Notes": ("text", "meta.at"), "body": ["id"]}},
        {"ignore": {"Notes": []}},
        {"retryable": []},
        {"retryable": range(400, 500)},
        {"retryable": lambda self, response: True},
        {"rewrite": handler(lambda principal: 200, retryable=frozenset({503}))},
        {"rewrite": handler(lambda principal: 200, retryable=())},
    ],
)
def test_what_may_be_declared_of_comparisons(attributes):
    assert len(type("Fine", (Notes,), attributes).requests()) == 1
