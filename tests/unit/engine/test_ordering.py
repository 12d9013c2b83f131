"""Sorted keys are the keys that are there, in order, however additions, removals and looks alternate."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from toctou.engine.ordering import SortedKeys

TURNS = some.lists(some.tuples(some.sets(some.integers(0, 60), max_size=40), some.booleans()), max_size=12)


@given(TURNS)
def test_they_are_what_is_there_in_order(turns: list[tuple[set[int], bool]]):
    keys, there = SortedKeys(), set[int]()
    for toggled, looks in turns:
        for key in toggled:
            (keys.remove if key in there else keys.add)(key)
        there ^= toggled
        assert len(keys) == len(there)
        if looks:
            assert keys.settled() == sorted(there)
    assert keys.settled() == sorted(there)
