"""What two operations touched decides whether their order can matter, and why."""

from __future__ import annotations

from itertools import product

import pytest
from history_notation import item_id

from toctou.history.footprint import (
    ALL,
    EMPTY,
    EXISTENCE,
    Conflict,
    EdgeKind,
    Entry,
    Footprint,
    IndexKey,
    KeyRange,
    conflicts,
    contains,
    dependent,
    observing,
    overlap,
    reads,
    union,
)

X, Y, ELSEWHERE = item_id("x"), item_id("y"), item_id("x", "Others")
OWNER, DATA = frozenset({"owner"}), frozenset({"data"})
IN_X = ("S", "x")
BY_OWNER = IndexKey("by-owner", (("owner", "S"),))
TRANSFER = Footprint(writes={X: OWNER})
EDIT = Footprint(writes={X: DATA})
JUDGED_EDIT = Footprint(writes={X: DATA}, judged={X: OWNER})


def test_a_judged_write_depends_on_writes_to_what_it_is_judged_by():
    assert not dependent(TRANSFER, EDIT)
    assert dependent(TRANSFER, JUDGED_EDIT)
    assert dependent(JUDGED_EDIT, TRANSFER)
    assert [one.kind for one in conflicts(TRANSFER, JUDGED_EDIT)] == [EdgeKind.WR]
    assert [one.kind for one in conflicts(JUDGED_EDIT, TRANSFER)] == [EdgeKind.RW]


def test_increments_count_as_writes_to_what_is_judged():
    add = Footprint(increments={X: OWNER})
    assert dependent(add, JUDGED_EDIT)
    assert dependent(JUDGED_EDIT, add)


def test_being_judged_by_the_same_attributes_is_no_dependency():
    other = Footprint(writes={X: frozenset({"n"})}, judged={X: OWNER})
    assert not dependent(JUDGED_EDIT, other)
    assert not dependent(Footprint(judged={X: frozenset({ALL, EXISTENCE})}), Footprint(reads={X: frozenset({ALL})}))


OF_KIND = {
    "read": Footprint(reads={X: OWNER}),
    "write": Footprint(writes={X: OWNER}),
    "increment": Footprint(increments={X: OWNER}),
    "judged": Footprint(judged={X: OWNER}),
    "range": Footprint(ranges=(KeyRange("Items", IN_X),)),
    "judged range": Footprint(judged_ranges=(KeyRange("Items", IN_X),)),
}
SEEING = {"read", "judged", "range", "judged range"}
WRITING = {"write", "increment"}


@pytest.mark.parametrize(("first", "second"), [*product(OF_KIND, OF_KIND)])
def test_the_order_of_two_operations_matters_as_one_of_them_writes_and_not_where_both_add(first: str, second: str):
    if first in WRITING and second in WRITING:
        expected = [] if first == second == "increment" else [EdgeKind.WW]
    elif first in WRITING:
        expected = [EdgeKind.WR]
    else:
        expected = [EdgeKind.RW] if second in WRITING else []
    found = list(conflicts(OF_KIND[first], OF_KIND[second]))
    assert [(one.kind, one.item, one.attributes) for one in found] == [(kind, X, OWNER) for kind in expected]
    queried = next((one for one in (first, second) if one.endswith("range")), None)
    assert [one.range for one in found] == [KeyRange("Items", IN_X) if queried else None for _ in expected]
    assert dependent(OF_KIND[first], OF_KIND[second]) == bool(expected)


@pytest.mark.parametrize("kind", OF_KIND)
def test_what_one_operation_touched_elsewhere_is_no_reason(kind: str):
    for other in (Footprint(writes={Y: OWNER, ELSEWHERE: OWNER}), Footprint(increments={Y: OWNER, ELSEWHERE: OWNER})):
        assert not list(conflicts(other, OF_KIND[kind]))
        assert not list(conflicts(OF_KIND[kind], other))
        assert not dependent(OF_KIND[kind], other)


def test_every_item_and_every_range_can_be_a_reason():
    writer = Footprint(writes={ELSEWHERE: OWNER, Y: OWNER, X: OWNER})
    reader = Footprint(reads={X: DATA, Y: OWNER}, ranges=(KeyRange("Items", IN_X), KeyRange("Others")))
    assert set(conflicts(writer, reader)) == {
        Conflict(EdgeKind.WR, Y, OWNER),
        Conflict(EdgeKind.WR, X, OWNER, KeyRange("Items", IN_X)),
        Conflict(EdgeKind.WR, ELSEWHERE, OWNER, KeyRange("Others")),
    }


