"""Every strategy finds the race of every racy model soon.

The arithmetic: in each of these scenarios two requests make at most 8 steps, and in the rarest case the violation needs one
request to stand still after its check until the other has ended.  A random walk does that with probability at least
2 ** -4 per execution (it has to win at most four coin tosses in a row), so that it misses it 200 times in a row with probability
(15/16) ** 200 < 3e-6; the median over 15 seeds exceeds 44 only if eight of them need more than 44 executions each, which has
probability below C(15, 8) * ((15/16) ** 44) ** 8 < 1e-6.
"""

from __future__ import annotations

import pytest
from first_violations import COMPLETE, MOST, RACY, RANDOM, needed, racy_scenario


def test_there_are_racy_models():
    assert len(RACY) >= 11


@pytest.mark.parametrize("strategy", RANDOM)
@pytest.mark.parametrize("name", RACY)
def test_random_strategies_find_it(name, strategy):
    loaded, scenario = racy_scenario(name)
    assert needed(loaded.model, scenario, strategy) <= 44


@pytest.mark.parametrize("strategy", COMPLETE)
@pytest.mark.parametrize("name", RACY)
def test_complete_strategies_find_it(name, strategy):
    loaded, scenario = racy_scenario(name)
    assert needed(loaded.model, scenario, strategy) <= MOST
