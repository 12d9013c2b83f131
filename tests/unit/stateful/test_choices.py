"""What a drawn choice means in the machine's current state."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from toctou.stateful.choices import Named, interpret_in, names, pending_numbers

LIMIT = 3


@dataclass
class State:
    """A machine's state."""

    pending: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)


def drawn(strategy, state: State) -> list:
    """Everything that a strategy draws in a state."""
    seen = []

    class Drawing(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            interpret_in(state)

        @rule(choice=strategy)
        def step(self, choice):
            seen.append(choice)

    run_state_machine_as_test(Drawing, settings=settings(max_examples=30, database=None, deadline=None))
    return seen


def test_a_number_is_that_of_a_pending_request_or_none():
    assert set(drawn(pending_numbers(LIMIT), State(pending=[0, 2]))) == {0, 2, None}
    assert set(drawn(pending_numbers(LIMIT), State())) == {None}


def test_a_name_is_free_or_starts_a_new_execution():
    seen = {(one.number, one.anew) for one in drawn(names(LIMIT), State(pending=[0], free=[1, 2]))}
    assert seen == {(0, True), (1, False), (2, False), (None, False)}


def test_without_room_only_a_new_execution_can_start():
    seen = {(one.number, one.anew) for one in drawn(names(LIMIT), State(pending=[1]))}
    assert seen == {(0, True), (None, False)}
    seen = {(one.number, one.anew) for one in drawn(names(LIMIT), State())}
    assert seen == {(0, True), (None, False)}


def test_names_read_well():
    assert [repr(Named(0, anew=True)), repr(Named(2)), repr(Named(None))] == ["0 anew", "2", "None"]
