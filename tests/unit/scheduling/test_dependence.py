"""Equivalent orders that differ in real time: each that makes a difference once, and few gone through for it."""

from __future__ import annotations

import pickle
import random
from itertools import permutations

import pytest

from toctou.history.footprint import EXISTENCE, Footprint, dependent
from toctou.history.item import ItemId
from toctou.scheduling import dependence
from toctou.scheduling.dependence import (
    Order,
    Remembered,
    Shape,
    in_order,
    interleavings,
    mirror_images,
    real_time_siblings,
    shape,
    writes_in_order,
)


def in_every_permutation(order: Shape, before: list[frozenset[int]], requests: int) -> list[Order]:
    """As the text says it: the requests pulled to the front in each of their permutations."""
    found = []
    for front in permutations(range(requests)):
        taken: dict[int, None] = {}
        for request in front:
            own = [at for at, (one, _) in enumerate(order) if one == request]
            taken |= dict.fromkeys(sorted(frozenset(own).union(*(before[at] for at in own)) - taken.keys()))
        found.append(tuple(taken))
    return found


def drawn(numbers: random.Random) -> tuple[Shape, int]:
    """An order of steps with some dependences."""
    requests, likely = numbers.randint(1, 5), numbers.random()
    rows: list[tuple[int, frozenset[int]]] = []
    for at in range(numbers.randint(0, 9)):
        request = numbers.randrange(requests)
        earlier = (one for one in range(at) if rows[one][0] == request or numbers.random() < likely)
        rows.append((request, frozenset(earlier)))
    return tuple(rows), requests


def test_none_is_left_out(monkeypatch: pytest.MonkeyPatch):
    numbers = random.Random(1)
    cases = [drawn(numbers) for _ in range(500)]
    found = [real_time_siblings.__wrapped__(*case) for case in cases]
    monkeypatch.setattr(dependence, "_pulled_forward", in_every_permutation)
    assert found == [real_time_siblings.__wrapped__(*case) for case in cases]
    assert sum(map(bool, found)) > 50


def test_where_steps_depend_on_each_other_few_are_gone_through(monkeypatch: pytest.MonkeyPatch):
    """Eight requests that read one after the other, then write: one that comes first takes all reads before its write along."""
    requests = 8
    reads = [(request, frozenset[int]()) for request in range(requests)]
    writes = [(request, frozenset(range(requests + request))) for request in range(requests)]
    gone_through: list[Order] = []
    every = dependence._pulled_forward

    def counting(*arguments: object):
        for order in every(*arguments):
            gone_through.append(order)
            yield order

    monkeypatch.setattr(dependence, "_pulled_forward", counting)
    real_time_siblings.__wrapped__((*reads, *writes), requests)
    assert len(gone_through) <= 2 ** (requests - 1), "of 40,320 permutations"


def test_what_was_said_of_two_footprints_is_remembered():
    asked: list[tuple[Footprint, Footprint]] = []

    def depends(left: Footprint, right: Footprint) -> bool:
        asked.append((left, right))
        return dependent(left, right)

    item = ItemId("Items", (("S", "i1"),))
    write, read = Footprint(writes={item: frozenset({EXISTENCE})}), Footprint(reads={item: frozenset({EXISTENCE})})
    remembered = Remembered(depends)
    assert [remembered(write, read), remembered(write, read), remembered(read, read)] == [True, True, False]
    assert len(asked) == 2
    assert pickle.loads(pickle.dumps(Remembered(dependent)))(write, read)


ITEM, OTHER = (ItemId("Items", (("S", name),)) for name in "xy")
NOTHING = Footprint()
READ, OTHER_READ = (Footprint(reads={item: frozenset({EXISTENCE})}) for item in (ITEM, OTHER))
WRITE, OTHER_WRITE = (Footprint(writes={item: frozenset({EXISTENCE})}) for item in (ITEM, OTHER))


@pytest.mark.parametrize(
    ("left", "right", "of_writes", "of_all"),
    [
        (WRITE, OTHER_WRITE, True, True),
        (WRITE, READ, True, True),
        (READ, WRITE, True, True),
        (OTHER_READ, WRITE, False, True),
        (READ, READ, False, True),
        (NOTHING, WRITE, False, False),
        (WRITE, NOTHING, False, False),
        (NOTHING, NOTHING, False, False),
    ],
)
def test_oracles_that_observe_an_order_make_more_operations_dependent(left, right, of_writes, of_all):
    assert (writes_in_order(left, right), in_order(left, right)) == (of_writes, of_all)


