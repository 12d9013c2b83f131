"""What reads of many items, and writes beside them, depend on: keys, entries of indexes, sizes, members of sets."""

from __future__ import annotations

from typing import Any

import pytest

from toctou import Table
from toctou.client.embedded import EmbeddedBackend
from toctou.client.stale_reads import StaleReads
from toctou.history.footprint import ALL, EXISTENCE, Footprint, dependent
from toctou.history.item import ItemId, image

INDEXES = [
    {
        "IndexName": name,
        "KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": kind, **({"NonKeyAttributes": ["title"]} if kind == "INCLUDE" else {})},
    }
    for name, kind in (("by-email", "ALL"), ("keys", "KEYS_ONLY"), ("titles", "INCLUDE"))
]
KEYS = [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "email")]
USERS = Table("Users", "id", definition={"GlobalSecondaryIndexes": INDEXES, "AttributeDefinitions": KEYS})
PARTS = Table("Parts", "k", "s")
BIG = "x" * 370_000


def loaded(backend: EmbeddedBackend) -> EmbeddedBackend:
    users = [{"id": "u1", "email": "a@x", "title": "n", "tags": {"old"}, "m": {"a": 1}}, {"id": "u2", "email": "b@x"}]
    users.append({"id": "u3"})
    parts = [{"k": "p", "s": str(at), "d": "x"} for at in range(4)]
    items = {"Users": [*map(image, users)], "Parts": [*map(image, parts)]}
    backend.load([USERS.parameters, PARTS.parameters], items)
    return backend


@pytest.fixture
def store() -> EmbeddedBackend:
    return loaded(EmbeddedBackend())


def done(store: EmbeddedBackend, action: str, table: str, **parameters: Any) -> Footprint:
    """The footprint of a call, whose values are given in Python's own types."""
    for name in ("Key", "Item", "ExpressionAttributeValues"):
        if name in parameters:
            parameters[name] = image(parameters[name])
    performed = store.perform(action, {"TableName": table, **parameters})
    assert performed.error is None
    return performed.footprint


def updated(store: EmbeddedBackend, table: str, key: dict[str, str], text: str, value: Any = None) -> Footprint:
    values = {} if value is None else {"ExpressionAttributeValues": {":v": value}}
    return done(store, "UpdateItem", table, Key=key, UpdateExpression=text, **values)


def by_email(store: EmbeddedBackend, index: str = "by-email", email: str = "a@x", **more: Any) -> Footprint:
    values = {":e": email}
    condition = {"KeyConditionExpression": "email = :e", "ExpressionAttributeValues": values}
    return done(store, "Query", "Users", IndexName=index, **condition, **more)


def counted(store: EmbeddedBackend, **more: Any) -> Footprint:
    condition = {"KeyConditionExpression": "k = :k", "ExpressionAttributeValues": {":k": "p"}}
    return done(store, "Query", "Parts", Select="COUNT", **condition, **more)


def test_a_query_of_a_table_without_sort_key_reads_one_item(store):
    condition = {"KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": "u1"}}
    footprint = done(store, "Query", "Users", **condition, ProjectionExpression="email")
    assert footprint == Footprint(reads={ItemId("Users", (("S", "u1"),)): frozenset({"email", EXISTENCE})})
    absent = done(store, "Query", "Users", KeyConditionExpression="id = :i", ExpressionAttributeValues={":i": "u9"})
    assert absent == Footprint(reads={ItemId("Users", (("S", "u9"),)): frozenset({ALL, EXISTENCE})})


def test_a_query_that_fixes_the_sort_key_reads_one_item(store):
    condition = {"KeyConditionExpression": "k = :k AND s = :s", "ExpressionAttributeValues": {":k": "p", ":s": "1"}}
    footprint = done(store, "Query", "Parts", **condition, Select="COUNT")
    assert footprint == Footprint(reads={ItemId("Parts", (("S", "p"), ("S", "1"))): frozenset({EXISTENCE})})
    wider = {**condition, "KeyConditionExpression": "k = :k AND s >= :s"}
    assert [str(one) for one in done(store, "Query", "Parts", **wider).ranges] == ["Parts[p, >= 1]"]


