"""What is found, and the counterexample that is kept of it, do not depend on where an exploration was cut.

One process looks up from a scenario every second, to say how far it is.  How many schedules that are hangs on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from models.owner_scoped_key import TwoStepTransfer
from toctou import check
from toctou.declaration.scenario import Scenario
from toctou.distribution import in_process


def cut_after(schedules: int) -> Callable[[float], Callable[[], bool]]:
    def pausing_at(_until: float) -> Callable[[], bool]:
        left = iter(range(schedules))
        return lambda: next(left, None) is None

    return pausing_at


def found() -> list[Any]:
    return [
        (
            str(Scenario(scenario.requests)),
            scenario.schedules,
            [
                (one.finding.statement, one.explanation.anomaly, one.execution.schedule, one.occurrences)
                for one in scenario.violations
            ],
        )
        for scenario in check(TwoStepTransfer, requests=3, confirm=False).scenarios  # confirming adds to none of this
    ]


@pytest.fixture(scope="module")
def whole() -> list[Any]:
    """What is found in one go."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(in_process, "SECONDS", 1000.0)
        return found()


@pytest.mark.parametrize("schedules", [1, 4, 9, 20])
def test_a_cut_changes_nothing(monkeypatch: pytest.MonkeyPatch, whole: list[Any], schedules: int) -> None:
    monkeypatch.setattr(in_process, "pausing_at", cut_after(schedules))
    assert found() == whole
