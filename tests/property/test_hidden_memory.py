"""Requests that affect each other by memory: whatever a search expects of them, it ends, or says that they do not repeat.

Footprints do not show memory, so what a wakeup tree asks for need not be possible where it stands.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import synthetic_programs
from hypothesis import given, settings
from program_strategies import programs
from synthetic_programs import Machine, Program, Touch, executions
from test_shared_exploration import by_several, chances

from toctou.errors import NondeterministicHandler
from toctou.scheduling.strategies.dpor import Dpor


class InFlight(Machine):
    """Skips what is skippable while another request is on its way, which only their common memory tells it."""

    def _skip(self, request: int) -> None:
        steps = self._program[request]
        others = [at for one, at in enumerate(self._at) if one != request]
        if any(0 < at < len(self._program[0]) for at in others):
            while self._at[request] < len(steps) and steps[self._at[request]].skippable:
                self._at[request] += 1


@pytest.fixture(autouse=True)
def in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_programs, "Machine", InFlight)


def test_a_wakeup_tree_that_asks_for_a_request_which_has_ended():
    count, mark = Touch(reads=(("x", "hits"),), writes=(("x", "hits"),)), Touch(writes=(("x", "mark"),), skippable=True)
    other = Touch(writes=(("y", "data"),), skippable=True)
    with pytest.raises(NondeterministicHandler, match="to expect a further step of request B, but it has ended"):
        executions(((count, mark, other), (count, mark, other)), Dpor())


@settings(max_examples=30, deadline=None)
@given(program=programs, chance=chances)
def test_the_search_ends_or_says_that_requests_do_not_repeat(program: Program, chance: random.Random):
    # A request takes at least one step, as every request does.
    sharing = tuple((replace(steps[0], skippable=False), *steps[1:]) for steps in program)
    for search in (lambda: executions(sharing, Dpor()), lambda: by_several(sharing, chance, 4)):
        try:
            found = search()
        except NondeterministicHandler:
            continue
        assert found
        assert None not in found
