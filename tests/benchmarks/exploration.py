"""What a schedule costs, and a verdict: toctou, threads on moto, and frontrun, on the same handlers.

    python tests/benchmarks/exploration.py [--rounds N] [--seconds S]

Two, three and four requests that delete an item and hand it over (``models/delete_item.py: ReadThenDelete``, and
``ConditionalDelete``, which is fixed), side by side:

- floor: the handlers as they are, one after the other, on a stub of the client that keeps items in a dictionary; nothing is
  scheduled, recorded or judged;
- toctou, on the embedded engine and on moto, with all oracles: schedules drawn at random, as many as it takes for what comes
  before and after them not to count; and, for the verdict, every class of schedules, which are too few to measure a rate by;
- threads: each request in a thread of its own on moto, started at a barrier, as tests do that have no scheduler;
- frontrun (https://pypi.org/project/frontrun/): its DPOR over the same threads on moto, with its default preemption bound.

What is wrong is told alike by the last two: responses and items that no order of the requests one after the other gives.
Time is the processor's, so that a busy machine disturbs all alike; the floor and toctou take turns, and their medians are
shown.  What a verdict takes includes setting up, running counterexamples again and explaining them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # installed is only the package

import models.delete_item  # noqa: E402
import models.transfer  # noqa: E402
from models.delete_item import ConditionalDelete, ReadThenDelete  # noqa: E402
from toctou import Model, Request  # noqa: E402
from toctou.checking.check import check_scenario  # noqa: E402
from toctou.client.backends import backend_named  # noqa: E402
from toctou.client.environment import client_environment  # noqa: E402
from toctou.declaration.loading import named  # noqa: E402
from toctou.declaration.scenario import Scenario  # noqa: E402
from toctou.execution.judges import oracles_for  # noqa: E402
from toctou.execution.judging import judged  # noqa: E402
from toctou.execution.laboratory import Laboratory  # noqa: E402
from toctou.scheduling.runner import Limits  # noqa: E402
from toctou.scheduling.strategies.dpor import Dpor  # noqa: E402
from toctou.search.budget import Budget  # noqa: E402
from toctou.search.options import Options  # noqa: E402

Item = dict[str, dict[str, str]]
Outcome = tuple[tuple[int, ...], str]

INITIAL: Item = {"item_id": {"S": "i1"}, "owner": {"S": "alice"}, "data": {"S": "draft"}, "version": {"N": "1"}}
REQUESTS = (
    Request("alice", "delete_item", (("item_id", "i1"),)),
    Request("alice", "transfer", (("item_id", "i1"), ("to", "bob"))),
    Request("bob", "transfer", (("item_id", "i1"), ("to", "alice"))),
    Request("bob", "delete_item", (("item_id", "i1"),)),
)
SAMPLES = 20_000
SAMPLES_ON_MOTO = 100
HANDLERS = ReadThenDelete.handlers()
MODULES = (models.delete_item, models.transfer)


@dataclass(frozen=True)
class Measured:
    """One line of the table; ``None`` where there is nothing to tell.

    Attributes:
        rate: schedules per second.
        first: schedules up to the first violation.
        seconds: until a verdict.
        schedules: of the verdict, or of what was run without one.
    """

    rate: float
    first: int | None
    seconds: float | None
    schedules: int


class Stub:
    """A client that keeps items in a dictionary, and knows no more than these handlers need."""

    class exceptions:  # noqa: N801 - as boto3 calls it
        class ConditionalCheckFailedException(Exception):
            response: Mapping[str, Any]

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        found = self.items.get(Key["item_id"]["S"])
        return {} if found is None else {"Item": dict(found)}

    def delete_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.items.pop(Key["item_id"]["S"], None)
        return {}

    def update_item(self, *, Key: Item, ExpressionAttributeValues: Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.items.get(Key["item_id"]["S"])
        if item is None or item["owner"] != ExpressionAttributeValues[":caller"]:
            refused = self.exceptions.ConditionalCheckFailedException()
            refused.response = {} if item is None else {"Item": dict(item)}
            raise refused
        version = str(int(item["version"]["N"]) + 1)
        self.items[Key["item_id"]["S"]] = {**item, "owner": ExpressionAttributeValues[":to"], "version": {"N": version}}
        return {}


def serve(request: Request) -> int:
    """Run a handler as it is."""
    status: int = HANDLERS[request.handler].call(ReadThenDelete(), request)
    return status


def floor(requests: tuple[Request, ...], seconds: float) -> float:
    """Rounds of the requests per second on the stub."""
    stub = Stub()
    with patch.object(MODULES[0], "dynamodb", stub), patch.object(MODULES[1], "dynamodb", stub):
        return rate(lambda: floor_round(stub, requests), seconds)


def floor_round(stub: Stub, requests: tuple[Request, ...]) -> int:
    stub.items = {"i1": INITIAL}
    for request in requests:
        serve(request)
    return 1


def rate(part: Callable[[], int], seconds: float) -> float:
    """How much of what a part counts is done per second."""
    part()
    begun = time.process_time()
    count = 0
    while time.process_time() - begun < seconds:
        count += part()
    return count / (time.process_time() - begun)


def toctou(
    requests: tuple[Request, ...], most: int | None = None, model: type[Model] = ReadThenDelete, **how: Any
) -> tuple[int, float, bool]:
    """Schedules, seconds, and whether that was all of them."""
    options = Options(requests=len(requests), confirm=False, budget=Budget(max_schedules=most), **how)
    begun = time.process_time()
    result = check_scenario(named(model), Scenario(requests), options)
    return result.schedules, time.process_time() - begun, result.stop_reason is None


def sampled(requests: tuple[Request, ...], count: int, model: type[Model] = ReadThenDelete, **how: Any) -> float:
    """Schedules per second, of so many that are drawn at random."""
    schedules, seconds, _ = toctou(requests, count, model, strategy="random", **how)
    return schedules / seconds


def first_violation(requests: tuple[Request, ...]) -> int:
    """Schedules up to the first that an oracle objects to."""
    laboratory = Laboratory(ReadThenDelete, backend_named("embedded"), Limits())
    scenario = Scenario(requests)
    with laboratory.opened():
        laboratory.memoise()
        oracles = oracles_for(laboratory, scenario)
        strategy = Dpor()
        count = 0
        while strategy.begin():
            count += 1
            execution = laboratory.execute(scenario, strategy)
            if execution is not None and any(judged(execution, oracles)):
                return count
    return 0


@contextmanager
def on_moto() -> Iterator[Any]:
    """A client on moto with the model's table."""
    with client_environment(), mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        with suppress(client.exceptions.ResourceNotFoundException):  # another test may keep moto started
            client.delete_table(TableName="Items")
        client.create_table(**ReadThenDelete.tables[0].parameters)
        with patch.object(MODULES[0], "dynamodb", client), patch.object(MODULES[1], "dynamodb", client):
            yield client


