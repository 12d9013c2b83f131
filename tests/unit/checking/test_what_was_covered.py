"""What a verdict says it rests on: unguarded writes and why they are harmless, what no rule judged, and what remains."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from jsonschema import Draft202012Validator

from toctou import Model, Table, handler, invariant
from toctou.checking.check import check_model
from toctou.reporting.coverage import coverage_document, notable, number_words
from toctou.reporting.html import render_run
from toctou.reporting.run_document import documents
from toctou.search.result import RunResult
from toctou.verdict import Verdict

dynamodb = boto3.client("dynamodb", region_name="eu-central-1")


def update(table, key, attribute, value, **more):
    more.setdefault("ExpressionAttributeNames", {}).update({"#a": attribute})
    more.setdefault("ExpressionAttributeValues", {}).update({":v": {"S": value}})
    dynamodb.update_item(TableName=table, Key={"id": {"S": key}}, UpdateExpression="SET #a = :v", **more)


class Notes(Model):
    """Only the owner may change the text of a note; nothing else changes a note."""

    tables = [Table("Notes", "id"), Table("Audit", "id")]
    items = {"Notes": [{"id": "n1", "owner": "alice", "text": "-"}], "Audit": [{"id": "last", "by": "-"}]}
    owner = "owner"

    @handler(text=["x"])
    def write(self, principal, text):
        note = dynamodb.get_item(TableName="Notes", Key={"id": {"S": "n1"}}, ConsistentRead=True)["Item"]
        if note["owner"]["S"] != principal:
            return 403
        update("Notes", "n1", "text", text)
        return 200


class NotesHandedOver(Notes):
    """The same, and a note may be handed over meanwhile."""

    @handler(principals=["alice"])
    def hand_over(self, principal):
        condition = {"ConditionExpression": "#o = :c", "ExpressionAttributeNames": {"#o": "owner"}}
        try:
            update("Notes", "n1", "owner", "bob", ExpressionAttributeValues={":c": {"S": principal}}, **condition)
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 403
        return 200


class NotesAudited(Notes):
    """Writes down, in an item that belongs to nobody, who was there last."""

    @handler(principals=["alice"])
    def audit(self, principal):
        update("Audit", "last", "by", principal)
        return 200


def read_user():
    return dynamodb.get_item(TableName="Users", Key={"id": {"S": "u1"}}, ConsistentRead=True)["Item"]


def unguarded(result):
    return {(one.handler, one.write.action): one for one in result.coverage.unguarded}


def test_an_unguarded_write_to_what_nobody_else_changes_is_harmless_in_this_scope():
    result = check_model(Notes)
    assert result.verdict is Verdict.VERIFIED
    (one,) = result.coverage.unguarded
    assert (one.handler, one.read.action, one.write.action, one.distant) == ("write", "GetItem", "UpdateItem", False)
    assert one.write.source.text.startswith("dynamodb.update_item(")
    assert one.outcome == "harmless"
    assert "only write itself writes anything of Notes" in one.reasons
    assert "no oracle objected to any of these" in one.reasons
    assert one.interleaved == 1  # that of two equal requests of alice: bob's are refused
    assert "1 unguarded write is harmless in this scope" in notable(coverage_document(result.coverage))


def test_a_write_is_harmless_where_what_the_handler_looks_at_is_never_changed():
    class Retitled(Notes):
        @handler(principals=["alice"])
        def retitle(self, principal):
            update("Notes", "n1", "title", principal, ConditionExpression="attribute_exists(id)")
            return 200

    one = unguarded(check_model(Retitled))["write", "UpdateItem"]
    assert (one.outcome, one.beside) == ("harmless", ("retitle", "write"))
    assert (
        "alone, write looks at owner of Notes only, which no handler of the model changes in an item that is there"
        in one.reasons
    )


def test_a_conflicting_handler_makes_it_violated_and_no_longer_harmless():
    result = check_model(NotesHandedOver)
    assert result.verdict is Verdict.VIOLATED
    one = unguarded(result)["write", "UpdateItem"]
    assert one.outcome == "violation"
    assert "hand_over" in one.beside
    assert "harmless" not in notable(coverage_document(result.coverage))


def test_it_is_not_called_harmless_where_scenarios_with_it_were_not_explored():
    for result in (check_model(NotesAudited, max_schedules=1), check_model(Notes, strategy="random", max_schedules=5)):
        assert result.verdict is Verdict.INCONCLUSIVE
        assert unguarded(result)["write", "UpdateItem"].outcome == "open"
        assert any("inconclusive" in one for one in result.coverage.remaining)


def test_a_write_that_no_rule_judges_is_listed():
    result = check_model(NotesAudited)
    assert result.verdict is Verdict.VERIFIED
    (one,) = result.coverage.unjudged
    assert (one.kind, one.handler, one.table, one.attributes) == ("write", "audit", "Audit", ("by",))
    assert one.call.action == "UpdateItem"
    assert one.reason.startswith("the item has no owner")
    assert {each.oracle: each.handlers for each in result.coverage.judged}["ownership"] == ("write",)


def test_an_invariant_judges_what_it_looks_at():
    class Checked(NotesAudited):
        @invariant
        def known(self, items):
            return all(one["by"] in ("-", "alice") for one in items["Audit"])

    class Counted(NotesAudited):
        @invariant
        def one(self, items):
            return len(items["Audit"]) == 1

    assert check_model(Checked).coverage.unjudged == ()
    assert [one.table for one in check_model(Counted).coverage.unjudged] == ["Audit"]


def test_what_a_reference_does_not_look_at_and_what_is_ignored_is_not_even_compared():
    class Owners:
        def state_of(self, items):
            return {one["id"]: one["owner"] for one in items["Notes"]}

        def step(self, state, request):
            return state, 200

    class Referenced(NotesAudited):
        reference = Owners()
        write = None

    class Ignoring(NotesAudited):
        ignore = {"Audit": ["by"], "body": ["at"]}

    found = check_model(Referenced).coverage.unjudged
    assert (found[0].kind, found[0].table, found[0].attributes) == ("attribute", "Audit", ("by",))
    assert ("table", "Notes") in [(one.kind, one.table) for one in found]
    found = check_model(Ignoring).coverage.unjudged
    assert [(one.kind, one.attributes) for one in found] == [("attribute", ("by",)), ("answer", ("at",))]


def test_a_condition_on_another_item_and_a_distant_read_are_reported():
    class Locked(Model):
        tables = [Table("Notes", "id"), Table("Locks", "id")]
        items = {"Notes": [{"id": "n1", "text": "-"}], "Locks": [{"id": "l1", "free": "yes"}]}
        principals = ("alice",)

        @handler(retryable=[409])
        def write(self, principal):
            try:
                update("Locks", "l1", "free", "no", ConditionExpression="#a <> :v")
            except dynamodb.exceptions.ConditionalCheckFailedException:
                return 409
            dynamodb.get_item(TableName="Notes", Key={"id": {"S": "n1"}}, ConsistentRead=True)
            dynamodb.put_item(TableName="Notes", Item={"id": {"S": "n1"}, "text": {"S": principal}})
            dynamodb.put_item(TableName="Locks", Item={"id": {"S": "l1"}, "free": {"S": "yes"}})
            return 200

    result = check_model(Locked)
    assert result.verdict is Verdict.VERIFIED
    (same,) = result.coverage.unguarded
    assert any("has made a conditional UpdateItem of Locks" in one for one in same.reasons)


def test_a_read_of_another_item_is_reported_unless_the_transaction_checks_it():
    class Members(Model):
        tables = [Table("Users", "id"), Table("Notes", "id")]
        items = {"Users": [{"id": "u1", "active": "yes"}], "Notes": []}
        principals = ("alice",)

        @handler
        def checked_before(self, principal):
            read_user()
            dynamodb.put_item(TableName="Notes", Item={"id": {"S": "n1"}})
            return 200

        @handler
        def checked_in_transaction(self, principal):
            read_user()
            check = {"ConditionExpression": "active = :y", "ExpressionAttributeValues": {":y": {"S": "yes"}}}
            dynamodb.transact_write_items(
                TransactItems=[
                    {"ConditionCheck": {"TableName": "Users", "Key": {"id": {"S": "u1"}}, **check}},
                    {"Put": {"TableName": "Notes", "Item": {"id": {"S": "n2"}}}},
                ]
            )
            return 200

    (one,) = check_model(Members).coverage.unguarded
    assert (one.handler, one.distant, one.tables) == ("checked_before", True, ("Notes",))
    assert (one.outcome, one.unchecked) == ("harmless", (("Users", ("the whole item",)),))
    assert "no handler of the model writes anything of Users" in one.reasons


def test_scope_and_assumptions_say_what_the_model_declares():
    class Declared(Notes):
        services = ("sqs",)

    stated = {one.name: one.text for one in check_model(Declared).coverage.assumptions}
    assert "sqs" in stated["services"]
    scope = {one.name: one.text for one in check_model(Notes, reads=2).coverage.scope}
    assert "one of the last 2 versions" in scope["reads"]
    assert scope["faults"].startswith("none")


def test_the_index_and_the_run_say_what_was_covered_as_the_schema_describes_it():
    result = check_model(NotesAudited)
    run, _ = documents(RunResult((result,), "embedded", "dpor", requests=2, seed=0))
    schema = json.loads((Path(__file__).parents[3] / "reports" / "run.schema.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(json.loads(json.dumps(run)))] == []
    coverage = run["models"][0]["coverage"]
    coverage["interleavings"] = 1_234_567_890
    coverage["remaining"] = ["<b>nothing</b>"]
    page = render_run(run)
    assert "1.2 × 10⁹</span> interleavings" in page
    assert "1234567890</span> interleavings" in page
    assert "harmless in this scope</span> <b>write</b>: " in page
    assert "the item has no owner" in page
    assert "&lt;b&gt;nothing&lt;/b&gt;" in page


def test_a_report_of_an_earlier_version_has_a_page_without_it():
    run, _ = documents(RunResult((check_model(Notes),), "embedded", "dpor", requests=2, seed=0))
    del run["models"][0]["coverage"]
    assert "What was covered" not in render_run(run)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (12_345, "12,345"),
        (999_999, "999,999"),
        (1_000_000, "1.0 × 10⁶"),
        (1_249_999_999, "1.2 × 10⁹"),
        (9_960_000, "1.0 × 10⁷"),
        (10**40, "1.0 × 10⁴⁰"),
    ],
)
def test_large_numbers_can_be_read(number, words):
    assert number_words(number) == words
