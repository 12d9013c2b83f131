"""Which requests are held back after operations that are told one by one, and when time passes.

A request's operations are words: ``'`` for each second that it has slept before, a letter for the call, a digit for its result.
``x`` reads the item x and ``X`` writes it.  A waiting call is a letter, with ``'`` before it likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from toctou.history.footprint import EMPTY, Footprint, KeyRange
from toctou.history.item import ItemId
from toctou.history.operation import ErrorResponse, Operation
from toctou.scheduling.polling import Polls


@dataclass
class Waits:
    """A request's next call."""

    action: str
    parameters: dict[str, Any]
    slept: float
    reads_clock: bool = False


@dataclass
class Told:
    """Operations of requests A, B, C, and the calls that these wait to make."""

    polls: Polls = field(default_factory=Polls)
    slept: dict[str, float] = field(default_factory=dict)
    reads_clock: bool = False

    def _sleep(self, request: str, word: str) -> str:
        self.slept[request] = self.slept.get(request, 0.0) + word.count("'")
        return word.lstrip("'")

    def does(self, request: str, words: str, values: str = "", **others: Any) -> Told:
        """Perform some operations; ``values`` has a parameter for each."""
        for at, word in enumerate(words.split()):
            letter, *result = self._sleep(request, word)
            item = {ItemId("Items", (("S", letter.lower()),)): frozenset({"n"})}
            footprint = Footprint(writes=item) if letter.isupper() else Footprint(reads=item)
            parameters = _parameters(letter, values[at : at + 1])
            operation = Operation(
                "ABC".index(request), 0, _action(letter), parameters, {"n": result}, footprint=footprint,
                slept=self.slept[request], reads_clock=self.reads_clock, **others,
            )  # fmt: skip
            self.polls.performed(operation)
        return self

    def allowed(self, **waiting: str) -> str:
        """The requests that may go on, of those that wait for these calls (a letter, and a parameter if there is one)."""
        calls: list[Waits | None] = [None, None, None]
        for request, word in waiting.items():
            letter, *value = self._sleep(request, word)
            parameters = _parameters(letter, "".join(value))
            calls["ABC".index(request)] = Waits(_action(letter), parameters, self.slept[request], self.reads_clock)
        self.waiting = calls
        unfinished = ["ABC".index(request) for request in waiting]
        return "".join("ABC"[one] for one in self.polls.allowed(unfinished, calls))

    def settled(self, request: str) -> bool:
        at = "ABC".index(request)
        return self.polls.settled(at, self.waiting[at])


def _action(letter: str) -> str:
    return "PutItem" if letter.isupper() else "GetItem"


def _parameters(letter: str, value: str) -> dict[str, Any]:
    return {"Key": {"id": {"S": letter}}, **({"Values": [{"S": value}]} if value else {})}


@pytest.mark.parametrize(
    ("done", "waits", "held"),
    [
        ("x0 'x0", "'x", True),
        ("x0", "'x", False),  # it may do something else once it has seen it twice
        ("x0 'x1", "'x", False),
        ("x0 'x1 'x1", "'x", True),
        ("x1 'x0 'x1", "'x", True),  # it has gone on asking after 1 before
        ("x0 'x0", "x", False),  # without having slept
        ("x0 x0 x0", "'x", False),
        ("x0 'x0", "'y", False),
        ("x0 'x0 'y0", "'x", False),  # y is new
        ("x0 'y0 'x0", "'x", False),  # so may be what it does if x is 0 again
        ("x0 y0 'x0 y0", "'x", True),
        ("x0 y0 'x1 y0", "'x", False),
        ("x0 y0 'x0 y1", "'x", False),
        ("x0 y0 'x0", "'x", False),
        ("x0 y0 'x0 y0 'x0", "y", False),  # in the middle of a turn
        ("x0 x0 'x0 x0", "'x", True),
        ("x0 'y0 'x0 'y0", "'x", True),
        ("x0 'y0 'x0 'y1", "'x", False),
        ("x0 'x0 Y0", "'x", False),  # what it has written may be what it waits for
        ("Y0 x0 'x0", "'x", True),
        ("x0 'Y0 x0", "'x", False),
        ("'x0 '''x0", "''''x", True),
    ],
)
def test_a_request_is_held_back_before_the_third_turn_of_the_same(done: str, waits: str, *, held: bool):
    told = Told().does("A", done)
    assert told.allowed(A=waits, B="z") == ("B" if held else "AB")
    assert told.polls.held is held


