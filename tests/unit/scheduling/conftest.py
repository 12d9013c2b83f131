"""Tasks on a runner, without DynamoDB: a body reaches a scheduling point where a handler would call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from toctou.scheduling.runner import Limits, Runner

Body = Callable[[], Any]


class Tasks:
    """A runner whose executions are one line each."""

    def __init__(self, limits: Limits) -> None:
        self.runner = Runner(limits)

    def reach(self, action: str = "GetItem") -> None:
        self.runner.reach(action)

    def execute(self, bodies: Sequence[Body], order: Sequence[int] = ()) -> None:
        """Steps in this order, then each task to its end."""
        with self.runner.installed():
            self.begin(bodies, order)

    def begin(self, bodies: Sequence[Body], order: Sequence[int] = ()) -> None:
        """The same, where the runner is installed already."""
        self.runner.begin(bodies)
        for index in order:
            self.runner.step(index)
        while enabled := self.runner.enabled():
            self.runner.step(enabled[0])


@pytest.fixture
def tasks() -> Tasks:
    return Tasks(Limits(operations=5, seconds=0.3))
