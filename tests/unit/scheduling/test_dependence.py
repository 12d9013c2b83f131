"""Equivalent orders that differ in real time: each that makes a difference once, and few gone through for it."""

from __future__ import annotations

import pickle
import random
from itertools import permutations

import pytest

from toctou.history.footprint import EXISTENCE, Footprint, dependent
from toctou.history.item import ItemId
from toctou.scheduling import dependence
from toctou.scheduling.dependence import Order, Remembered, Shape, real_time_siblings


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
