"""Whether two operations depend on each other is said twice, quickly and with reasons; both must say the same."""

from __future__ import annotations

from history_notation import item_id
from hypothesis import given
from hypothesis import strategies as some

from toctou.history.footprint import ALL, EXISTENCE, Footprint, KeyRange, conflicts, dependent

ITEMS = some.sampled_from([item_id("x"), item_id("y"), item_id("x", "Others")])
ATTRIBUTES = some.frozensets(some.sampled_from([ALL, EXISTENCE, "owner", "data"]), max_size=3)
TOUCHED = some.dictionaries(ITEMS, ATTRIBUTES, max_size=2)
RANGES = some.lists(
    some.builds(
        KeyRange,
        some.sampled_from(["Items", "Others"]),
        some.sampled_from([None, ("S", "x"), ("S", "y")]),
        attributes=ATTRIBUTES,
    ),
    max_size=2,
).map(tuple)
FOOTPRINTS = some.builds(Footprint, TOUCHED, TOUCHED, TOUCHED, RANGES, TOUCHED, RANGES)


@given(FOOTPRINTS, FOOTPRINTS)
def test_two_operations_depend_on_each_other_exactly_where_there_is_a_reason(left: Footprint, right: Footprint):
    assert dependent(left, right) == any(True for _ in conflicts(left, right))
    assert dependent(left, right) == dependent(right, left)
