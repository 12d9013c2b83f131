"""Titles and the line below them."""

import pytest
from sample_reports import MODEL, make_violation

from toctou.reporting.document import violation_document
from toctou.reporting.titles import pattern, places, violation_title


def site(action, line, *stack):
    source = {"file": "app.py", "line": line, "function": "f", "text": ""}
    return {
        "step": "A.1",
        "action": action,
        "tables": [],
        "source": source,
        **({"stack": list(stack)} if stack else {}),
    }


def test_places_name_the_lines_and_what_they_do():
    assert places({"read": site("GetItem", 89), "write": site("DeleteItem", 170)}) == (
        "app.py:89 reads → app.py:170 deletes"
    )


@pytest.mark.parametrize(
    ("action", "verb"),
    [
        ("Query", "queries"),
        ("BatchGetItem", "reads a batch"),
        ("TransactWriteItems", "writes in a transaction"),
        ("PutItem", "puts"),
        ("UpdateItem", "updates"),
        ("sqs.SendMessage", "calls sqs.SendMessage"),
    ],
)
def test_every_action_has_a_verb(action, verb):
    assert places({"read": None, "write": site(action, 3)}) == f"app.py:3 {verb}"


def test_the_handlers_own_line_comes_before_the_shared_one():
    own = {"file": "orders.py", "line": 12, "function": "cancel", "text": "store.get(key)"}
    read = site("GetItem", 40)
    read["stack"] = [own, read["source"]]
    assert places({"read": read, "write": None}) == "orders.py:12 (app.py:40) reads"


def test_a_line_that_is_not_known_is_left_out():
    assert places({"read": {**site("GetItem", 1), "source": None}, "write": None}) == ""


def test_a_handler_that_races_with_itself_is_named_once():
    document = violation_document(MODEL, make_violation())
    document["requests"][1]["handler"] = "delete_item"
    assert violation_title(document) == "delete_item ×2: owner check bypassed"


def test_a_pattern_is_words():
    assert [pattern("lost_update", "lost update"), pattern("dirty_write"), pattern("toctou", "time of check")] == [
        "lost update",
        "dirty write",
        "check bypassed",
    ]
