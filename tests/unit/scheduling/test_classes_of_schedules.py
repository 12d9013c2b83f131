"""What the two searches of all classes run of small programs, in order, and what they say of requests that do not repeat.

The classes can be counted by hand: two reads and writes of one item have four, three writes of it six.
"""

from __future__ import annotations

import pytest
from lettered_steps import TOUCHED, class_of, every_schedule, explored, following, mirror_images

from toctou.errors import NondeterministicHandler
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.strategy import Step, Strategy
from toctou.verdict import Coverage

both = pytest.mark.parametrize("search", [Dpor, Exhaustive])


@both
@pytest.mark.parametrize(
    ("requests", "schedules"),
    [
        (("w", "R"), "AB"),
        (("w", "w"), "AB BA"),
        (("rw", "rw"), "AABB ABBA ABAB BBAA"),
        (("w", "w", "w"), "ABC ACB BAC BCA CAB CBA"),
        (("r", "r", "w"), "ABC ACB BCA CAB"),
        (("wW", "wR"), "AABB ABBA BBAA BAAB"),
        (("wwR", "wW"), "AAABB AABBA ABBAA ABAAB BBAAA BAAAB"),
        (("?", "w"), "AB A~B BA BA~"),
        (("?r", "w"), "AAB ABA A~AB A~BA BAA BA~A"),
        (("?", "w", "w"), "ABC ACB A~BC A~CB BAC BA~C BCA BCA~ CAB CA~B CBA CBA~"),
    ],
)
def test_one_schedule_of_each_class(search: type[Strategy], requests: tuple[str, ...], schedules: str):
    assert [one for one in following(search(), requests) if one is not None] == schedules.split()


@both
def test_it_ends_when_everything_has_been_run(search: type[Strategy]):
    assert (search.ends, search.covers, search.symmetric) == (True, Coverage.EVERYTHING, True)


COUNTS = [
    # of requests: by sleep sets, by optimal reduction, and both up to symmetry
    (("w", "w", "w"), 6, 6, 1, 1),
    (("rw", "rw"), 4, 4, 2, 2),
    (("rw", "rw", "w"), 22, 22, 11, 11),
    (("rW", "Rw", "w"), 9, 9, 9, 9),
    (("wR", "wR", "W"), 8, 8, 4, 4),
    (("w", "R", "w"), 2, 2, 1, 1),
    (("?", "w", "w"), 12, 12, 6, 6),
    (("?", "?", "w"), 16, 16, 12, 10),
    (("?w", "?w"), 16, 16, 10, 8),
    (("c", "c", "r"), 4, 6, 2, 3),
    (("cw", "r?"), 12, 12, 12, 12),
    (("rc", "rc", "w"), 14, 22, 8, 11),
    (("c?", "c?"), 8, 16, 4, 8),
    (("W", "?!W", "W", "?!W"), 38, 38, 13, 17),
]


@pytest.mark.parametrize(("requests", "by_sleep_sets", "optimally", "_", "__"), COUNTS)
def test_no_class_is_missed(requests: tuple[str, ...], by_sleep_sets: int, optimally: int, _: int, __: int):
    """Where a ``c`` may fail to write, the classes of optimal reduction are finer."""
    every = {class_of(requests, schedule) for schedule in every_schedule(requests)}
    for strategy, executions in ((Exhaustive(), by_sleep_sets), (Dpor(), optimally)):
        found = [class_of(requests, schedule) for schedule in explored(strategy, requests) if schedule is not None]
        assert set(found) == every
        assert len(found) == executions
    assert by_sleep_sets == len(every)


@pytest.mark.parametrize(("requests", "_", "__", "by_sleep_sets", "optimally"), COUNTS)
def test_no_class_is_missed_up_to_symmetry(
    requests: tuple[str, ...], _: int, __: int, by_sleep_sets: int, optimally: int
):
    """Some mirror images are run nevertheless."""
    every = {mirror_images(requests, class_of(requests, schedule)) for schedule in every_schedule(requests)}
    interchangeable = tuple(requests.index(steps) for steps in requests)
    for search, executions in ((Exhaustive, by_sleep_sets), (Dpor, optimally)):
        schedules = explored(search(interchangeable=interchangeable), requests)
        found = [mirror_images(requests, class_of(requests, one)) for one in schedules if one is not None]
        assert set(found) == every
        assert len(found) == executions


def two_steps_taken(search: type[Strategy]) -> Strategy:
    """In the second execution, after the step in which the two begin alike."""
    strategy = search()
    assert next(following(strategy, ("rr", "w"))) == "AAB"
    assert strategy.begin()
    assert strategy.choose([0, 1]) == 0
    return strategy


@both
def test_other_requests_can_continue(search: type[Strategy]):
    strategy = search()
    assert next(following(strategy, ("rr", "w"))) == "AAB"
    assert strategy.begin()
    with pytest.raises(
        NondeterministicHandler,
        match="after 0 steps, the first time requests A, B could continue;\nthe second time A, B, C can",
    ):
        strategy.choose([0, 1, 2])


@both
def test_a_step_does_something_else(search: type[Strategy]):
    strategy = two_steps_taken(search)
    with pytest.raises(
        NondeterministicHandler,
        match=r"after 0 steps, the first time request A did\n.*r.*;\nthe second time it does\n1",
    ):
        strategy.performed(0, Step(TOUCHED["r"], 1))


@both
def test_a_step_that_does_the_same_is_no_fault(search: type[Strategy]):
    strategy = two_steps_taken(search)
    strategy.performed(0, Step(TOUCHED["r"], ("r", False)))
    assert strategy.choose([0, 1]) == 1
