"""Optimal reduction: what is said where footprints mislead it, when it begins again, its estimates, and its parts."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest
from lettered_steps import TOUCHED, class_of, every_schedule, explored, following, mirror_images, once

from toctou.errors import NondeterministicHandler
from toctou.history.footprint import union
from toctou.history.picks.concurrent_call import CONCURRENT_CALL
from toctou.history.picks.staleness import STALENESS
from toctou.scheduling.dependence import Interchangeable
from toctou.scheduling.restart import Reason, Restart
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.strategy import Place, Step


def after(executions: int, *requests: str) -> Dpor:
    """Before a further execution, of which the branch is chosen."""
    strategy = Dpor()
    for _ in range(executions):
        assert strategy.begin()
        assert once(strategy, requests)
    assert strategy.begin()
    return strategy


def written(place: Place) -> str:
    """``A0`` for a read of A with the first result."""
    return " ".join("ABCDEF"[request] + "".join(map(str, sorted(which or ()))) for request, which in place)


def test_a_request_that_has_to_follow_has_ended():
    strategy = after(1, "rw", "rw")
    assert strategy.choose([0, 1]) == 0
    strategy.performed(0, Step(TOUCHED["r"], ("r", False)))
    with pytest.raises(NondeterministicHandler, match="after 1 steps, the first time requests A, B could continue"):
        strategy.choose([0])
    strategy = after(3, "rw", "rw")
    assert strategy.choose([0, 1]) == 1
    strategy.performed(1, Step(TOUCHED["r"], ("r", False)))
    with pytest.raises(
        NondeterministicHandler, match=r"after 1 steps .* to expect a further step of request B, but it has ended"
    ):
        strategy.choose([0])


def test_the_results_that_are_left_are_not_there():
    strategy = Dpor()
    for answer in (0, 1):
        assert strategy.begin()
        strategy.choose([0])
        assert strategy.pick(STALENESS, 3) == answer
        strategy.performed(0, Step(TOUCHED["?"], answer))
    assert strategy.begin()
    strategy.choose([0])
    with pytest.raises(
        NondeterministicHandler,
        match=r"after 0 steps .* to expect a new one of the results of an eventually consistent read of request A, but",
    ):
        strategy.pick(STALENESS, 2)


@pytest.mark.parametrize("picks", [[CONCURRENT_CALL], [STALENESS, STALENESS]])
def test_sleep_sets_take_over_where_a_step_has_more_than_one_set_of_outcomes(picks):
    strategy = Dpor()
    assert strategy.begin()
    strategy.choose([0])
    assert [strategy.pick(kind, 2) for kind in picks] == [0] * len(picks)
    strategy.performed(0, Step(TOUCHED["r"], None))
    with pytest.raises(Restart) as told:
        strategy.begin()
    assert told.value.reason is Reason.STEP_TOUCHES_MORE
    assert isinstance(told.value.strategy, Exhaustive)


def test_two_steps_may_each_return_an_old_result():
    assert explored(Dpor(), ["??"]) == ["AA", "AA~", "A~A", "A~A~"]


def test_a_step_counts_with_all_that_it_touched_in_any_execution():
    strategy = Dpor()
    assert [*zip(range(1), following(strategy, ("c", "r", "c")), strict=False)] == [(0, "ABC")]
    assert strategy.taken_for == [TOUCHED["w"], TOUCHED["r"], TOUCHED["r"]]
    with pytest.raises(Restart) as told:
        [*following(strategy, ("c", "r", "c"))]
    again = told.value.strategy
    assert isinstance(again, Dpor)
    both = union(TOUCHED["r"], TOUCHED["w"])
    assert again.begin()
    assert once(again, ("c", "r", "c")) == "ABC"
    assert both in again.taken_for


@pytest.mark.parametrize(
    ("requests", "left"),
    [
        (("w", "w", "w"), [1, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 1 / 12, 0]),
        (("?", "w"), [1, 1 / 3, 1 / 4, 1 / 8, 0]),
        (("w", "R"), [1, 1 / 3]),
        (("rw", "rw"), [1, 5 / 9, 3 / 9, 3 / 9, 7 / 27]),
        (("r", "r", "w"), [1, 4 / 6, 3 / 6, 2 / 6, 1 / 18]),
    ],
)
def test_branches_are_expected_to_be_as_large_as_those_before_at_the_same_depth(requests, left):
    """Of three that write the branches count for 3, 2 and 1 at first, and later each for what was run in it."""
    strategy = Dpor()
    assert [strategy.left(), *(strategy.left() for _ in following(strategy, requests))] == pytest.approx(left)
    assert strategy.left() == 0.0, "the last execution may have had races"


def test_the_branches_that_are_known_in_the_order_of_their_turn():
    strategy = after(5, "?w", "w", "r")
    assert written(strategy.current()) == "A0 C B"
    assert [(depth, written(place)) for depth, place in strategy.pending()] == [(0, "A1"), (0, "B")]
    strategy = after(2, "rw", "rw")
    assert [(depth, written(place)) for depth, place in strategy.pending()] == [(0, "B B")]


Explored = tuple[Dpor, list[str | None]]
"""A part, and what it has run."""


def carried(part: Dpor, requests: Sequence[str], most: int) -> Explored:
    """The part after some executions in another process."""
    part = pickle.loads(pickle.dumps(part))
    runs = [run for _, run in zip(range(most), following(part, requests), strict=False)]
    part.begin()
    return part, runs


def by_parts(requests: Sequence[str], interchangeable: Interchangeable = ()) -> list[str | None]:
    """What is run if every branch that is known is explored ahead of its turn, to its end.

    Without symmetry every branch has a turn.
    """
    search = Dpor(interchangeable=interchangeable)
    found: list[str | None] = []
    ahead: dict[Place, Explored] = {}

    def merge(part: Dpor, runs: list[str | None]) -> bool:
        found.extend(runs)
        search.learn(part)
        search.push(part)
        search.reverse(part.noted())
        return search.merge(part)

    more = search.begin()
    while more:
        pending = {place: depth for depth, place in search.pending()}
        for place in pending.keys() - ahead.keys():
            part = search.part(place)
            assert part is not None or interchangeable
            if part is not None:
                ahead[place] = carried(part, requests, 1_000)
        depth = max((depth + 1 for place, depth in pending.items() if place in ahead), default=0)
        more = merge(*carried(search.rest(depth), requests, 1))
        while more and search.current() in ahead:
            more = merge(*ahead.pop(search.current()))
    return found


@pytest.mark.parametrize(
    "requests",
    [("w", "w", "w"), ("rw", "rw"), ("?w", "w", "r"), ("?w", "?w"), ("rW", "Rw", "w"), ("wW", "r", "r", "R")],
)
def test_parts_run_what_one_search_runs_in_the_same_order(requests):
    assert by_parts(requests) == explored(Dpor(), requests)


@pytest.mark.parametrize(
    "requests", [("rw", "rw", "w"), ("?w", "?w"), ("r?w", "r?w"), ("?", "w", "w"), ("rw", "rw", "rw")]
)
def test_parts_run_what_one_search_runs_up_to_symmetry(requests):
    interchangeable = tuple(requests.index(steps) for steps in requests)
    assert by_parts(requests, interchangeable) == explored(Dpor(interchangeable=interchangeable), requests)


def test_what_is_split_off_is_not_known_here_any_more():
    strategy = after(1, "?w", "w", "r")
    assert [written(place) for _, place in strategy.pending()] == ["A0 B", "A1"]
    rest = strategy.rest(1)
    assert [written(place) for _, place in strategy.pending()] == ["A1"]
    assert [written(place) for _, place in rest.pending()] == ["A0 B"]


def test_what_a_part_did_not_return_from_is_left_out():
    strategy = after(1, "w", "w", "w")
    strategy.rest(1)
    assert strategy.pop()
    assert written(strategy.current()) == "B"
    assert strategy.rest(1).begin()
    assert not strategy.pop()


def test_nothing_follows_the_whole_search_that_did_not_return():
    search = Dpor()
    assert search.begin()
    search.rest(0)
    assert not search.pop()


def test_parts_that_learned_different_things_begin_again_with_all_of_it():
    search = Dpor()
    assert search.begin()
    part, _ = carried(search.rest(0), ("w", "w"), 1)
    search.learn(part)
    search.learn(part)
    other = Dpor()
    assert [*following(other, ("r", "w"))] == ["AB", "BA"]
    with pytest.raises(Restart) as told:
        search.learn(other)
    assert told.value.reason is Reason.STEP_TOUCHES_MORE
    again = told.value.strategy
    assert again is not None
    assert next(following(again, ("r", "w"))) == "AB"
    assert again.taken_for == [union(TOUCHED["r"], TOUCHED["w"]), TOUCHED["w"]]


@pytest.mark.parametrize(
    ("requests", "executions", "mirrored"),
    [
        (("?W", "?W", "?W"), 20, 11),
        (("R?!w", "R?!w"), 8, 2),
        (("rw", "rw", "rw"), 6, 0),
        (("r?!w", "r?!w", "r?!w"), 96, 36),
        (("?", "Ww", "?", "Ww"), 42, 0),
        (("?!w", "?!w", "W", "w?!W"), 132, 0),
    ],
)
def test_mirror_images_that_are_run_for_their_races(requests, executions, mirrored):
    """How many was counted, not derived; that no class is missed is compared with brute force."""
    strategy = Dpor(interchangeable=tuple(requests.index(steps) for steps in requests))
    found = [(one, strategy.mirrored) for one in following(strategy, requests)]
    assert (len(found), sum(mirror for _, mirror in found)) == (executions, mirrored)
    classes, every = (
        {class_of(requests, one) for one in schedules if one}
        for schedules in ((one for one, _ in found), every_schedule(requests))
    )
    assert {mirror_images(requests, one) for one in classes} == {mirror_images(requests, one) for one in every}


def test_a_read_has_more_results_after_a_write_than_before_it():
    """A reads once, with a result for each of B's two writes before it besides the first: the reversal of a race asks for all."""
    strategy, schedules = Dpor(), []
    while strategy.begin():
        taken = ""
        while enabled := [number for number, steps in ((0, 1), (1, 2)) if taken.count("AB"[number]) < steps]:
            chosen = strategy.choose(enabled)
            results = 1 + taken.count("B") if chosen == 0 else 1
            result = strategy.pick(STALENESS, results) if results > 1 else 0
            taken += "AB"[chosen] + (str(result) if chosen == 0 else "")
            strategy.performed(chosen, Step(TOUCHED["w" if chosen else "?"], result))
        schedules.append(taken)
    assert schedules == ["A0BB", "BBA0", "BBA1", "BBA2", "BA0B", "BA1B"]