@pytest.mark.parametrize(
    ("before", "between", "after", "held"),
    [
        ("", "", "", True),
        ("", "", "X1", False),
        ("", "", "Y1", True),
        ("", "", "x1", True),
        ("X1", "", "", True),
        ("", "X1", "", True),  # it has seen what was written, and that made no difference
    ],
)
def test_it_goes_on_once_another_request_has_written_what_it_read(before: str, between: str, after: str, *, held: bool):
    told = Told().does("B", before).does("A", "x0").does("B", between).does("A", "'x0").does("B", after)
    assert told.allowed(A="'x", B="z") == ("B" if held else "AB")


def test_each_read_of_its_last_turn_counts():
    told = Told().does("A", "x0 y0 'x0 y0").does("B", "Y1")
    assert told.allowed(A="'x", B="z") == "AB"
    told.does("A", "x0 y0")
    assert told.allowed(A="'x", B="z") == "B"


def test_time_passes_for_all_once_all_are_held_back():
    told = Told().does("A", "x0 'x0").does("B", "y0 'y0")
    assert told.allowed(A="'x", B="'y") == "AB"
    assert not told.polls.held
    told.does("A", "x0")
    assert told.allowed(A="z", B="y") == "AB", "B has yet to take the turn that it was let on for"
    assert told.allowed(A="'x", B="y") == "B", "and A has taken it"
    told.does("B", "y0")
    assert told.allowed(A="x", B="'y") == "AB", "time passes again"


def test_a_request_that_has_ended_does_not_keep_time_from_passing():
    told = Told().does("A", "x0 'x0").does("B", "y0")
    assert told.allowed(A="'x") == "A"


def test_a_turn_is_settled_if_nothing_but_time_has_let_it_on():
    told = Told().does("A", "x0 'x0")
    assert told.allowed(A="'x", B="X") == "B"
    assert not told.settled("A")
    assert told.allowed(A="x") == "A"
    assert told.settled("A")
    told.does("B", "X1")
    assert not told.settled("A"), "it may miss what has been written since"
    told.does("A", "x0")
    assert told.allowed(A="'x", B="z") == "B"
    assert not told.settled("A")


@pytest.mark.parametrize(
    ("values", "waits", "reads_clock", "held"),
    [
        ("12", "'x3", True, True),
        ("12", "'x3", False, False),
        ("11", "'x1", False, True),
        ("11", "'x2", True, False),  # nothing shows yet that this varies
        ("121", "'x3", True, True),
    ],
)
def test_what_a_clock_varies_in_its_calls_makes_no_difference(
    values: str, waits: str, *, reads_clock: bool, held: bool
):
    told = Told(reads_clock=reads_clock).does(
        "A", " ".join("x0" if not at else "'x0" for at in range(len(values))), values
    )
    assert told.allowed(A=waits, B="z") == ("B" if held else "AB")


def get(parameters: dict[str, Any], slept: float, footprint: Footprint = EMPTY) -> Operation:
    return Operation(0, 0, "GetItem", parameters, {}, footprint=footprint, slept=slept, reads_clock=True)


