"""Memory of one process over a long exploration of one large scenario.

    python tests/benchmarks/memory.py [--schedules N] [--strategy NAME] [--requests N]

Each request overwrites one item: N! classes, one schedule each, N operations long.  Random strategies run as many schedules of
two requests as one likes.  Prints how much the process has grown
since the thousandth schedule, when everything has been loaded and the bounded caches have begun to fill.
"""

from __future__ import annotations

import argparse
from typing import ClassVar
from unittest import mock

import boto3

from toctou import Model, Request, StoredItems, Table, handler
from toctou.checking import check as checking
from toctou.declaration.loading import named
from toctou.declaration.scenario import Scenario
from toctou.distribution.progress import Silent, Status
from toctou.search.budget import Budget
from toctou.search.options import Options

client = boto3.client("dynamodb", region_name="us-east-1")

WARM = 1000
MANY = 100_000


class LastValue:
    """The item holds what was stored last."""

    def state_of(self, items: StoredItems) -> object:
        """What is stored."""
        return items["Items"][0]["value"]

    def step(self, state: object, request: Request) -> tuple[object, int]:
        """It is overwritten."""
        return request.values["value"], 200


class Overwriting(Model):
    """One operation per request, each dependent on all others."""

    tables = (Table("Items", "item_id"),)
    items: ClassVar = {"Items": [{"item_id": "i1", "value": 0}]}
    principals = ("alice",)
    reference = LastValue()

    @handler(value=list(range(1, 12)))
    def store(self, principal: str, value: int) -> int:
        """Store a value."""
        client.put_item(TableName="Items", Item={"item_id": {"S": "i1"}, "value": {"N": str(value)}})
        return 200


class Watching(Silent):
    """Samples the size of the process."""

    def __init__(self, *, tell: bool) -> None:
        self.samples: list[tuple[int, float]] = []
        self._tell = tell

    def status(self, status: Status) -> None:
        """Take a sample."""
        self.samples.append((status.schedules, resident()))
        if self._tell:
            schedules, megabytes = self.samples[-1]
            print(f"{schedules:10} schedules {megabytes:8.1f} MB {status.rate:8.0f}/s", flush=True)


def resident() -> float:
    """Megabytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[1]) * 4096 / 2**20


def grown(schedules: int, strategy: str, requests: int, *, tell: bool = False) -> float:
    """Megabytes by which the process has grown between the thousandth schedule and the last."""
    only = [Scenario(tuple(Overwriting.requests()[:requests]))]
    watching = Watching(tell=tell)
    options = Options(requests=requests, strategy=strategy, confirm=False, budget=Budget(max_schedules=schedules))
    often = mock.patch.object(checking, "_STATUS_SECONDS", 0.0 if schedules < MANY else 0.5)
    with mock.patch.object(Overwriting, "scenarios", return_value=only), often:
        (model,) = checking.check([named(Overwriting)], options, watching).models
    assert model.schedules == schedules
    assert not model.violations
    before = next(megabytes for count, megabytes in watching.samples if count >= WARM)
    return resident() - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=1_000_000)
    parser.add_argument("--strategy", default="dpor")
    parser.add_argument("--requests", type=int, default=10)
    arguments = parser.parse_args()
    print(f"grown by {grown(arguments.schedules, arguments.strategy, arguments.requests, tell=True):.1f} MB")


if __name__ == "__main__":
    main()
