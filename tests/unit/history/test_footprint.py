"""Attributes that an oracle observes make orders matter, as if they had been read."""

from history_notation import item_id

from toctou.history.footprint import ALL, EXISTENCE, EdgeKind, Footprint, conflicts, dependent

X = item_id("x")
TRANSFER = Footprint(writes={X: frozenset({"owner"})})
EDIT = Footprint(writes={X: frozenset({"data"})})
JUDGED_EDIT = Footprint(writes={X: frozenset({"data"})}, judged={X: frozenset({"owner"})})


def test_a_judged_write_depends_on_writes_to_what_it_is_judged_by():
    assert not dependent(TRANSFER, EDIT)
    assert dependent(TRANSFER, JUDGED_EDIT)
    assert dependent(JUDGED_EDIT, TRANSFER)
    assert [one.kind for one in conflicts(TRANSFER, JUDGED_EDIT)] == [EdgeKind.WR]
    assert [one.kind for one in conflicts(JUDGED_EDIT, TRANSFER)] == [EdgeKind.RW]


def test_increments_count_as_writes_to_what_is_judged():
    add = Footprint(increments={X: frozenset({"owner"})})
    assert dependent(add, JUDGED_EDIT)
    assert dependent(JUDGED_EDIT, add)


def test_being_judged_by_the_same_attributes_is_no_dependency():
    other = Footprint(writes={X: frozenset({"n"})}, judged={X: frozenset({"owner"})})
    assert not dependent(JUDGED_EDIT, other)
    assert not dependent(Footprint(judged={X: frozenset({ALL, EXISTENCE})}), Footprint(reads={X: frozenset({ALL})}))
