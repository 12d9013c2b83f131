"""Sleep sets: what is given up, what is said of picks that do not repeat, how a search is divided, and what is estimated."""

from __future__ import annotations

import pytest
from lettered_steps import TOUCHED, following, once

from toctou.errors import NondeterministicHandler
from toctou.history.picks.staleness import STALENESS
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.strategy import Step


def estimates(*requests: str) -> list[float]:
    """What is left before the first execution, and after each."""
    strategy = Exhaustive()
    return [strategy.left(), *(strategy.left() for _ in following(strategy, requests))]


@pytest.mark.parametrize(
    ("requests", "schedules"),
    [(("rw", "RW"), ["AABB", None, None]), (("r", "r", "w"), ["ABC", "ACB", "BCA", "CAB", None])],
)
def test_an_execution_in_which_only_sleeping_requests_are_left_is_given_up(requests, schedules):
    assert [*following(Exhaustive(), requests)] == schedules


def test_few_mirror_images_are_begun_in_vain():
    """A request sleeps as soon as it is in the local state of one that does, even if its own last step led there."""
    begun = [*following(Exhaustive(interchangeable=(0, 0)), ("?WW", "?WW"))]
    assert (len(begun), begun.count(None)) == (20, 2)


def test_the_same_step_has_another_number_of_results():
    strategy = Exhaustive()
    assert next(following(strategy, ("?", "w"))) == "AB"
    assert strategy.begin()
    assert strategy.choose([0, 1]) == 0
    with pytest.raises(
        NondeterministicHandler,
        match="after 0 steps, the first time request A had 2 results of an eventually consistent read;\n"
        "the second time it has 3",
    ):
        strategy.pick(STALENESS, 3)


def test_a_step_that_picks_twice():
    """Both picks of a step are explored, the last one first; a third, which comes up after some answers only, is its own."""
    strategy, answers = Exhaustive(), []
    while strategy.begin():
        strategy.choose([0])
        first = strategy.pick(STALENESS, 2)
        second = strategy.pick(STALENESS, 3) if first == 0 else None
        answers.append((first, second))
        strategy.performed(0, Step(TOUCHED["r"], answers[-1]))
    assert answers == [(0, 0), (0, 1), (0, 2), (1, None)]


@pytest.mark.parametrize("writing", [0, 1])
def test_what_a_step_did_with_other_answers_counts_when_its_request_sleeps(writing: int):
    """A writes if it gets one of two answers, and reads otherwise, and B reads: with B first, A has to be explored again."""
    strategy, schedules = Exhaustive(), []
    while strategy.begin():
        taken, left = "", [0, 1]
        while left:
            chosen = strategy.choose(left)
            assert chosen is not None
            left.remove(chosen)
            answer = strategy.pick(STALENESS, 2) if chosen == 0 else None
            taken += "AB"[chosen] + ("~" if answer else "")
            strategy.performed(chosen, Step(TOUCHED["w" if answer == writing else "r"], answer))
        schedules.append(taken)
    assert schedules == ["AB", "A~B", "BA", "BA~"]


@pytest.mark.parametrize(
    ("requests", "left"),
    [
        (("w", "w", "w"), [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0]),
        (("?", "w"), [1, 3 / 4, 1 / 2, 1 / 4, 0]),
        (("?r", "w"), [1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 1 / 4, 0]),
        (("rw", "rw"), [1, 6 / 8, 5 / 8, 4 / 8, 0]),
        (("r", "r", "w"), [1, 5 / 6, 4 / 6, 2 / 6, 1 / 6, 0]),
    ],
)
def test_the_branches_of_a_state_are_taken_for_equally_large(requests, left):
    assert estimates(*requests) == pytest.approx(left)


def test_what_is_split_off_begins_where_the_first_state_has_more_to_explore():
    requests = ("w", "w", "w")
    strategy = Exhaustive()
    assert next(following(strategy, requests)) == "ABC"
    later = strategy.divide()
    assert later is not None
    assert (strategy.left(), later.left()) == (pytest.approx(1 / 6), pytest.approx(4 / 6))
    last = strategy.divide()
    assert last is not None
    assert strategy.divide() is None
    assert [*following(strategy, requests)] == []
    assert [*following(last, requests)] == ["ACB"]
    assert [*following(later, requests)] == ["BAC", "BCA", "CAB", "CBA"]


def test_a_read_with_another_result_left_is_split_off():
    requests = ("?", "r")
    strategy = Exhaustive()
    assert next(following(strategy, requests)) == "AB"
    later = strategy.divide()
    assert later is not None
    assert [*following(strategy, requests)] == []
    assert [one for one in following(later, requests) if one is not None] == ["A~B"]


def test_nothing_is_split_off_where_only_the_last_state_has_more_to_explore():
    strategy = Exhaustive()
    assert [run for _, run in zip(range(3), following(strategy, ("?", "w")), strict=False)] == ["AB", "A~B", "BA"]
    assert strategy.divide() is None


def test_a_read_is_split_off_until_its_last_result():
    strategy = Exhaustive()
    assert [run for _, run in zip(range(3), following(strategy, ["??"]), strict=False)] == ["AA", "AA~", "A~A"]
    assert strategy.divide() is None
    strategy = Exhaustive()
    assert next(following(strategy, ["??"])) == "AA"
    assert strategy.divide() is not None


def test_both_parts_go_on_from_what_was_known():
    """Neither takes a list from the other: what one part puts to sleep, the other part has to explore."""
    requests = ("?r", "w", "w")
    whole = [*following(Exhaustive(), requests)]
    strategy = Exhaustive()
    assert strategy.begin()
    first = once(strategy, requests)
    later = strategy.divide()
    assert later is not None
    found = [*following(later, requests)]
    assert [first, *following(strategy, requests), *found] == whole
