"""Outcomes are the same but for what varies by itself, and for nothing else."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toctou.history.item import image
from toctou.history.request import Response
from toctou.oracles import varying
from toctou.oracles.varying import Comparable, Outcome, Variants


class Identifier(NamedTuple):
    which: int


class Moment(NamedTuple):
    which: int


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


def test_an_identifier_stands_for_the_same_one_as_a_key_and_as_a_value():
    assert not same(
        lambda t, number: outcome({"m": {number: 1}, "latest": number}),
        lambda t, number: outcome({"m": {number: 1}, "latest": number + "z"}),
        numbers=True,
    )
    assert not same(
        lambda t, number: outcome({"m": {"k": 1, number: 1}}, {"latest": number}),
        lambda t, number: outcome({"m": {"k": 1, number: 1}}, {"latest": number + "z"}),
        numbers=True,
    )


def test_members_of_sets_have_no_order():
    assert same(
        lambda t, number: outcome({"tags": {"k", number + "a"}}),
        lambda t, number: outcome({"tags": {number + "z", "k"}}),
        numbers=True,
    )

    assert same(
        lambda t, number: outcome({"tags": {"k", number + "a"}}),
        lambda t, number: outcome({"tags": {"z" + number, "k"}}),
        numbers=True,
    ), "they are stored in another order"
    assert not same(
        lambda t, number: outcome({"tags": {"k", number + "a"}}),
        lambda t, number: outcome({"tags": {"l", number + "a"}}),
        numbers=True,
    )
    assert not Comparable(outcome(body={"SS": "ab"})).equals(Comparable(outcome(body={"SS": "ba"})), [0])


def test_what_a_list_holds_is_compared_part_by_part():
    def of(*, at: int, more: str = "k"):
        return lambda t, number: outcome(body=[{"k", number + more}, [f'{{"at": {t + at}, "n": 9}}']])

    assert same(of(at=0), of(at=1), numbers=True)
    assert same(
        lambda t, _: outcome(body=[[f'{{"at": {t}, "n": 9}}']]), lambda t, _: outcome(body=[[f'{{"n": 9, "at": {t}}}']])
    )
    assert same(of(at=0, more="a"), of(at=1, more="z"), numbers=True)
    assert not same(of(at=0), lambda t, number: outcome(body=[{"k", number}, [f'{{"at": {t}, "n": 8}}']]), numbers=True)


def test_of_a_key_only_the_varying_part_is():
    assert same(
        lambda t, number: outcome({"m": {"a:" + number: 1}}),
        lambda t, number: outcome({"m": {"a:" + number + "z": 1}}),
        numbers=True,
    )
    assert not same(
        lambda t, number: outcome({"m": {"a:" + number: 1}}),
        lambda t, number: outcome({"m": {"b:" + number: 1}}),
        numbers=True,
    )


def throws(*faces: int) -> Comparable:
    """Throws of a die, and a one that is always there."""
    return Comparable(
        outcome({"fixed": 1}, body=[str(one) for one in faces]),
        Variants(
            numbers=[outcome({"fixed": 1}, body=["5"] * len(faces)), outcome({"fixed": 1}, body=["6"] * len(faces))]
        ),
    )


def test_a_value_that_is_fixed_elsewhere_may_stand_for_several():
    assert throws(1, 1).equals(throws(2, 3), [0])
    assert throws(2, 3).equals(throws(1, 1), [0])
    assert not throws(2, 2).equals(throws(2, 3), [0])
    assert throws(1, 1).equals(throws(1, 1), [0])
    assert not throws(1).equals(Comparable(outcome({"fixed": 2}, body=["1"]), Variants()), [0])


def test_the_same_value_is_another_one_where_it_does_not_vary():
    known = Comparable(outcome(body=5), Variants())
    varied = Comparable(outcome(body=5), Variants([outcome(body=6)]))
    for one, other in ((known, varied), (varied, known)):
        assert not one.equals(other, [0])
        assert not one.response_equals(other, 0)
    unknown = Comparable(outcome(body=7))
    for one, other in ((unknown, varied), (varied, unknown)):
        assert one.equals(other, [0])
        assert one.response_equals(other, 0)


def test_times_stand_for_others_whether_a_pause_was_random_or_not():
    paused = comparable(lambda t, number: outcome(body=[f"{t}{number}", f"{t}{number}"]), numbers=True)
    plain = comparable(lambda t, _: outcome(body=[f"{t}8", f"{t}9"]), numbers=True)
    assert paused.equals(plain, [0])
    assert plain.equals(paused, [0])


def test_comparing_ends(monkeypatch: pytest.MonkeyPatch):
    def of(*numbers: str):
        return lambda t, number: outcome(*({"key": number + one} for one in numbers))

    assert same(of("a", "b"), of("c", "d"), numbers=True)
    monkeypatch.setattr(varying, "MOST_MATCHES", 2)
    assert not same(of("a", "b"), of("c", "d"), numbers=True)


def test_places_are_named_for_people():
    varied = comparable(lambda t, _: outcome({"n": 1, "at": stamp(t)}, body={"at": stamp(t), "n": 1}))
    assert varied.places() == ["Items.at", "body.at"]


def test_parts_that_are_no_attribute_are_named_too():
    varied = comparable(
        lambda t, number: outcome({"seen": {number + "k": 1}, "never": 1}, body=[number + "a", 1]), numbers=True
    )
    assert varied.places() == ["Items.seen", "body"]
    assert comparable(lambda t, number: outcome(body={"k": 1, number: 1}), numbers=True).places() == ["body.(names)"]
    assert comparable(lambda t, number: outcome(body={"k": 9, number: t}), numbers=True).places() == ["body.(names)"]
    assert comparable(lambda t, _: outcome(body=t)).places() == ["body"]
    assert not comparable(lambda t, _: outcome({"at": 1}, body="x")).places()


def test_stored_items_can_be_shown_without_what_varies():
    varied = comparable(lambda t, _: outcome({"n": 1, "at": stamp(t)}, {"n": 2}))
    stored = {"Items": [image({"n": 3, "at": "never"})], "Others": [image({"at": "never"})]}
    assert varied.without(stored) == {"Items": [image({"n": 3})], "Others": [image({"at": "never"})]}
    assert varied.outcome.responses == [Response(200)]


def test_tables_without_items_are_no_difference():
    assert Comparable(Outcome([], {"Items": []})).equals(Comparable(Outcome([], {})), [])


def test_responses_are_compared_by_index_in_the_order_of_the_requests():
    def answers(*bodies: str) -> Outcome:
        return Outcome([Response(200, one) for one in bodies], {})

    ordered, observed = Comparable(answers("b", "a")), Comparable(answers("a", "b"))
    assert ordered.equals(observed, [1, 0])
    assert not ordered.equals(observed, [0, 1])
    assert ordered.response_equals(observed, 0)
    assert not ordered.response_equals(observed, 1)


@pytest.mark.parametrize(
    ("varied", "plain", "alike"),
    [
        ("3|{}", "3|never", True),
        ("3|{}", "4|never", False),
        ("{}, by alice", "never, by alice", True),
        ("{}, by alice", "never, by bob", False),
        ("{};{}", "never;never", True),
        ("{};{}", "never", False),
        ("{}", 3, False),
    ],
)
def test_a_value_of_which_nothing_is_known_may_vary(varied: str, plain: Any, alike: bool):
    """Finding out what varies takes more runs, so what is certain to be different is told before."""
    left = comparable(lambda t, _: outcome({"v": varied.format(*("abcdefghi"[at] for at in (t, t + 1)))}))
    right = Comparable(outcome({"v": plain}))
    assert left.equals(right, [0]) == right.equals(left, [0]) == alike


@pytest.mark.parametrize(("plain", "alike"), [(7, True), ("7", False), (None, False), ([7], False), ({"7": 7}, False)])
def test_a_number_may_vary_and_stays_one(plain: Any, alike: bool):
    left, right = comparable(lambda t, _: outcome(body={"at": t})), Comparable(outcome(body={"at": plain}))
    assert left.equals(right, [0]) == right.equals(left, [0]) == alike


def test_what_varies_with_the_clock_is_not_what_varies_with_the_random_numbers():
    def of(one: Any, other: Any) -> bool:
        return same(
            lambda t, number: outcome({"at": t, "id2": number, "v": one(t, number)}),
            lambda t, number: outcome({"at": t, "id2": number, "v": other(t, number)}),
            numbers=True,
        )

    assert of(lambda t, _: str(t), lambda t, _: str(t + 1))
    assert not of(lambda t, _: str(t), lambda _, number: number + "a")
    assert not of(lambda t, number: f"{t}, then {number}", lambda _, number: f"now, then {number}")
    assert of(lambda t, number: f"{t}{number}", lambda t, _: f"{t}"), "a time after a pause of random length"


@pytest.mark.parametrize("make", [tuple, list, set, frozenset], ids=lambda one: one.__name__)
def test_answers_may_have_collections_of_any_kind(make):
    def body(*numbers: str, more: str = "k") -> Any:
        return lambda t, number: outcome(body=make([more, *(number + one for one in numbers)]))

    assert same(body("a"), body("z"), numbers=True)
    assert not same(body("a"), body("a", "z"), numbers=True)
    assert not same(body("a"), body("a", more="l"), numbers=True)


@pytest.mark.parametrize("kind", ["list", "set"])
def test_an_order_counts_in_lists_and_not_in_sets(kind: str):
    def of(*values: str) -> Comparable:
        return Comparable(outcome(body=list(values) if kind == "list" else set(values)))

    assert of("a", "b").equals(of("b", "a"), [0]) == (kind == "set")
    assert not of("a", "b").equals(of("a", "c"), [0])


def test_text_that_only_looks_like_json_is_text():
    assert same(lambda t, _: outcome({"v": f"[{stamp(t)}"}), lambda t, _: outcome({"v": f"[{stamp(t + 1)}"}))
    assert not same(lambda t, _: outcome({"v": "[x"}), lambda t, _: outcome({"v": "[y"}))
    assert not same(lambda t, _: outcome({"v": "12"}), lambda t, _: outcome({"v": "12.0"}))


def test_json_in_a_text_has_no_order_of_members():
    assert same(
        lambda t, _: outcome({"v": f'{{"n": 1, "at": {t}}}'}), lambda t, _: outcome({"v": f'{{"at": {t + 1}, "n": 1}}'})
    )


def test_an_answer_need_not_be_hashable():
    one, other = (outcome(body=bytearray(text)) for text in (b"a", b"b"))
    assert Comparable(one).equals(Comparable(one), [0])
    assert not Comparable(one).equals(Comparable(other), [0])
    varied = Comparable(one, Variants([other]))
    assert varied.places() == ["body"]
    assert varied.equals(Comparable(other, Variants([one])), [0])


def test_which_of_several_stands_for_which_is_searched_for():
    """Whether an entry can stand for another shows only by a third one, so choices have to be taken back."""

    def linked(*links: tuple[str, str]):
        return lambda t, number: outcome(*({"key": number + one, "next": number + other} for one, other in links))

    ring = linked(("a", "b"), ("b", "c"), ("c", "a"))
    assert same(ring, linked(("r", "p"), ("q", "r"), ("p", "q")), numbers=True)
    assert not same(ring, linked(("p", "p"), ("q", "r"), ("r", "q")), numbers=True)


def test_mappings_need_the_same_members():
    assert not same(lambda t, _: outcome({"m": {"a": 1, "at": t}}), lambda t, _: outcome({"m": {"b": 1, "at": t}}))
    assert not same(lambda t, _: outcome({"m": {"a": 1, "at": t}}), lambda t, _: outcome({"m": {"at": t}}))
    assert not same(lambda t, _: outcome({"m": {"at": t}}), lambda t, _: outcome({"m": {"a": 1, "at": t}}))


def test_the_kinds_of_values_have_to_agree_beside_what_varies():
    assert not same(lambda t, _: outcome(body=[t, [1]]), lambda t, _: outcome(body=[t, {"1": 1}]))
    assert not same(lambda t, _: outcome(body=[t, {"k"}]), lambda t, _: outcome(body=[t, {"k": 1}]))


def test_what_varies_in_its_kind_varies():
    """Such as a mapping in one run, and a number in another."""
    varied = Comparable(outcome(body={"v": 1}), Variants([outcome(body={"v": {"w": 2}}), outcome(body={"v": [3]})]))
    assert varied.places() == ["body.v"]
    assert Comparable(outcome(body=[1, 2]), Variants([outcome(body={"v": 1})])).places() == ["body"]
    assert Comparable(outcome(body={"v": {"w": 2}}), Variants([outcome(body={"v": 1})])).places() == ["body.v"]
    assert Comparable(outcome(body={"v": 1, "w": 2}), Variants([outcome(body={"v": 3})])).places() == [
        "body.v",
        "body.(names)",
    ]
    assert Comparable(outcome(body={"v": [2, 3]}), Variants([outcome(body={"v": 1})])).places() == ["body.v"]
    assert Comparable(outcome(body={"v": [2, 3]}), Variants([outcome(body={"v": [4]})])).places() == ["body.v"]


def test_long_answers_and_many_items_take_no_recursion():
    def many(start: int) -> Outcome:
        items = [{"id": str(one), "at": str(start), "n": one} for one in range(600)]
        return outcome(*items, body=[{"n": one, "at": start + one} for one in range(1_200)])

    left, right = (Comparable(many(one), Variants([many(one + 10_000)])) for one in (0, 100_000))
    assert left.equals(right, [0])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2),
    max_leaves=4,
)


@given(VALUES, VALUES)
def test_without_anything_that_varies_it_is_equality(one, other):
    left, right = Comparable(outcome({"v": one}, body=one)), Comparable(outcome({"v": other}, body=other))
    assert left.equals(right, [0]) == (image({"v": one}) == image({"v": other}))


PARTS = st.recursive(
    st.builds(Identifier, st.integers(0, 2))
    | st.builds(Moment, st.integers(0, 2))
    | st.sampled_from(["a", "b", 3, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2),
    max_leaves=5,
)


def rendered(part: Any, clock: int, number: str, names: Sequence[int]) -> Any:
    """A part of an answer with times and identifiers as one run tells them."""
    if isinstance(part, list):
        return [rendered(one, clock, number, names) for one in part]
    if isinstance(part, dict):
        return {key: rendered(one, clock, number, names) for key, one in part.items()}
    if isinstance(part, Identifier):
        return f"{number}{'xyz'[names[part.which]]}"
    return clock + part.which if isinstance(part, Moment) else part


def told(parts: Sequence[Any], *, start: int, names: Sequence[int]) -> Comparable:
    """Stored items, of which the table is sorted by something else than in other runs, and an answer."""

    def run(clock: int, number: str) -> Outcome:
        stored = [image({"v": rendered(one, clock, number, names)}) for one in parts[1:]]
        return Outcome([Response(200, rendered(parts[0], clock, number, names))], {"Items": sorted(stored, key=repr)})

    return Comparable(
        run(start, "aa11"), Variants([run(start + 70, "aa11"), run(start + 900, "aa11")], [run(start, "bb22")])
    )


def changed(part: Any) -> Iterator[Any]:
    """The part with one leaf that is something else."""
    if isinstance(part, list):
        for at, one in enumerate(part):
            yield from ([*part[:at], other, *part[at + 1 :]] for other in changed(one))
    elif isinstance(part, dict):
        for key, one in part.items():
            yield from ({**part, key: other} for other in changed(one))
    else:
        yield "never"


@given(st.lists(PARTS, min_size=1, max_size=3), st.permutations(range(3)), st.data())
def test_other_times_and_other_identifiers_are_the_same_and_nothing_else_is(parts, names, data):
    here, there = told(parts, start=10_000, names=range(3)), told(parts, start=10_005, names=names)
    assert here.equals(there, [0])
    at = data.draw(st.integers(0, len(parts) - 1))
    if others := list(changed(parts[at])):
        wrong = told([*parts[:at], data.draw(st.sampled_from(others)), *parts[at + 1 :]], start=10_005, names=names)
        assert not here.equals(wrong, [0])
        assert not wrong.equals(here, [0])


@given(st.lists(PARTS, min_size=1, max_size=3))
def test_two_identifiers_are_not_one(parts):
    here, there = (told(parts, start=10_000, names=names) for names in (range(3), (0, 0, 2)))
    both = {"Identifier(which=0)", "Identifier(which=1)"}
    assert here.equals(there, [0]) == (not all(one in repr(parts) for one in both))


@pytest.mark.parametrize("within", [lambda one: one, lambda one: [one], lambda one: {"k": one}, lambda one: {"a", one}])
def test_true_is_not_one(within):
    true, one = (Comparable(outcome(body=within(value)), Variants()) for value in (True, 1))
    assert true.equals(true, [0])
    assert not true.equals(one, [0])
    assert not one.response_equals(true, 0)
