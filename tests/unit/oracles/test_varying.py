"""Outcomes are the same but for what varies by itself, and for nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toctou.history.item import image
from toctou.history.request import Response
from toctou.oracles.varying import Comparable, Outcome, Variants


def outcome(*items: dict[str, Any], body: Any = None) -> Outcome:
    return Outcome([Response(200, body)], {"Items": [image({"id": "x", **one}) for one in items]})


def comparable(make, *, clock: bool = True, numbers: bool = False) -> Comparable:
    """An outcome of a time and a number, run again with other times, or numbers, or both."""
    return Comparable(
        make(1, "aa11"),
        Variants([make(5, "aa11"), make(7, "aa11")] if clock else [], [make(1, "bb22")] if numbers else []),
    )


def stamp(time: int) -> str:
    return f"2026-01-{10 + time}T{time:02}:00:00"


def same(one, other, **how: bool) -> bool:
    left, right = comparable(one, **how), comparable(other, **how)
    found = left.equals(right, [0])
    assert found == right.equals(left, [0])
    return found


def test_times_are_left_out():
    assert same(
        lambda t, _: outcome({"n": 1, "at": stamp(t)}, body={"at": t / 7}),
        lambda t, _: outcome({"n": 1, "at": stamp(t + 1)}, body={"at": (t + 1) / 7}),
    )


def test_what_does_not_vary_counts():
    assert not same(
        lambda t, _: outcome({"n": 1, "at": stamp(t)}),
        lambda t, _: outcome({"n": 2, "at": stamp(t + 1)}),
    )
    assert not same(lambda t, _: outcome(body=1), lambda t, _: outcome(body=2))


@pytest.mark.parametrize("kept", ["never", None, 3])
def test_what_never_varies_is_not_what_varies(kept):
    """An update of nothing but the time is lost where the first time stays."""
    assert not same(lambda t, _: outcome({"at": stamp(t)}), lambda t, _: outcome({"at": kept}))


def test_lists_of_times_have_a_length():
    assert not same(
        lambda t, _: outcome({"log": [stamp(t), stamp(t + 1)]}),
        lambda t, _: outcome({"log": [stamp(t + 1)]}),
    )
    assert same(
        lambda t, _: outcome({"log": [stamp(t), stamp(t + 1)]}),
        lambda t, _: outcome({"log": [stamp(t + 1), stamp(t + 2)]}),
    )


@pytest.mark.parametrize("text", ["{}|{}", "v{}:{}", '{{"n": {}, "at": "{}"}}', '["{}", "{}"]'])
def test_of_a_text_only_the_varying_part_is(text):
    assert same(
        lambda t, _: outcome({"v": text.format(3, stamp(t))}), lambda t, _: outcome({"v": text.format(3, stamp(t + 1))})
    )
    assert not same(
        lambda t, _: outcome({"v": text.format(3, stamp(t))}), lambda t, _: outcome({"v": text.format(4, stamp(t + 1))})
    )


def test_a_log_in_a_text_has_as_many_entries():
    def of(*times: int):
        return lambda t, _: outcome({"log": ";".join(f"{stamp(t + one)} +5" for one in times)})

    assert same(of(0, 1), of(1, 3))
    assert not same(of(0, 1), of(1))


def test_identifiers_stand_for_each_other_everywhere():
    def of(first: str, second: str):
        return lambda t, number: outcome({"latest": number + first}, {"holder": number + second, "m": 1})

    assert same(of("a", "a"), of("b", "b"), numbers=True)
    assert not same(of("a", "a"), of("a", "b"), numbers=True), "each item has another one's"
    assert not same(of("a", "b"), of("a", "a"), numbers=True)


def test_identifiers_may_be_keys():
    assert same(
        lambda t, number: outcome({"id": number + "a", "entries": {number + "b": 1}}, {"id": "fixed"}),
        lambda t, number: outcome({"id": "fixed"}, {"id": number + "c", "entries": {number + "d": 1}}),
        numbers=True,
    )
    assert not same(
        lambda t, number: outcome({"entries": {number + "b": 1}}),
        lambda t, number: outcome({"entries": {number + "b": 1, number + "c": 1}}),
        numbers=True,
    )


def test_members_of_sets_have_no_order():
    assert same(
        lambda t, number: outcome({"tags": {"k", number + "a"}}),
        lambda t, number: outcome({"tags": {number + "z", "k"}}),
        numbers=True,
    )


def test_places_are_named_for_people():
    varied = comparable(lambda t, _: outcome({"n": 1, "at": stamp(t)}, body={"at": stamp(t), "n": 1}))
    assert varied.places() == ["Items.at", "body.at"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2),
    max_leaves=4,
)


@given(VALUES, VALUES)
def test_without_anything_that_varies_it_is_equality(one, other):
    left, right = Comparable(outcome({"v": one}, body=one)), Comparable(outcome({"v": other}, body=other))
    plain = image({"v": one}) == image({"v": other})
    assert left.equals(right, [0]) == plain
