"""Whether two operations depend on each other is said twice, quickly and with reasons; both must say the same."""

from __future__ import annotations

from history_notation import item_id
from hypothesis import given
from hypothesis import strategies as some

from toctou.history.footprint import (
    ALL,
    EXISTENCE,
    Entry,
    Footprint,
    IndexKey,
    KeyRange,
    conflicts,
    contains,
    dependent,
    union,
)

ITEMS = some.sampled_from([item_id("x"), item_id("y"), item_id("x", "Others")])
ATTRIBUTES = some.frozensets(some.sampled_from([ALL, EXISTENCE, "owner", "data"]), max_size=3)
TOUCHED = some.dictionaries(ITEMS, ATTRIBUTES, max_size=2)
PARTITIONS = some.sampled_from([("S", "x"), ("S", "y")])
ENTRIES = some.builds(Entry, some.sampled_from(["by-owner", "by-data"]), PARTITIONS, some.booleans())
RANGES = some.lists(
    some.builds(
        KeyRange,
        some.sampled_from(["Items", "Others"]),
        some.none() | PARTITIONS,
        attributes=ATTRIBUTES,
        index=some.sampled_from([None, IndexKey("by-owner", (("owner", "S"),))]),
    ),
    max_size=2,
).map(tuple)
STANDING = some.dictionaries(ITEMS, some.frozensets(ENTRIES, max_size=2), max_size=2)
FOOTPRINTS = some.builds(Footprint, TOUCHED, TOUCHED, TOUCHED, RANGES, TOUCHED, RANGES, STANDING)


@given(FOOTPRINTS, FOOTPRINTS)
def test_two_operations_depend_on_each_other_exactly_where_there_is_a_reason(left: Footprint, right: Footprint):
    assert dependent(left, right) == any(True for _ in conflicts(left, right))
    assert dependent(left, right) == dependent(right, left)


@given(FOOTPRINTS, FOOTPRINTS, FOOTPRINTS)
def test_a_union_depends_on_whatever_a_part_of_it_depends_on(left: Footprint, right: Footprint, other: Footprint):
    whole = union(left, right)
    assert contains(whole, left)
    assert contains(whole, right)
    assert dependent(whole, other) or not (dependent(left, other) or dependent(right, other))


@given(FOOTPRINTS, FOOTPRINTS, FOOTPRINTS)
def test_what_contains_another_depends_on_whatever_that_depends_on(left: Footprint, right: Footprint, other: Footprint):
    if contains(left, right) and dependent(right, other):
        assert dependent(left, other)
