"""Which thread goes on in a serial run is what a script answers, and only where none is in the middle of its work."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from toctou.history.picks.concurrent_call import CONCURRENT_CALL
from toctou.history.picks.pick_kind import PickKind
from toctou.history.schedule import Choice
from toctou.scheduling.choices import Choices, Script


class Picking:
    """A strategy that takes the last alternative, and notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[PickKind, int]] = []

    def pick(self, kind: PickKind, count: int) -> int:
        self.asked.append((kind, count))
        return count - 1


def following(answers: Sequence[int]) -> tuple[Choices, Script]:
    choices = Choices()
    choices.script = script = Script(answers)
    return choices, script


def test_a_script_answers_in_its_order_and_with_the_first_alternative_after_its_end() -> None:
    script = Script((2, 0, 1))
    assert [script.answer(count) for count in (3, 2, 2, 5, 4)] == [2, 0, 1, 0, 0]
    assert script.counts == [3, 2, 2, 5, 4]


def test_the_script_says_which_thread_begins() -> None:
    for answer in range(3):
        choices, script = following((answer,))
        assert choices.pick_thread(0, ["x", "y", "z"]) == answer
        assert script.counts == [3]


def test_a_thread_is_not_interrupted_by_another_one() -> None:
    choices, script = following((1,))
    assert choices.pick_thread(0, ["x", "y"]) == 1
    assert choices.pick_thread(0, ["x", "y", "z"]) == 1
    assert choices.pick_thread(0, ["y", "z"]) == 0, "where it is among them does not matter"
    assert script.counts == [2], "nobody was asked again"


def test_the_script_is_asked_again_once_the_thread_has_ended() -> None:
    choices, script = following((0, 1))
    assert choices.pick_thread(0, ["x", "y", "z"]) == 0
    assert choices.pick_thread(0, ["y", "z"]) == 1
    assert choices.pick_thread(0, ["y", "z"]) == 1
    assert script.counts == [3, 2]


def test_a_thread_that_waits_meanwhile_does_not_come_back_by_itself() -> None:
    choices, script = following((0, 0, 1))
    assert choices.pick_thread(0, ["x", "y"]) == 0
    assert choices.pick_thread(0, ["y", "z"]) == 0, "x waits for something"
    assert choices.pick_thread(0, ["x", "y"]) == 1, "y has begun"
    assert choices.pick_thread(0, ["x", "z"]) == 1
    assert script.counts == [2, 2, 2]


def test_requests_are_asked_about_apart() -> None:
    choices, script = following((0, 1))
    assert choices.pick_thread(0, ["x", "y"]) == 0
    assert choices.pick_thread(1, ["x", "y"]) == 1
    assert choices.pick_thread(0, ["x", "y"]) == 0
    assert choices.pick_thread(1, ["x", "y"]) == 1
    assert script.counts == [2, 2]


def test_without_a_script_the_strategy_picks_and_the_schedule_keeps_it() -> None:
    choices, picking = Choices(), Picking()
    choices.bind(picking)
    assert choices.pick_thread(0, ["x", "y", "z"]) == 2
    assert choices.pick_thread(0, ["x"]) == 0
    assert picking.asked == [(CONCURRENT_CALL, 3)], "who is alone is no choice"
    assert choices.taken(0) == Choice.of(0, **{CONCURRENT_CALL.name: 2})


@pytest.mark.parametrize("picking", [None, Picking()], ids=["no_strategy", "a_strategy"])
def test_a_script_ends_with_its_run(picking: Picking | None) -> None:
    choices, script = following((1, 1))
    choices.pick_thread(0, ["x", "y"])
    choices.bind(picking)
    assert choices.pick_thread(0, ["x", "y"]) == (0 if picking is None else 1)
    assert script.counts == [2]
    choices.script = again = Script(())
    assert choices.pick_thread(0, ["y", "x"]) == 0, "who had the last turn in another run does not matter"
    assert again.counts == [2]