def test_statements_that_fix_the_key_read_one_item(store):
    performed = store.perform("ExecuteStatement", {"Statement": "SELECT title FROM Users WHERE id = 'u1'"})
    assert performed.footprint.reads == {ItemId("Users", (("S", "u1"),)): frozenset({"title", EXISTENCE})}
    assert performed.footprint.ranges == ()


def test_reads_of_an_index_name_its_entries(store):
    assert [str(one) for one in by_email(store).ranges] == ["Users.by-email['a@x']"]
    assert [str(one) for one in done(store, "Scan", "Users", IndexName="keys").ranges] == ["Users.keys[*]"]


@pytest.mark.parametrize(
    ("text", "value", "met"),
    [
        ("SET email = :v", "a@x", True),  # u2 moves in
        ("SET email = :v", "c@x", False),
        ("SET note = :v", 1, False),
    ],
)
def test_a_query_of_an_index_meets_what_comes_from_elsewhere(store, text, value, met):
    query = by_email(store)
    assert dependent(query, updated(store, "Users", {"id": "u2"}, text, value)) == met


def test_an_item_that_moves_within_an_index_leaves_its_old_entry_and_makes_a_new_one(store):
    old, new, neither = (by_email(store, email=email) for email in ("a@x", "new@x", "b@x"))
    moved = updated(store, "Users", {"id": "u1"}, "SET email = :v", "new@x")
    assert [dependent(one, moved) for one in (old, new, neither)] == [True, True, False]


@pytest.mark.parametrize(("index", "met"), [("by-email", {"title", "note"}), ("titles", {"title"}), ("keys", set())])
def test_a_read_of_an_index_depends_on_what_it_projects(store, index, met):
    query = by_email(store, index)
    writes = {name: updated(store, "Users", {"id": "u1"}, f"SET {name} = :v", "new") for name in ("title", "note")}
    assert {name for name, write in writes.items() if dependent(query, write)} == met


def test_items_without_the_key_of_an_index_are_none_of_its_entries(store):
    scan = done(store, "Scan", "Users", IndexName="by-email")
    assert not dependent(scan, updated(store, "Users", {"id": "u3"}, "SET note = :v", 1))
    assert not dependent(scan, done(store, "PutItem", "Users", Item={"id": "u4", "title": "n"}))
    assert not dependent(scan, done(store, "DeleteItem", "Users", Key={"id": "u4"}))
    assert dependent(scan, updated(store, "Users", {"id": "u3"}, "SET email = :v", "z@x"))
    assert dependent(scan, done(store, "DeleteItem", "Users", Key={"id": "u3"}))


def test_where_an_entry_stands_depends_on_who_moves_it(store):
    """Otherwise a write of another attribute would count as one to the old partition or to the new one, as it happens."""
    noted = updated(store, "Users", {"id": "u1"}, "SET note = :v", 1)
    assert dependent(noted, updated(store, "Users", {"id": "u1"}, "SET email = :v", "new@x"))


def test_a_stale_count_of_an_index_depends_on_what_has_left_it():
    """It may still count the item, until the next change of it, wherever that takes place."""
    store = loaded(StaleReads(2))
    updated(store, "Users", {"id": "u1"}, "SET email = :v", "new@x")
    query = by_email(store, Select="COUNT")
    assert dependent(query, updated(store, "Users", {"id": "u1"}, "SET email = :v", "newer@x"))


def test_a_count_of_small_items_depends_on_which_there_are(store):
    count = counted(store)
    assert not dependent(count, updated(store, "Parts", {"k": "p", "s": "1"}, "SET d = :v", "y" * 60_000))
    assert dependent(count, done(store, "DeleteItem", "Parts", Key={"k": "p", "s": "1"}))