@pytest.mark.parametrize(
    ("left", "right", "shared"),
    [
        ({"a"}, {"b"}, set()),
        ({"a", "b"}, {"b", "c"}, {"b"}),
        ({ALL}, {"a", EXISTENCE}, {"a"}),
        ({ALL}, {EXISTENCE}, set()),
        ({ALL, EXISTENCE}, {EXISTENCE}, {EXISTENCE}),
        ({ALL}, {ALL}, {ALL}),
        (set(), {ALL}, set()),
    ],
)
def test_all_attributes_are_every_attribute_but_not_existence(left: set[str], right: set[str], shared: set[str]):
    one, other = frozenset(left), frozenset(right)
    assert overlap(one, other) == overlap(other, one) == shared
    for writer, reader in ((one, other), (other, one)):
        for wrote in (Footprint(writes={X: writer}), Footprint(increments={X: writer})):
            assert dependent(wrote, Footprint(reads={X: reader})) == bool(shared)


def test_an_operation_reads_what_it_names_and_what_lies_in_its_ranges():
    assert reads(Footprint(reads={X: OWNER}), X, "owner")
    assert not reads(Footprint(reads={X: OWNER}), X, "data")
    assert not reads(Footprint(reads={Y: OWNER}), X, "owner")
    assert not reads(Footprint(writes={X: OWNER}, judged={X: OWNER}), X, "owner")
    assert reads(Footprint(ranges=(KeyRange("Items", IN_X),)), X, "owner")
    assert not reads(Footprint(ranges=(KeyRange("Items", IN_X),)), Y, "owner")
    assert not reads(Footprint(ranges=(KeyRange("Items", attributes=DATA),)), X, "owner")
    assert reads(Footprint(ranges=(KeyRange("Others"), KeyRange("Items", attributes=OWNER))), X, "owner")


def test_what_is_judged_besides_adds_to_a_footprint():
    before = Footprint(reads={Y: DATA}, judged={X: DATA}, judged_ranges=(KeyRange("Others"),))
    after = observing(before, [X, Y], OWNER, (KeyRange("Items"),))
    assert after == Footprint(
        reads={Y: DATA}, judged={X: OWNER | DATA, Y: OWNER}, judged_ranges=(KeyRange("Others"), KeyRange("Items"))
    )
    assert before.judged == {X: DATA}


def test_the_items_of_a_footprint_are_those_it_read_wrote_or_added_to():
    whole = Footprint(reads={X: OWNER}, writes={Y: OWNER}, increments={ELSEWHERE: OWNER}, judged={item_id("z"): OWNER})
    assert whole.items() == {X, Y, ELSEWHERE}
    assert not EMPTY.items()


def test_what_only_reads_writes_nothing():
    assert [name for name, one in OF_KIND.items() if one.writes_something] == ["write", "increment"]


STANDING = {X: frozenset({Entry("by-owner", ("S", "alice"), moved=True)})}


def test_a_union_has_everything_and_counts_what_was_added_to_as_written():
    left = Footprint({X: OWNER}, {X: OWNER}, {Y: OWNER}, (KeyRange("Items"),), {X: OWNER}, (KeyRange("Others"),))
    right = Footprint(
        {X: DATA, Y: DATA}, {X: DATA}, {Y: DATA}, (KeyRange("Others"), KeyRange("Items")), {X: DATA}, (), STANDING
    )
    more = frozenset({Entry("by-owner", ("S", "bob"), moved=False)})
    assert union(left, right, Footprint(entries={X: more})) == Footprint(
        reads={X: OWNER | DATA, Y: DATA},
        writes={X: OWNER | DATA, Y: OWNER | DATA},
        increments={},
        ranges=(KeyRange("Items"), KeyRange("Others")),
        judged={X: OWNER | DATA},
        judged_ranges=(KeyRange("Others"),),
        entries={X: STANDING[X] | more},
    )
    assert union() == EMPTY


@pytest.mark.parametrize("field", Footprint._fields)
def test_a_footprint_contains_another_only_with_every_part_of_it(field: str):
    if field.endswith("ranges"):
        part, less = (KeyRange("Items"), KeyRange("Others")), (KeyRange("Items"),)
    elif field == "entries":
        part, less = STANDING, {X: frozenset[Entry]()}
    else:
        part, less = {X: OWNER | DATA, Y: OWNER}, {X: OWNER | DATA}
        assert not contains(Footprint(**{field: {X: OWNER, Y: OWNER}}), Footprint(**{field: part}))
    whole = Footprint(**{field: part})
    assert contains(whole, whole)
    assert contains(whole, EMPTY)
    assert contains(whole, Footprint(**{field: less}))
    assert not contains(Footprint(**{field: less}), whole)
    assert not contains(EMPTY, whole)


def test_a_write_contains_an_increment_and_not_the_other_way_round():
    write, add = Footprint(writes={X: OWNER}), Footprint(increments={X: OWNER})
    assert contains(write, add)
    assert not contains(add, write)
    assert contains(Footprint(writes={X: OWNER}, increments={Y: OWNER}), Footprint(increments={X: OWNER, Y: OWNER}))


def image(**names: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in names.items()}


