"""What a model declares is held to what it does, because a slip there would read as a pass."""

from __future__ import annotations

import boto3
import pytest

import checker
from checker import Model, Table, handler
from checker.errors import ModelError

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
        checker.check(misspelt)
    assert "note_id, owner" in refused.value.remedy


def test_a_rule_of_its_own_needs_no_such_attribute():
    own_rule = type("OwnRule", (Notes,), {"owner": "ownr", "owns": lambda self, principal, item: True})
    assert checker.check(own_rule).verdict == "VERIFIED"


def test_no_items_at_the_start_are_no_slip():
    assert checker.check(type("Empty", (Notes,), {"owner": "owner", "items": {}})).verdict == "VERIFIED"


def test_a_handler_that_is_declared_read_only_and_writes_is_refused():
    class Lies(Notes):
        rewrite = handler(Notes.handlers()["rewrite"].function, read_only=True)

    with pytest.raises(ModelError, match=r"'rewrite' is declared read-only, but its PutItem changed Notes\[n1\]"):
        checker.check(Lies)


@pytest.mark.parametrize("tables", [Table("Notes", "note_id"), [{"TableName": "Notes"}], "Notes"])
def test_tables_that_are_no_list_of_tables_are_refused(tables):
    with pytest.raises(ModelError, match="`tables` of the model Odd is") as refused:
        checker.check(type("Odd", (Notes,), {"tables": tables}))
    assert "expected: a list of tables" in str(refused.value)


def test_items_of_a_table_that_is_not_declared_are_named():
    with pytest.raises(ModelError) as refused:
        checker.check(type("Elsewhere", (Notes,), {"items": {"Note": [{"note_id": "n1"}]}}))
    assert "`items` names a table that `tables` does not declare" in refused.value.cause
