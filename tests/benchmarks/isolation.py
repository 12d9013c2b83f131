"""What processes for requests cost: schedules per second in the memory of one process, and with a process for each request.

    python tests/benchmarks/isolation.py [--seconds S] [--rounds N]

Both run the same random schedules of the same requests, every step anew, in turns; wall time, because most of it is waiting for
other processes.  A request that leaves nothing in memory is served by a process that has served before; one that leaves
something needs a new one each time, which is what the last column is about.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import closing

import boto3

from toctou import Model, Request, Table, handler
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies import selected
from toctou.scheduling.strategies.strategy import Strategy

client = boto3.client("dynamodb", region_name="us-east-1")
ITEM = {"TableName": "Items", "Key": {"pk": {"S": "a"}}}
REQUESTS = (2, 3, 4)

left: list[str] = []


def three_calls() -> int:
    client.get_item(**ITEM)
    client.get_item(**ITEM)
    client.update_item(**ITEM, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})
    return 200


class Counted(Model):
    tables = (Table("Items", "pk"),)
    items = {"Items": [{"pk": "a", "n": 0}]}
    principals = ("alice",)

    @handler
    def keep_nothing(self, principal: str) -> int:
        return three_calls()

    @handler
    def keep_something(self, principal: str) -> int:
        left.append(principal)
        return three_calls()


def rate(requests: int, isolation: str, name: str, seconds: float) -> float:
    """Schedules per second."""
    scenario = Scenario((Request("alice", name),) * requests)
    strategy = selected("random").new(0, lambda _one, _other: True, ())
    with closing(backend_named("embedded")) as backend:
        laboratory = Laboratory(Counted, backend, Limits(), isolation)
        with laboratory.opened():
            run(laboratory, scenario, strategy)
            begun, count = time.perf_counter(), 0
            while time.perf_counter() - begun < seconds:
                run(laboratory, scenario, strategy)
                count += 1
            return count / (time.perf_counter() - begun)


def run(laboratory: Laboratory, scenario: Scenario, strategy: Strategy) -> None:
    strategy.begin()
    laboratory.execute(scenario, strategy, afresh=True)


def medians(rounds: int, *measured: Callable[[], float]) -> list[float]:
    """Of each, in turns."""
    found = [[one() for one in measured] for _ in range(rounds)]
    return [statistics.median(values) for values in zip(*found, strict=True)]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    seconds = arguments.seconds
    print("| requests | in memory | in processes | ratio | in new processes | ratio |")
    print("|---------:|----------:|-------------:|------:|-----------------:|------:|")
    for requests in REQUESTS:
        memory, reused, new = medians(
            arguments.rounds,
            lambda count=requests: rate(count, "memory", "keep_nothing", seconds),
            lambda count=requests: rate(count, "processes", "keep_nothing", seconds),
            lambda count=requests: rate(count, "processes", "keep_something", seconds),
        )
        print(
            f"| {requests} | {memory:.0f}/s | {reused:.0f}/s | {memory / reused:.1f} | {new:.1f}/s | {memory / new:.0f} |"
        )


if __name__ == "__main__":
    main()
