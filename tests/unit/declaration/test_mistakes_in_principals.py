"""Names of principals that are nearly those of the items are told before anything runs; whoever owns nothing is no mistake."""

from __future__ import annotations

import boto3
import pytest

import toctou
from toctou import Model, Table, Verdict, event, handler, route
from toctou.declaration.model import check_model
from toctou.errors import ModelError

table = boto3.resource("dynamodb", region_name="eu-central-1").Table("Notes")


def delete(caller, note_id):
    note = table.get_item(Key={"note_id": note_id}).get("Item", {"owner": None})
    if note["owner"] != caller:
        return 403
    table.delete_item(Key={"note_id": note_id}, ConditionExpression="attribute_exists(note_id)")
    return 204


def create(caller, note_id):
    table.put_item(Item={"note_id": note_id, "owner": caller})
    return 201


def of(*owners):
    return {"Notes": [{"note_id": f"n{at}", "owner": one} for at, one in enumerate(owners)]}


class Right(Model):
    tables = [Table("Notes", "note_id")]
    items = of("alice")
    owner = "owner"
    delete = handler(delete, note_id=["n0"])


def made(members):
    return type("Made", (Right,), {**members, "__module__": __name__})


WRONG = [
    # whose the items are
    (
        {"items": of("Alice")},
        "an item of the model Made belongs to 'Alice', and none to",
        "did you mean 'alice'?",
    ),
    ({"items": of("carol", "alcie")}, "belongs to 'alcie'", "did you mean 'alice'?"),
    ({"items": of("alice@example.com")}, "belongs to 'alice@example.com'", "principals = ['alice@example.com', …]"),
    ({"items": of("USER#bob")}, "belongs to 'USER#bob'", "def owns(self, principal, item)"),
    ({"items": of("Alice"), "create": handler(create, note_id=["n9"])}, "belongs to 'Alice'", "did you mean 'alice'?"),
    ({"owner": "meta.of", "items": {"Notes": [{"note_id": "n", "meta": {"of": "BOB"}}]}}, "belongs to 'BOB'", "'bob'"),
    (
        {"items": {"Notes": [{"note_id": "n1", "owner": "alice"}, {"note_id": "n2", "Owner": "bob"}]}},
        "an item of the model Made has no 'owner', but 'Owner': anybody may change it",
        "did you mean 'owner' by 'Owner'?",
    ),
    ({"owner": "Owner"}, "no item of the model Made has the attribute 'Owner'", "one of note_id, owner"),
    # who calls
    (
        {"create": handler(create, note_id=["n9"], principals=["Alice"])},
        "`principals` of the handler 'create' of the model Made has 'Alice', who is not among its own",
        "did you mean 'alice'? If not, principals = ['Alice', …] in the model",
    ),
    (
        {"app": print, "create": route("POST /notes", principals=["alcie"])},
        "of the handler 'create'",
        "did you mean 'alice'?",
    ),
    (
        {"principals": ["u-17"], "items": of("u-17"), "create": handler(create, note_id=["n9"], principals=["bob"])},
        "has 'bob', who is not among its own",
        "did you mean 'u-17'?",
    ),
]


@pytest.mark.parametrize(("members", "observed", "remedy"), WRONG, ids=[one[-2][:40] for one in WRONG])
def test_a_mistake_is_told_in_one_line_with_its_remedy(members, observed, remedy):
    with pytest.raises(ModelError) as refused:
        check_model(made(members))
    one = refused.value
    assert observed in one.observed
    assert remedy in one.remedy
    assert "\n" not in one.observed + one.remedy


class Owns(Right):
    items = of("alice@example.com")

    def owns(self, principal, item):
        return item["owner"].partition("@")[0] == principal


USED = [
    made({"items": {}}),
    made({"items": of("carol")}),  # whose note nobody may change
    made({"items": of("nobody", None)}),
    made({"items": of("alice", "Alice", "alice2")}),
    made({"items": of("u-18"), "principals": ["u-17"]}),
    made({"items": of("Alice"), "principals": ["Alice", "bob"]}),
    made({"items": of("Alice"), "owner": None}),
    made(
        {"items": of("alice") | {"Old": [{"id": "o1", "Owner": "bob"}]}, "tables": [*Right.tables, Table("Old", "id")]}
    ),
    made({"create": handler(create, note_id=["n9"], principals=["admin"])}),
    made({"create": handler(create, note_id=["n9"], principals=["alice2", "u"])}),
    made({"create": handler(create, note_id=["n9"], principals=["Alice"]), "items": of("alice", "Alice")}),
    made(
        {
            "principals": ["u-17"],
            "items": of("u-17", "bob"),
            "create": handler(create, note_id=["n9"], principals=["bob"]),
        }
    ),
    made({"function": lambda event, context: 200, "work": event("sqs", messages=["x"])}),
    Owns,
]


@pytest.mark.parametrize("model", USED)
def test_others_may_own_and_others_may_call(model):
    check_model(model)


def test_items_of_others_are_named_where_everybody_is_rejected():
    result = toctou.check(made({"items": of("u-17")}), requests=1)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert 'every request was answered 403: all items belong to u-17: say principals = ["u-17"]' in result.detail
    assert "(requests were made as alice, bob)" in result.detail


def test_handlers_that_create_items_make_that_no_matter():
    result = toctou.check(made({"items": of("u-17"), "create": handler(create, note_id=["n1"])}), requests=1)
    assert "items belong to" not in result.detail


def test_without_an_application_no_headers_are_asked_for():
    result = toctou.check(made({"owner": None, "items": of("u-17")}), requests=1)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "headers" not in result.detail
    assert "no item in `items` names alice and bob" in result.detail
