"""A schedule is followed exactly; where the code no longer fits, the place and the steps so far are told."""

from __future__ import annotations

import pytest

from toctou.errors import ScheduleDiverged
from toctou.history.footprint import EMPTY
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling.strategies.replay import Replay
from toctou.scheduling.strategies.strategy import Step


def follow(choices: str, operations: dict[str, int]) -> list[str]:
    """The steps taken when each request performs this many operations."""
    strategy = Replay(Schedule(tuple(Choice("ABC".index(letter)) for letter in choices)))
    assert strategy.begin()
    left = dict(operations)
    taken = []
    while enabled := ["ABC".index(letter) for letter, count in left.items() if count]:
        request = strategy.choose(enabled)
        letter = "ABC"[request]
        left[letter] -= 1
        taken.append(letter)
        strategy.performed(request, Step(EMPTY, f"did its step {len(taken)}"))
    strategy.finish()
    assert not strategy.begin(), "it is run once"
    return taken


def test_a_schedule_that_fits():
    assert follow("ABBA", {"A": 2, "B": 2}) == ["A", "B", "B", "A"]


def test_a_schedule_without_requests():
    assert follow("", {}) == []


def test_the_code_goes_on_after_the_schedule():
    with pytest.raises(
        ScheduleDiverged, match="after 2 steps the schedule ends there, but A, B would perform another"
    ) as told:
        follow("AB", {"A": 2, "B": 2})
    assert "A did its step 1\nB did its step 2" in str(told.value)


def test_a_request_has_answered_too_early():
    with pytest.raises(
        ScheduleDiverged, match="after 1 steps the schedule continues with A, which has already answered"
    ):
        follow("AAB", {"A": 1, "B": 1})


def test_every_request_has_answered_too_early():
    with pytest.raises(
        ScheduleDiverged, match=r"after 2 steps every request has answered, but the schedule continues with B\.A"
    ):
        follow("ABBA", {"A": 1, "B": 1})


def test_a_request_that_is_not_there():
    with pytest.raises(ScheduleDiverged, match="nothing yet"):
        follow("C", {"A": 1})


def test_the_schedule_and_what_to_do_are_told():
    with pytest.raises(ScheduleDiverged) as told:
        follow("AAB", {"A": 1, "B": 1})
    assert "t1:A.A.B:" in str(told.value)
    assert "toctou check" in str(told.value)
    assert told.value.exit_status == 2
