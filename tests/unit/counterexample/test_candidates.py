"""Simpler schedules: which are tried, in which order, and what becomes of one that does not fit."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from toctou.counterexample.candidates import Following, fewer_switches
from toctou.history.picks.concurrent_call import CONCURRENT_CALL
from toctou.history.picks.staleness import STALENESS
from toctou.history.schedule import Choice, Schedule


def schedule(text: str) -> Schedule:
    return Schedule(tuple(Choice("ABC".index(letter)) for letter in text))


def texts(text: str) -> list[str]:
    return ["".join("ABC"[choice.request] for choice in one.choices) for one in fewer_switches(schedule(text))]


def switches(text: str) -> int:
    return sum(one != other for one, other in pairwise(text))


def test_the_fewest_switches_come_first():
    assert texts("ABAB") == ["AABB", "BBAA", "ABBA", "BAAB"]


@pytest.mark.parametrize("text", ["ABABAB", "ABCABC", "AABCBAC", "ABCBAABC"])
def test_every_schedule_with_fewer_switches_is_tried_once(text):
    tried = texts(text)
    assert len(set(tried)) == len(tried)
    assert set(tried) == {one for one in map("".join, permutations(text)) if switches(one) < switches(text)}
    assert [switches(one) for one in tried] == sorted(map(switches, tried))


def test_nothing_is_simpler_than_one_after_the_other():
    assert texts("AABB") == []


def test_simpler_picks_one_at_a_time():
    stale = Schedule((Choice.of(0, staleness=2), Choice(1), Choice.of(1, staleness=1)))
    assert [[choice.pick(STALENESS) for choice in one.choices] for one in stale.simpler_picks()] == [
        [0, 0, 1],
        [1, 0, 1],
        [2, 0, 0],
    ]


def followed(text: str, steps: dict[int, int]) -> str:
    """What becomes of a schedule of requests that take so many steps."""
    following = Following(schedule(text))
    assert following.begin()
    taken = ""
    while enabled := [request for request, count in steps.items() if count]:
        request = following.choose(enabled)
        assert request is not None
        steps[request] -= 1
        taken += "ABC"[request]
    assert not following.begin()
    return taken


def test_a_schedule_is_followed_as_far_as_it_fits():
    assert followed("ABA", {0: 2, 1: 1}) == "ABA"
    assert followed("ABABB", {0: 1, 1: 2}) == "ABB"
    assert followed("AB", {0: 2, 1: 3}) == "ABBBA"


def test_an_answer_that_there_is_not_becomes_the_oldest_there_is():
    following = Following(Schedule((Choice.of(0, staleness=3, concurrent_call=2),)))
    following.begin()
    following.choose([0])
    assert following.pick(STALENESS, 2) == 1
    assert following.pick(CONCURRENT_CALL, 2) == 1
