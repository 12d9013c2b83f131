"""The process does not grow with the number of schedules."""

from __future__ import annotations

import sys

import pytest
from memory import grown

pytestmark = pytest.mark.skipif(
    sys.platform != "linux",
    reason="/proc tells sizes on Linux: `docker run --rm -v .:/toctou -w /toctou python:3 .ci/run`",
)


def test_ten_thousand_schedules():
    assert grown(10_000, "random", 2) < 5


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "requests"), [("random", 2), ("dpor", 10), ("exhaustive", 10)])
def test_a_million_schedules(strategy: str, requests: int):
    """Half a minute for two requests, and three to six minutes for ten, on one core."""
    assert grown(1_000_000, strategy, requests) < 50