def test_an_index_holds_an_item_under_the_attributes_that_it_is_by():
    by_both = IndexKey("by-both", (("owner", "S"), ("rank", "N")))
    ranked = {**image(owner="alice", id="x"), "rank": {"N": "3"}}
    assert BY_OWNER.place(image(owner="alice", id="x")) == (("S", "alice"),)
    assert by_both.place(ranked) == (("S", "alice"), ("N", "3"))
    assert by_both.names == {"owner", "rank"}
    assert BY_OWNER.place(None) is None
    assert BY_OWNER.place(image(id="x")) is None
    assert by_both.place({**ranked, "rank": {"S": "3"}}) is None


@pytest.mark.parametrize(
    ("key_range", "covered", "held"),
    [
        (KeyRange("Items"), {X, Y}, {X, Y}),
        (KeyRange("Items", IN_X), {X}, {X}),
        (KeyRange("Others", IN_X), {ELSEWHERE}, {ELSEWHERE}),
        (KeyRange("Items", index=BY_OWNER), {X, Y}, {X, Y}),
        (KeyRange("Items", ("S", "alice"), index=BY_OWNER), {X, Y}, {X, Y}),
        (KeyRange("Items", ("S", "bob"), index=BY_OWNER), {X, Y}, set()),
    ],
)
def test_a_range_of_a_table_is_told_by_keys_and_one_of_an_index_by_what_is_stored(key_range, covered, held):
    stored = image(owner="alice", id="x")
    assert {one: key_range.covers(one) for one in (X, Y, ELSEWHERE)} == {
        one: one in covered for one in (X, Y, ELSEWHERE)
    }
    assert {one for one in (X, Y, ELSEWHERE) if key_range.holds(one, stored)} == held
    assert not any(key_range.holds(one, None) for one in (X, Y, ELSEWHERE))


def test_an_item_without_an_indexes_attributes_is_not_in_it():
    assert not KeyRange("Items", index=BY_OWNER).holds(X, image(id="x"))


def test_a_range_shows_existence_and_the_attributes_that_an_index_is_by():
    assert KeyRange("Items", attributes=DATA).seen == {"data", EXISTENCE}
    assert KeyRange("Items", attributes=DATA, index=BY_OWNER).seen == {"data", "owner", EXISTENCE}


def entry(partition: str, *, moved: bool, index_name: str = "by-owner") -> Entry:
    return Entry(index_name, ("S", partition), moved)


@pytest.mark.parametrize(
    ("entries", "met"),
    [
        ([], set()),
        ([entry("alice", moved=False)], {"data"}),
        ([entry("alice", moved=True)], {"data", "owner"}),
        ([entry("bob", moved=True)], set()),
        ([entry("bob", moved=True), entry("alice", moved=False)], {"data"}),
        ([entry("alice", moved=False), entry("alice", moved=True)], {"data", "owner"}),
        ([entry("alice", moved=True, index_name="by-data")], set()),
    ],
)
def test_a_range_of_an_index_is_met_by_entries_there(entries: list[Entry], met: set[str]):
    key_range = KeyRange("Items", ("S", "alice"), attributes=DATA, index=BY_OWNER)
    assert key_range.met(X, frozenset({"data", "n"}), {X: frozenset(entries)}) == met
    assert not key_range.met(ELSEWHERE, DATA, {ELSEWHERE: frozenset(entries)})
    assert not key_range.met(X, DATA, {Y: frozenset(entries)})


def test_a_whole_index_is_met_by_entries_anywhere_in_it():
    key_range = KeyRange("Items", attributes=DATA, index=BY_OWNER)
    assert key_range.met(X, DATA, {X: frozenset({entry("bob", moved=False)})}) == DATA


def test_a_range_of_a_table_is_met_by_what_appears_or_leaves_and_by_what_it_shows():
    key_range = KeyRange("Items", IN_X, attributes=DATA)
    assert key_range.met(X, frozenset({"data", "n", EXISTENCE}), {}) == {"data", EXISTENCE}
    assert not key_range.met(X, frozenset({"n"}), {})
    assert key_range.met(Y, DATA, {}) == frozenset()
    assert KeyRange("Items").met(X, frozenset({"n"}), {}) == {"n"}


@pytest.mark.parametrize(
    ("key_range", "text"),
    [
        (KeyRange("Items"), "Items[*]"),
        (KeyRange("Items", IN_X), "Items[x, *]"),
        (KeyRange("Items", IN_X, "begins_with o"), "Items[x, begins_with o]"),
        (KeyRange("Items", index=BY_OWNER), "Items.by-owner[*]"),
        (KeyRange("Items", IN_X, index=BY_OWNER), "Items.by-owner['x']"),
        (KeyRange("Items", IN_X, "> 3", index=BY_OWNER), "Items.by-owner['x', > 3]"),
    ],
)
def test_a_range_is_named_by_table_index_and_keys(key_range: KeyRange, text: str):
    assert str(key_range) == text