class Trial:
    """The requests on moto, once; workers put down what they answer."""

    def __init__(self, client: Any, requests: tuple[Request, ...]) -> None:
        self._client = client
        self.statuses: dict[int, int] = {}
        self.requests = requests
        client.put_item(TableName="Items", Item=INITIAL)

    def work(self, index: int) -> None:
        self.statuses[index] = serve(self.requests[index])

    def outcome(self) -> Outcome:
        found = self._client.get_item(TableName="Items", Key={"item_id": INITIAL["item_id"]}).get("Item")
        return tuple(self.statuses[index] for index in range(len(self.requests))), repr(sorted((found or {}).items()))


def serial_outcomes(client: Any, requests: tuple[Request, ...]) -> set[Outcome]:
    """What the requests give one after the other, in every order."""
    found = set()
    for order in permutations(range(len(requests))):
        trial = Trial(client, requests)
        for index in order:
            trial.work(index)
        found.add(trial.outcome())
    return found


def threads(requests: tuple[Request, ...], seconds: float) -> Measured:
    """Threads and a barrier, for so many seconds."""
    with on_moto() as client:
        allowed = serial_outcomes(client, requests)
        first = None
        begun, count = time.process_time(), 0
        while (spent := time.process_time() - begun) < seconds:
            trial, barrier = Trial(client, requests), threading.Barrier(len(requests))
            workers = [threading.Thread(target=_at_once, args=(barrier, trial, at)) for at in range(len(requests))]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            count += 1
            if first is None and trial.outcome() not in allowed:
                first = count
    return Measured(count / spent, first, None, count)


def _at_once(barrier: threading.Barrier, trial: Trial, index: int) -> None:
    barrier.wait()
    trial.work(index)


