"""Fixes that were tried: of each kind of race, what is suggested, and what came of it when the handler was asked otherwise."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Key

from toctou import Model, Table, handler
from toctou.analysis.edit_words import Shown, remedy_text
from toctou.analysis.edits import Attempt, Checked, Conditional, Edit, Place, Term, Together
from toctou.analysis.wording import Words
from toctou.checking.check import check
from toctou.declaration.loading import LoadedModel
from toctou.search.budget import Budget
from toctou.search.options import Options

client = boto3.client("dynamodb", region_name="us-east-1")
notes = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")
ONE = [Table("Notes", "id")]


def found(name: str, strongly: bool = True) -> dict[str, Any] | None:
    return notes.get_item(Key={"id": name}, ConsistentRead=strongly).get("Item")


def stored(name: str, **attributes: Any) -> None:
    names = {f"#{one}": one for one in attributes}
    values = {f":{one}": value for one, value in attributes.items()}
    expression = "SET " + ", ".join(f"#{one} = :{one}" for one in attributes)
    notes.update_item(
        Key={"id": name},
        UpdateExpression=expression,
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )


class Owned(Model):
    tables = ONE
    items = {"Notes": [{"id": "n", "owner": "alice"}]}
    owner = "owner"

    @handler
    def delete(self, principal: str) -> int:
        note = found("n")
        if note is None or note["owner"] != principal:
            return 403
        notes.delete_item(Key={"id": "n"})
        return 204

    @handler(principals=["alice"])
    def give(self, principal: str) -> int:
        try:
            notes.update_item(
                Key={"id": "n"},
                UpdateExpression="SET #o = :bob",
                ConditionExpression="#o = :me",
                ExpressionAttributeNames={"#o": "owner"},
                ExpressionAttributeValues={":bob": "bob", ":me": principal},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return 409
        return 200


class Unchecked(Model):
    tables = ONE
    items = {"Notes": [{"id": "n", "owner": "alice"}]}
    owner = "owner"

    @handler
    def delete(self, _principal: str) -> int:
        notes.delete_item(Key={"id": "n"})
        return 204


class AbsentAttribute(Model):
    tables = ONE
    items = {"Notes": [{"id": "n"}]}
    principals = ["alice"]

    @handler(text=["a", "b"])
    def append(self, _principal: str, text: str) -> int:
        stored("n", log=(found("n") or {}).get("log", "") + text)
        return 200


class Counted(Model):
    tables = ONE
    items = {"Notes": [{"id": "n", "seen": 1}]}
    principals = ["alice"]

    @handler
    def see(self, _principal: str) -> int:
        stored("n", seen=(found("n") or {"seen": 0})["seen"] + 1)
        return 200


class CountedAndAnswered(Model):
    """What it answers is computed from the old value, so that ADD alone is no help."""

    tables = ONE
    items = {"Notes": [{"id": "n", "seen": 1}]}
    principals = ["alice"]

    @handler
    def see(self, _principal: str) -> tuple[int, int]:
        seen = int((found("n") or {"seen": 0})["seen"]) + 1
        stored("n", seen=seen)
        return 200, seen


class OtherItem(Model):
    tables = ONE
    items = {"Notes": [{"id": "project"}]}
    principals = ["alice"]

    @handler
    def add(self, _principal: str) -> int:
        if found("project") is None:
            return 404
        notes.put_item(Item={"id": "task", "of": "project"})
        return 201

    @handler
    def drop(self, _principal: str) -> int:
        notes.delete_item(Key={"id": "project"})
        notes.delete_item(Key={"id": "task"})
        return 204


class TwoWrites(Model):
    tables = ONE
    items = {"Notes": [{"id": "account", "held": 10}]}
    principals = ["alice"]

    @handler(order=["o1"])
    def pay(self, _principal: str, order: str) -> int:
        if found(order) is not None:
            return 200
        notes.update_item(
            Key={"id": "account"}, UpdateExpression="ADD held :change", ExpressionAttributeValues={":change": -5}
        )
        notes.put_item(Item={"id": order})
        return 200


class LeftHalf(Model):
    """Refuses after its first write; that is made only if the request is accepted."""

    tables = ONE
    items = {"Notes": [{"id": "a", "state": "open"}, {"id": "b"}]}
    principals = ["alice"]

    @handler
    def close(self, _principal: str) -> int:
        stored("a", state="closed")
        if found("b") is None:
            return 404
        stored("b", closed="yes")
        return 200

    @handler
    def drop(self, _principal: str) -> int:
        notes.delete_item(Key={"id": "b"})
        return 204


class InTransaction(Model):
    tables = ONE
    items = {"Notes": [{"id": "a", "held": 5}, {"id": "b", "held": 1}]}
    principals = ["alice"]

    @handler
    def move(self, _principal: str) -> int:
        held = int((found("a") or {"held": 0})["held"])
        if held < 3:
            return 409
        rest, more = {":rest": {"N": str(held - 3)}}, {":more": {"N": "3"}}
        update = {"TableName": "Notes", "Key": {"id": {"S": "a"}}, "UpdateExpression": "SET held = :rest"}
        add = {"TableName": "Notes", "Key": {"id": {"S": "b"}}, "UpdateExpression": "ADD held :more"}
        client.transact_write_items(
            TransactItems=[
                {"Update": {**update, "ExpressionAttributeValues": rest}},
                {"Update": {**add, "ExpressionAttributeValues": more}},
            ]
        )
        return 200


class UniqueByIndex(Model):
    tables = [Table("Notes", "id", indexes={"by-title": ("title",)})]
    principals = ["alice"]

    @handler(name=["1", "2"])
    def register(self, _principal: str, name: str) -> int:
        if notes.query(IndexName="by-title", KeyConditionExpression=Key("title").eq("t"))["Items"]:
            return 409
        notes.put_item(Item={"id": name, "title": "t"})
        return 201


class InBatch(Model):
    tables = [Table("Notes", "id", "part")]
    items = {"Notes": [{"id": "n", "part": "p", "times": 1}]}
    principals = ["alice"]

    @handler
    def take(self, _principal: str) -> tuple[int, list[int]]:
        every = notes.query(KeyConditionExpression=Key("id").eq("n"), ConsistentRead=True)["Items"]
        with notes.batch_writer() as batch:
            for one in every:
                batch.delete_item(Key={"id": one["id"], "part": one["part"]})
        return 200, [int(one["times"]) for one in every]


class GuardedButNotHandled(Model):
    tables = ONE
    principals = ["alice"]

    @handler
    def take(self, principal: str) -> int:
        if found("lock") is not None:
            return 423
        notes.put_item(Item={"id": "lock", "by": principal}, ConditionExpression="attribute_not_exists(id)")
        return 200


class ReadWeakly(Model):
    tables = ONE
    principals = ["alice"]

    @handler
    def put_and_show(self, principal: str) -> int:
        notes.put_item(Item={"id": principal})
        return 200 if found(principal, strongly=False) else 404


def best(model: type[Model], **options: Any) -> Attempt:
    """The remedy of the most severe finding."""
    result = check([LoadedModel(model.__name__, model)], Options(**options))
    violations = result.models[0].violations
    assert violations, result.models[0].detail
    most_severe = max(violations, key=lambda one: one.severity.score)
    assert most_severe.remedy is not None
    return most_severe.remedy


REMOVED = [
    (Owned, "condition", "#owner = :caller"),
    (Unchecked, "condition", "#owner = :caller"),
    (AbsentAttribute, "condition", "attribute_not_exists(#log) AND attribute_exists(id)"),
    (Counted, "add", "ADD #seen :change"),
    (CountedAndAnswered, "condition", "#seen = :seen"),
    (OtherItem, "checked", "ConditionCheck of Notes[project]: ConditionExpression='attribute_exists(id)'"),
    (TwoWrites, "together", "in one TransactWriteItems"),
    (LeftHalf, "together", "when it has succeeded"),
    (InTransaction, "condition", "#held = :held"),
    (UniqueByIndex, "claim", "whose key is the title itself"),
    (InBatch, "condition", "which takes no condition"),
    (GuardedButNotHandled, "answer", "handle ConditionalCheckFailedException: another request won the race"),
]


@pytest.mark.parametrize(("model", "kind", "text"), REMOVED)
@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_what_removes_a_race_is_found_by_trying(model, kind, text, isolation):
    attempt = best(model, isolation=isolation)
    assert attempt.tried.outcome == "removed", attempt
    assert kind in {edit.kind for edit in attempt.remedy.edits}
    assert text in attempt.remedy.text
    assert f"{attempt.tried.schedules:,} schedule" in attempt.tried.text
    assert attempt.tried.scenarios > 1


def test_an_old_result_is_removed_by_a_strong_read():
    attempt = best(ReadWeakly, reads=2)
    assert attempt.tried.outcome == "removed"
    assert attempt.remedy.text == "Make the GetItem with ConsistentRead=True"


class CaughtAsAnError(Owned):
    """Makes an error of whatever the service refuses, so that the condition alone is no fix."""

    @handler
    def delete(self, principal: str) -> int:
        note = found("n")
        if note is None or note["owner"] != principal:
            return 403
        try:
            notes.delete_item(Key={"id": "n"})
        except client.exceptions.ClientError:
            return 500
        return 204


def test_what_the_handler_makes_of_a_refusal_counts():
    attempt = best(CaughtAsAnError)
    assert attempt.tried.outcome == "removed"
    assert [edit.kind for edit in attempt.remedy.edits] == ["condition", "answer"]
    assert "handle ConditionalCheckFailedException" in attempt.remedy.text


class WithoutHelp(Model):
    """The condition of the old form leaves no room for an expression."""

    tables = ONE
    items = {"Notes": [{"id": "n", "text": ""}]}
    principals = ["alice"]

    @handler(text=["a", "b"])
    def append(self, _principal: str, text: str) -> int:
        notes.update_item(
            Key={"id": "n"},
            AttributeUpdates={"text": {"Value": (found("n") or {})["text"] + text, "Action": "PUT"}},
            Expected={"id": {"Exists": True, "Value": "n"}},
        )
        return 200


def test_what_cannot_be_tried_says_why():
    attempt = best(WithoutHelp)
    assert attempt.tried.outcome == "not_tried"
    assert "old form (Expected)" in attempt.tried.text
    assert attempt.tried.schedules == 0


def test_fixes_are_left_untried_if_asked_for():
    attempt = best(Owned, fixes=False)
    assert (attempt.tried.outcome, attempt.tried.text) == ("not_tried", "fixes were not to be tried")


def test_a_condition_in_a_transaction_cancels_it():
    text = best(InTransaction).remedy.text
    assert "if that is cancelled, another request won the race" in text


class Listed(Model):
    """A request that is given a list, which has no hash."""

    tables = ONE
    items = {"Notes": [{"id": "a", "seen": 1}, {"id": "b", "seen": 1}]}
    principals = ["alice"]

    @handler(names=[["a"], ["b"]])
    def see(self, _principal: str, names: list[str]) -> int:
        for name in names:
            stored(name, seen=(found(name) or {"seen": 0})["seen"] + 1)
        return 200


def test_a_fix_is_tried_for_requests_that_are_given_lists():
    attempt = best(Listed)
    assert attempt.tried.outcome == "removed", attempt
    assert "ADD #seen" in attempt.remedy.text


class OldUpdate(Model):
    """An expression cannot stand beside parameters of the old form, and without one nothing is conditional."""

    tables = ONE
    items = {"Notes": [{"id": "n", "text": ""}]}
    principals = ["alice"]

    @handler(text=["a", "b"])
    def append(self, _principal: str, text: str) -> int:
        changed = {"Value": (found("n") or {})["text"] + text, "Action": "PUT"}
        notes.update_item(Key={"id": "n"}, AttributeUpdates={"text": changed})
        return 200


def test_a_fix_beside_parameters_of_the_old_form_is_not_tried():
    attempt = best(OldUpdate)
    assert attempt.tried.outcome == "not_tried"
    assert "old form (AttributeUpdates)" in attempt.tried.text


class ByStatements(Model):
    tables = ONE
    items = {"Notes": [{"id": "n", "owner": "alice"}]}
    owner = "owner"
    give = Owned.give

    @handler
    def delete(self, principal: str) -> int:
        of_note = {"Parameters": [{"S": "n"}]}
        (note, *_) = client.execute_statement(
            Statement='SELECT * FROM "Notes" WHERE "id" = ?', ConsistentRead=True, **of_note
        )["Items"] or [None]
        if note is None or note["owner"] != {"S": principal}:
            return 403
        client.execute_statement(Statement='DELETE FROM "Notes" WHERE "id" = ?', **of_note)
        return 204


def test_a_statement_is_changed_by_its_author_and_no_fix_is_said_to_fail():
    attempt = best(ByStatements)
    assert attempt.tried.outcome == "not_tried"
    assert "is in its statement" in attempt.tried.text
    assert attempt.remedy.text.startswith(
        'Extend the WHERE clause of the ExecuteStatement: AND "owner" = <the principal>'
    )


class KeyIsReserved(Model):
    tables = [Table("Named", "name")]
    principals = ["alice"]

    @handler
    def create(self, principal: str) -> int:
        table = boto3.resource("dynamodb", region_name="us-east-1").Table("Named")
        if "Item" in table.get_item(Key={"name": "n"}, ConsistentRead=True):
            return 409
        table.put_item(Item={"name": "n", "by": principal})
        return 201


def test_a_condition_names_reserved_words_by_placeholders():
    attempt = best(KeyIsReserved)
    assert attempt.tried.outcome == "removed"
    assert "attribute_not_exists(#name)', ExpressionAttributeNames={'#name': 'name'}" in attempt.remedy.text


class TwoRaces(Owned):
    """A second race in another handler, which the fix of the first one leaves."""

    @handler
    def rename(self, principal: str) -> int:
        note = found("n")
        if note is None or note["owner"] != principal:
            return 403
        stored("n", title="t")
        return 200


def test_the_fixes_of_several_findings_are_tried_together_as_well():
    result = check([LoadedModel("TwoRaces", TwoRaces)], Options())
    attempts = {one.remedy for one in result.models[0].violations}
    assert {one.tried.outcome for one in attempts} == {"removed"}
    assert all("with the fix of the other finding: no violation in" in one.tried.text for one in attempts)


@pytest.mark.parametrize("model", [model for model, _, _ in REMOVED])
def test_a_remedy_reads_the_same_wherever_its_calls_stood_in_the_execution_that_it_came_of(model):
    result = check([LoadedModel(model.__name__, model)], Options(fixes=False))
    for violation in result.models[0].violations:
        execution = violation.execution
        shown = Shown(Words(execution), violation.finding)
        for remedy in violation.explanation.remedies:
            text = remedy_text(shown, remedy.edits)
            for at in range(len(execution.operations) + 2):  # further than this execution goes, too
                elsewhere = remedy_text(shown, [displaced(edit, at) for edit in remedy.edits])
                # Of two requests of one handler, either may be the one that loses.
                assert elsewhere.partition("; if that")[0] == text.partition("; if that")[0]


def displaced(edit: Edit, at: int) -> Edit:
    places = {
        one.name: replace(value, at=at) for one in fields(edit) if isinstance(value := getattr(edit, one.name), Place)
    }
    if isinstance(edit, Together):
        places["places"] = tuple(replace(one, at=at) for one in edit.places)
    return replace(edit, **places)


def test_a_remedy_can_name_a_call_that_the_execution_does_not_have():
    violations = check([LoadedModel("Owned", Owned)], Options(fixes=False)).models[0].violations
    handlers = [[request.handler for request in one.execution.requests] for one in violations]
    violation = violations[handlers.index(["delete", "give"])]
    shown = Shown(Words(violation.execution), violation.finding)
    elsewhere = Place("give", "PutItem", "Notes", None, 7)
    read = Place("give", "GetItem", "Notes", None, 6)
    checked = Checked(elsewhere, (Term("owner", "equals", "read"),), read)
    text = remedy_text(shown, [Conditional(elsewhere, checked.terms, read)])
    assert text.startswith("Make the PutItem conditional")
    assert "if that fails" in text
    assert "with a ConditionCheck of Notes: " in remedy_text(shown, [checked])


class NoTime(Owned):
    """The same, with no time left for trying."""


def test_a_budget_that_is_spent_is_said():
    attempt = best(NoTime, budget=Budget(max_schedules=2))
    assert attempt.tried.outcome == "not_tried"
    assert "of 2 of 7 scenarios" in attempt.tried.text
    assert "then the schedules for trying had been spent" in attempt.tried.text
