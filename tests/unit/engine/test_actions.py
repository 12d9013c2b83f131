"""Records of actions."""

from __future__ import annotations

import pytest

from toctou.engine import ACTIONS, Action, Kind, actions_of, footprint
from toctou.history.footprint import EMPTY


def test_each_action_is_registered_by_its_name_and_of_one_kind():
    assert all(name == action.name for name, action in ACTIONS.items())
    assert sum(len(actions_of(kind)) for kind in Kind) == len(ACTIONS) == 25
    assert actions_of(Kind.READS) == {"BatchGetItem", "GetItem", "Query", "Scan", "TransactGetItems"}


@pytest.mark.parametrize("kind", [Kind.READS, Kind.WRITES])
def test_an_action_on_items_has_a_footprint(kind):
    with pytest.raises(ValueError, match="GetBackup: an action on items has a footprint"):
        Action("GetBackup", kind, lambda database, parameters: {}, "GetBackupInput:")


@pytest.mark.parametrize("kind", [Kind.DESCRIBES, Kind.MANAGES])
def test_an_action_on_tables_has_none(kind):
    with pytest.raises(ValueError, match="one on tables has none"):
        Action("X", kind, lambda database, parameters: {}, "XInput:", footprint=lambda *_: None)


@pytest.mark.parametrize(
    ("parameters", "tables"),
    [
        ({"TableName": "Items"}, {"Items"}),
        ({"TableName": "Items", "ConsistentRead": False}, {"Items"}),
        ({"TableName": "Items", "ConsistentRead": True}, set()),
    ],
)
@pytest.mark.parametrize("action", ["GetItem", "Query", "Scan"])
def test_a_read_is_eventually_consistent_unless_it_asks_for_more(action, parameters, tables):
    assert ACTIONS[action].eventual(parameters) == tables
    batch = {"RequestItems": {parameters["TableName"]: parameters, "Log": {"ConsistentRead": True}}}
    assert ACTIONS["BatchGetItem"].eventual(batch) == tables


def test_a_transaction_of_no_statements_was_refused_and_touched_nothing():
    code = "ValidationException"
    parameters = {"TransactStatements": []}
    assert footprint("ExecuteTransaction", parameters, {}, result=None, error_code=code, changes=()) == EMPTY