@pytest.mark.parametrize(
    ("first", "second", "waits", "held"),
    [
        ({"Values": [{"S": "1"}, "0"]}, {"Values": [{"S": "2"}, "0"]}, {"Values": [{"S": "3"}, "0"]}, True),
        ({"Values": [{"S": "1"}, "0"]}, {"Values": [{"S": "2"}, "0"]}, {"Values": [{"S": "3"}, "1"]}, False),
        ({"Values": ["1"]}, {"Values": ["2"]}, {"Values": ["3", "4"]}, False),
        ({"Values": ["1"]}, {"Values": ["2", "4"]}, {"Values": ["3"]}, False),
        ({"Values": {"a": "1"}}, {"Values": {"a": "2"}}, {"Values": {"b": "3"}}, False),
        ({"Values": {"a": "1"}}, {"Values": {"b": "1"}}, {"Values": {"b": "1"}}, False),
        ({"Values": "1"}, {"Values": "2"}, {"Values": ["3"]}, False),
        ({"Values": "1"}, {"Values": "2"}, {"Values": {"a": "3"}}, False),
        ({"Values": ["1"]}, {"Values": ["2"]}, {"Values": "3"}, False),
        ({"Values": {"a": "1"}}, {"Values": {"a": "2"}}, {"Values": "3"}, False),
        ({"Limit": 1}, {"Limit": 2}, {"Limit": 3}, False),  # a clock varies texts: numbers are sent as such
        ({"Limit": "1"}, {"Limit": 2}, {"Limit": 2}, False),
        ({"Limit": 1}, {"Limit": "2"}, {"Limit": "2"}, False),
    ],
)
def test_values_may_vary_and_nothing_else(
    first: dict[str, Any], second: dict[str, Any], waits: dict[str, Any], *, held: bool
):
    polls = Polls()
    polls.performed(get(first, 0))
    polls.performed(get(second, 1))
    waiting = [Waits("GetItem", waits, 2, reads_clock=True), None]
    assert polls.allowed([0, 1], waiting) == ([1] if held else [0, 1])


def test_each_call_of_a_turn_counts():
    for middle, allowed in (("a", [1]), ("b", [0, 1])):
        polls = Polls()
        for slept, name in enumerate(("a", middle)):
            polls.performed(get({"Key": "x"}, slept))
            polls.performed(get({name: "1"}, slept))
        assert polls.allowed([0, 1], [Waits("GetItem", {"Key": "x"}, 2, reads_clock=True), None]) == allowed


X = ItemId("Items", (("S", "x"),))


@pytest.mark.parametrize("other", [Footprint(reads={X: frozenset({"n"})}), Footprint(ranges=(KeyRange("Items"),))])
def test_calls_that_vary_must_have_read_the_same(other: Footprint):
    for second, allowed in ((EMPTY, [1]), (other, [0, 1])):
        polls = Polls()
        polls.performed(get({"Values": "0"}, 0))
        polls.performed(get({"Values": "1"}, 1, second))
        waiting = [Waits("GetItem", {"Values": "2"}, 2, reads_clock=True), None]
        assert polls.allowed([0, 1], waiting) == allowed


def test_calls_for_other_items_are_not_the_same_call():
    told = Told(reads_clock=True).does("A", "x0 'y0")
    assert told.allowed(A="'z", B="z") == "AB"


def test_errors_are_results():
    failed, cancelled = (ErrorResponse(code, "") for code in ("ConditionalCheckFailedException", "TransactionConflict"))
    assert Told().does("A", "x0", error=failed).does("A", "'x0", error=failed).allowed(A="'x", B="z") == "B"
    assert Told().does("A", "x0", error=failed).does("A", "'x0", error=cancelled).allowed(A="'x", B="z") == "AB"


@pytest.mark.parametrize(
    ("done", "waits", "held"),
    [
        ("x0 " * 5, "x", True),
        ("x0 " * 4, "x", False),
        ("x0 x0 x1 x0 x0", "x", False),
        ("x1 " + "x0 " * 5, "x", True),
        ("x0 " * 5, "y", False),
        ("x0 y0 " * 5, "x", True),
        ("x0 y0 " * 5, "y", False),  # in the middle of a turn
        ("x0 y0 " * 4 + "x0", "y", False),
        ("x0 x0 Y0 x0 x0 x0", "x", False),  # what it has written may be what it waits for
        ("x0 x0 'x0 x0 x0", "x", False),  # it has slept in between
        ("x0 'x0", "'x", True),  # sleep counts as ever
    ],
)
def test_without_sleep_a_request_is_held_back_before_the_sixth_turn_of_the_same(done: str, waits: str, *, held: bool):
    told = Told(Polls(awake=True)).does("A", done)
    assert told.allowed(A=waits, B="z") == ("B" if held else "AB")


def test_without_sleep_a_request_goes_on_once_another_one_has_written_what_it_reads():
    told = Told(Polls(awake=True)).does("A", "x0 " * 5)
    assert told.allowed(A="x", B="X") == "B"
    assert told.does("B", "X1").allowed(A="x", B="z") == "AB"


def test_requests_that_poll_without_sleep_are_not_looked_for_from_the_start():
    assert Told().does("A", "x0 " * 50).allowed(A="x", B="z") == "AB"