def test_a_shape_keeps_the_steps_of_a_request_and_what_depends_in_order():
    steps = [(0, READ), (1, OTHER_WRITE), (1, WRITE), (0, OTHER_READ), (2, READ)]
    none, every = frozenset[int](), [frozenset(range(at)) for at in range(5)]
    assert shape(steps) == ((0, none), (1, none), (1, frozenset({0, 1})), (0, frozenset({0, 1})), (2, frozenset({2})))
    assert shape(steps, in_order) == tuple(zip((0, 1, 1, 0, 2), every, strict=True))


def extensions(order: Shape) -> list[Order]:
    """By definition: every order in which what must stay before a step does."""
    return [
        one
        for one in permutations(range(len(order)))
        if all(one.index(earlier) < one.index(at) for at, (_, before) in enumerate(order) for earlier in before)
    ]


def pairs_in_time(order: Shape, sequence: Order) -> frozenset[tuple[int, int]]:
    """By definition: the requests of which the first has performed its last step before the other's first."""
    at = {request: [i for i, step in enumerate(sequence) if order[step][0] == request] for request, _ in order}
    return frozenset((one, other) for one in at for other in at if max(at[one]) < min(at[other]))


def test_equivalent_orders_and_the_strongest_of_them_are_what_brute_force_finds():
    numbers = random.Random(2)
    cases = [case for case in (drawn(numbers) for _ in range(300)) if len(case[0]) <= 6]
    for order, requests in cases:
        every = extensions(order)
        assert interleavings.__wrapped__(order) == len(every)
        siblings = real_time_siblings.__wrapped__(order, requests)
        assert set(siblings) <= set(every)
        executed = pairs_in_time(order, tuple(range(len(order))))
        found = [pairs_in_time(order, one) for one in siblings]
        assert all(
            any(one <= other for other in (executed, *found)) for one in {pairs_in_time(order, e) for e in every}
        )
        for at, one in enumerate(found):
            assert not any(one <= other for other in (executed, *found[:at], *found[at + 1 :])), "it adds nothing"
    assert sum(bool(real_time_siblings.__wrapped__(*case)) for case in cases) > 50


NONE = frozenset[int]()
FIRST = frozenset({0})


@pytest.mark.parametrize(
    ("order", "interchangeable", "images"),
    [
        (((0, NONE), (1, FIRST)), (0, 1), 1),
        (((0, NONE), (1, FIRST)), (0, 0), 2),
        (((0, NONE), (1, NONE)), (0, 0), 1),
        (((0, NONE), (1, FIRST)), (), 1),
        (((0, NONE), (1, FIRST), (2, frozenset({0, 1}))), (0, 0, 0), 6),
        (((0, NONE), (1, FIRST), (2, frozenset({0, 1}))), (0, 0, 1), 2),
        (((0, NONE), (1, FIRST), (2, FIRST)), (0, 0, 0), 3),
        (((0, NONE), (1, NONE), (2, frozenset({1}))), (0, 0, 1), 2),
        (((0, NONE), (0, FIRST), (1, NONE)), (0, 0), 2),
        (((0, NONE), (1, NONE), (0, frozenset({0, 1})), (1, frozenset({0, 1}))), (0, 0), 1),
        (((0, NONE), (1, NONE), (0, frozenset({0, 1})), (1, frozenset({0, 1, 2}))), (0, 0), 2),
        (((0, NONE),), (0, 0), 2),
    ],
    ids=[
        "none_are",
        "one_before_the_other",
        "independent",
        "no_groups",
        "three_in_a_row",
        "two_of_three",
        "one_before_two",
        "one_of_two_before_a_third",
        "one_does_more",
        "symmetric_steps",
        "the_second_steps_are_ordered",
        "one_does_nothing",
    ],
)
def test_mirror_images_are_the_different_partial_orders(order, interchangeable, images):
    assert mirror_images.__wrapped__(order, interchangeable) == images


def test_what_is_remembered_of_footprints_has_a_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dependence, "_MOST_PAIRS", 2)
    remembered = Remembered(dependent)
    footprints = (READ, WRITE, OTHER_WRITE)
    for pair in [(left, right) for left in footprints for right in footprints] * 2:
        assert remembered(*pair) == dependent(*pair)
        assert len(remembered._known) <= 2