def test_a_count_depends_on_items_that_become_large_and_may_fill_the_page(store):
    assert dependent(counted(store), updated(store, "Parts", {"k": "p", "s": "1"}, "SET d = :v", BIG))
    assert dependent(counted(store), updated(store, "Parts", {"k": "p", "s": "2"}, "SET d = :v", "small"))


def test_what_can_never_fill_a_page_depends_on_no_sizes(store):
    for at in range(2):
        updated(store, "Parts", {"k": "p", "s": str(at)}, "SET d = :v", BIG)
    two = counted(store, Limit=2)
    assert not dependent(two, updated(store, "Parts", {"k": "p", "s": "2"}, "SET d = :v", "small"))
    assert two.ranges[0].attributes == frozenset()


def test_many_items_fill_a_page_however_small_they_are(store):
    for at in range(16):
        done(store, "PutItem", "Parts", Item={"k": "p", "s": f"more{at}"})
    assert dependent(counted(store), updated(store, "Parts", {"k": "p", "s": "2"}, "SET d = :v", "small"))
    assert dependent(counted(store, Limit=20), updated(store, "Parts", {"k": "p", "s": "2"}, "SET d = :v", "other"))


def test_large_items_elsewhere_make_no_difference_to_a_count(store):
    done(store, "PutItem", "Parts", Item={"k": "other", "s": "1", "d": BIG})
    assert not dependent(counted(store), updated(store, "Parts", {"k": "p", "s": "1"}, "SET d = :v", "small"))


def gets(count: int) -> dict[str, Any]:
    keys = [image({"k": "g", "s": f"{at:03}"}) for at in range(count)]
    return {"RequestItems": {"Parts": {"Keys": keys, "ProjectionExpression": "n"}}}


def test_a_batch_of_gets_that_may_exceed_16_mb_depends_on_sizes(store):
    for at in range(45):
        done(store, "PutItem", "Parts", Item={"k": "g", "s": f"{at:03}", "d": BIG + "x" * 20_000, "n": at})
    full = store.perform("BatchGetItem", gets(45))
    assert full.result is not None
    assert len(full.result["UnprocessedKeys"]["Parts"]["Keys"]) == 2
    fitting = store.perform("BatchGetItem", gets(40)).footprint
    last = updated(store, "Parts", {"k": "g", "s": "044"}, "SET d = :v", "small")
    first = updated(store, "Parts", {"k": "g", "s": "000"}, "REMOVE d")
    assert dependent(full.footprint, last)
    assert dependent(full.footprint, first)
    assert not dependent(fitting, last)


def test_transactional_gets_that_were_too_large_depend_on_what_they_asked_for(store):
    for at in range(12):
        done(store, "PutItem", "Parts", Item={"k": "g", "s": f"{at:03}", "d": BIG})
    parts = [{"Get": {"TableName": "Parts", "Key": image({"k": "g", "s": f"{at:03}"})}} for at in range(12)]
    performed = store.perform("TransactGetItems", {"TransactItems": parts})
    assert performed.error is not None
    assert "too large" in performed.error.message
    assert dependent(performed.footprint, updated(store, "Parts", {"k": "g", "s": "000"}, "SET d = :v", "small"))


def test_which_of_two_additions_to_a_set_changed_it_depends_on_their_order(store):
    first, second = (updated(store, "Users", {"id": "u1"}, "ADD tags :v", {"new"}) for _ in range(2))
    assert dependent(first, second)
    tags = {ItemId("Users", (("S", "u1"),)): frozenset({"tags"})}
    assert first.increments == second.increments == tags  # neither has overwritten anything


def test_additions_that_a_set_has_already_commute(store):
    first, second = (updated(store, "Users", {"id": "u1"}, "ADD tags :v", {"old"}) for _ in range(2))
    assert not dependent(first, second)


def test_what_two_additions_make_of_a_map_depends_on_their_order(store):
    assert dependent(*(updated(store, "Users", {"id": "u1"}, "ADD m.a :v", 1) for _ in range(2)))
