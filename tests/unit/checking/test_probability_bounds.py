"""What a report says of how likely a violation was to be met by schedules that were drawn."""

from __future__ import annotations

import pytest

from models.delete_item import ConditionalDelete, ReadThenDelete
from toctou.checking.check import check_model
from toctou.search.budget import Budget

TOLD = "of a scenario is met with a probability of at least"


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        # two requests with at most three steps in these runs: 2 ** -2 for each schedule but the first, 1 - (3/4) ** 2
        ("random", f"; any given interleaving {TOLD} 0.437"),
        # four steps: 1 / (2 * 4 ** 2) for each, 1 - (31/32) ** 2
        ("pct", f"; a violation that takes up to 3 ordering constraints {TOLD} 0.0615"),
        ("pos", "; no bound is known on the probability that a violation is missed"),
    ],
)
def test_the_bound_is_stated(strategy: str, told: str):
    result = check_model(ReadThenDelete, strategy=strategy, budget=Budget(max_schedules=3), confirm=False)
    assert told in result.covered


def test_a_bound_is_never_rounded_up_to_certainty():
    result = check_model(ReadThenDelete, strategy="random", budget=Budget(max_schedules=300), confirm=False)
    assert f"{TOLD} 0.999" in result.covered


def test_what_is_complete_needs_none():
    assert "probability" not in check_model(ConditionalDelete, confirm=False).covered