def with_frontrun(count: int, seconds: float) -> Measured | None:
    """frontrun's exploration in a process of its own, as it asks for; ``None`` if it is not installed."""
    command = shutil.which("frontrun", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if command is None:
        return None
    call = [command, sys.executable, __file__, "--frontrun", str(count), "--seconds", str(seconds)]
    answer = subprocess.run(call, capture_output=True, text=True, check=False, timeout=10 * seconds + 60)
    if answer.returncode:
        print(answer.stderr, file=sys.stderr)
        return None
    return Measured(**json.loads(answer.stdout.splitlines()[-1]))


def under_frontrun(requests: tuple[Request, ...], seconds: float) -> Measured:
    """Explore for so many seconds at most."""
    frontrun = importlib.import_module("frontrun")
    runs: list[Trial] = []
    wrong: list[int] = []

    with on_moto() as client:
        allowed = serial_outcomes(client, requests)

        def setup() -> Trial:
            runs.append(Trial(client, requests))
            return runs[-1]

        def invariant(trial: Trial) -> bool:
            holds = trial.outcome() in allowed
            if not holds:
                wrong.append(len(runs))
            return holds

        workers = [partial(_work, index) for index in range(len(requests))]
        clock, used = time.perf_counter(), time.process_time()
        how = {
            "stop_on_first": False,
            "total_timeout": seconds,
            "timeout_per_run": seconds,
            "reproduce_on_failure": 0,
            "trace_packages": ["moto.*"],
        }
        frontrun.explore(setup, workers, invariant, **how)
        whole, used = time.perf_counter() - clock < seconds, time.process_time() - used
    return Measured(len(runs) / used, wrong[0] if wrong else None, used if whole else None, len(runs))


def _work(index: int, trial: Trial) -> None:
    trial.work(index)


def lines(count: int, rounds: int, seconds: float) -> Iterator[tuple[str, Measured | None]]:
    """The table's lines for so many requests."""
    requests = REQUESTS[:count]
    floors: list[float] = []
    rates: dict[type[Model], list[float]] = {ReadThenDelete: [], ConditionalDelete: []}
    verdicts: dict[type[Model], list[tuple[int, float, bool]]] = {ReadThenDelete: [], ConditionalDelete: []}
    for _ in range(rounds):
        floors.append(floor(requests, seconds / 10))
        for model, of_model in rates.items():
            of_model.append(sampled(requests, SAMPLES, model))
            verdicts[model].append(toctou(requests, model=model))
    yield "handlers alone, on a stub", Measured(statistics.median(floors), None, None, 0)
    first = first_violation(requests)
    for model, name, found in (
        (ReadThenDelete, "toctou, embedded", first),
        (ConditionalDelete, "toctou, embedded, fixed handlers", None),
    ):
        took = statistics.median(spent for _, spent, _ in verdicts[model])
        yield name, Measured(statistics.median(rates[model]), found, took, verdicts[model][0][0])
    for name, samples, how in (
        ("toctou, embedded, --every-step", SAMPLES // 10, {"every_step": True}),
        ("toctou, moto", SAMPLES_ON_MOTO, {"backend": "moto"}),
    ):
        schedules, spent, whole = toctou(requests, 60, **how)
        yield name, Measured(sampled(requests, samples, **how), first, spent if whole else None, schedules)
    yield "threads, moto", threads(requests, seconds)
    yield "frontrun, moto", with_frontrun(count, seconds)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="for threads, and at most for frontrun")
    parser.add_argument("--frontrun", type=int, metavar="REQUESTS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.frontrun:
        print(json.dumps(asdict(under_frontrun(REQUESTS[: arguments.frontrun], arguments.seconds))))
        return
    print("| requests | | schedules/s | toctou is | schedules run | to the first violation | seconds to a verdict |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for count in (2, 3, 4):
        every = dict(lines(count, arguments.rounds, arguments.seconds))
        ours = every["toctou, embedded"]
        assert ours is not None
        for name, line in every.items():
            if line is None:
                print(f"| {count} | {name} | not installed | | | | |", flush=True)
                continue
            times = "" if line is ours else f"{ours.rate / line.rate:.3g} ×"
            first = "none" if line.first is None and line.schedules else line.first or ""
            verdict = "" if not line.schedules else "none" if line.seconds is None else f"{line.seconds:.3f}"
            run = line.schedules or ""
            print(f"| {count} | {name} | {line.rate:.4g} | {times} | {run} | {first} | {verdict} |", flush=True)


if __name__ == "__main__":
    main()
