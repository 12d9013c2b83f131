"""Dependencies are the adjacent ones, per attribute, and name what really changed."""

import pytest
from history_notation import parse

from toctou.analysis.dependencies import Accesses
from toctou.analysis.versions import Versions
from toctou.history.footprint import EXISTENCE


def dependencies(execution, judged=()):
    return Accesses(Versions(execution)).dependencies(judged)


def edges(text: str, judged: tuple[int, ...] = ()) -> list[str]:
    """Dependencies as text: kind, positions, attributes (`?` for existence), and in brackets what really changed."""
    told = []
    for one in dependencies(parse(f"item x owner=alice n=0\n{text}"), judged):
        names, changed = (
            ",".join(sorted("?" if name == EXISTENCE else name for name in attributes))
            for attributes in (one.attributes, one.changed)
        )
        told.append(f"{one.kind} {one.earlier}-{one.later} {names} [{changed}]{' judged' if one.judged else ''}")
    return told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A.get(x) B.get(x)", []),
        ("A.set(x.n=1) B.set(x.owner=bob)", []),
        ("A.add(x.n=1) B.add(x.n=1)", []),
        ("A.set(x.n=1) B.get(y)", []),
        ("A.get(x) B.set(x.n=1)", ["rw 0-1 n [n]"]),
        ("A.get(x) B.set(x.n=0)", ["rw 0-1 n []"]),
        ("A.get(x.owner) B.set(x.n=1)", []),
        ("A.set(x.n=1) B.get(x)", ["wr 0-1 n [n]"]),
        ("A.set(x.n=1) B.set(x.n=2)", ["ww 0-1 n [n]"]),
        ("A.set(x.n=1) B.set(x.n=1)", ["ww 0-1 n []"]),
        ("A.add(x.n=1) B.get(x)", ["wr 0-1 n [n]"]),
        ("A.add(x.n=1) B.set(x.n=5)", ["ww 0-1 n [n]"]),
        ("A.delete(x) B.put(x n=1)", ["ww 0-1 ?,n,owner [?,n]"]),
        ("A.get(x) B.delete(x)", ["rw 0-1 ?,n,owner [?,n,owner]"]),
        ("A.set(x.n=1) B.delete(x if n=5)!", ["wr 0-1 n [n]"]),
        ("A.delete(x) B.delete(x if exists)!", ["wr 0-1 ? [?]"]),
        ("A.query(*) B.put(y n=1)", ["rw 0-1 ?,n [?,n]"]),
        ("A.put(y n=1) B.query(*)", ["wr 0-1 ?,n [?,n]"]),
    ],
)
def test_two_operations(text, expected):
    assert edges(text) == expected


def test_only_neighbouring_writes_depend_on_each_other():
    assert edges("A.set(x.n=1) B.set(x.n=2) C.set(x.n=3) A.get(x)") == [
        "ww 0-1 n [n]",
        "ww 1-2 n [n]",
        "wr 2-3 n [n]",
    ]


def test_a_read_is_before_the_next_overwriter_only():
    assert edges("A.get(x) B.set(x.n=1) C.set(x.n=2)") == ["rw 0-1 n [n]", "ww 1-2 n [n]"]


def test_attributes_written_in_between_do_not_hide_the_others():
    assert edges("A.put(x owner=bob n=1) B.set(x.n=2) C.get(x)") == [
        "ww 0-1 n [n]",
        "wr 0-2 owner [owner]",
        "wr 1-2 n [n]",
    ]


def test_increments_commute_but_are_all_seen_by_the_next_read():
    assert edges("A.add(x.n=1) B.add(x.n=1) C.get(x)") == ["wr 0-2 n [n]", "wr 1-2 n [n]"]
    assert edges("C.get(x) A.add(x.n=1) B.add(x.n=1)") == ["rw 0-1 n [n]", "rw 0-2 n [n]"]


def test_an_operation_does_not_depend_on_itself():
    assert edges("A.set(x.n=1 if n=0)") == []


def test_a_condition_on_a_key_attribute_is_one_on_existence():
    assert edges("A.put(y n=1) B.set(y.n=2 if item_id=y)") == ["wr 0-1 ? [?]", "ww 0-1 n [n]"]


def test_a_weak_read_comes_before_the_writes_that_it_missed():
    text = "A.set(x.n=1) B.set(x.n=2) C.get(x@{})"
    ww = "ww 0-1 n [n]"
    assert edges(text.format(0)) == ["rw 2-0 n [n]", ww]
    assert edges(text.format(1)) == [ww, "rw 2-1 n [n]", "wr 0-2 n [n]"]
    assert edges(text.format(2)) == [ww, "wr 1-2 n [n]"]


def test_a_weak_read_of_an_item_that_has_gone_or_was_not_there_yet():
    assert edges("A.delete(x) B.get(x@0)") == ["rw 1-0 ?,n,owner [?,n,owner]"]
    assert edges("A.put(y n=1) B.get(y@0)") == ["rw 1-0 ?,n [?,n]"]


def test_a_judged_write_depends_on_whoever_left_the_item_so():
    text = "A.get(x) B.set(x.owner=bob) A.set(x.n=1)"
    assert "wr 1-2 owner [owner] judged" not in edges(text)
    assert "wr 1-2 owner [owner] judged" in edges(text, judged=(2,))


def test_being_judged_does_not_come_before_what_is_written_later():
    assert edges("A.set(x.n=1) B.set(x.owner=bob)", judged=(0,)) == []


def test_a_range_is_noted_where_it_found_nothing():
    found = dependencies(parse("item x n=0\nA.query(*) B.put(y n=1) C.set(x.n=1)"))
    assert [(one.later, one.range is not None) for one in found] == [(1, True), (2, False)]
