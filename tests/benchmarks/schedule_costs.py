"""Where the time of one schedule goes: the four requests of ``exploration.py``, one after the other.

    python tests/benchmarks/schedule_costs.py [--rounds N]

The fourth line takes in the three above it, as far as toctou does the same; most schedules are of the fifth kind.  The least
time of several rounds is shown, because whatever else the machine does only adds to it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from unittest.mock import patch

from calls_compared import OpenDoor
from exploration import MODULES, REQUESTS, Stub, floor_round, serve

from models.delete_item import ReadThenDelete
from toctou.analysis.explain import explain, identities
from toctou.client.backends import backend_named
from toctou.client.intercept import intercepted
from toctou.declaration.scenario import Scenario
from toctou.execution.judges import oracles_for
from toctou.execution.judging import judged
from toctou.execution.laboratory import Laboratory
from toctou.history.operation import Execution, Operation
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling.runner import Limits, Runner
from toctou.scheduling.strategies.replay import Replay

TIMES = 200

SERIAL = Schedule(tuple(Choice(request) for request in (0, 0, 1, 2, 3)))
RACY = Schedule(tuple(Choice(request) for request in (0, 1, 0, 2, 3)))


def microseconds(part: Callable[[], object], rounds: int) -> float:
    """The least processor time that a part took in any round."""
    least = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(TIMES):
            part()
        least = min(least, time.process_time() - begun)
    return least / TIMES * 1e6


def lines(rounds: int) -> Iterator[tuple[str, float]]:
    """What is done, and how long it takes."""
    stub = Stub()
    with patch.object(MODULES[0], "dynamodb", stub), patch.object(MODULES[1], "dynamodb", stub):
        yield "handlers on the stub", microseconds(lambda: floor_round(stub, REQUESTS), rounds)
    yield "switching between four requests that do nothing else", _switching(rounds)
    backend = backend_named("embedded")
    laboratory = Laboratory(ReadThenDelete, backend, Limits())
    with laboratory.opened():
        performed: list[Operation] = []

        def unscheduled() -> None:
            backend.restore()
            for request in REQUESTS:
                serve(request)

        with intercepted(OpenDoor(), backend, performed.append):
            unscheduled()
            yield (
                f"handlers through boto3 and the engine, {len(performed)} calls, nothing scheduled",
                microseconds(unscheduled, rounds),
            )
        execution = _executed(laboratory, SERIAL)
        yield "a schedule, followed and recorded", microseconds(lambda: _executed(laboratory, SERIAL), rounds)
        laboratory.memoise()
        _executed(laboratory, SERIAL)
        yield "the same, whose steps are known", microseconds(lambda: _executed(laboratory, SERIAL), rounds)
        oracles = oracles_for(laboratory, Scenario(REQUESTS))
        yield "judging it by all oracles", microseconds(lambda: list(judged(execution, oracles)), rounds)
        racy = _executed(laboratory, RACY)
        finding = next(one for oracle in oracles for one in oracle.judge(racy))
        findings = list(judged(racy, oracles))
        yield (
            f"naming the anomalies of its {len(findings)} violations, if it is racy",
            microseconds(lambda: identities(racy, findings), rounds),
        )
        yield "explaining one, once it is kept", microseconds(lambda: explain(racy, finding), rounds)


def _executed(laboratory: Laboratory, schedule: Schedule) -> Execution:
    strategy = Replay(schedule)
    strategy.begin()
    execution = laboratory.execute(Scenario(REQUESTS), strategy)
    assert execution is not None
    return execution


def _switching(rounds: int) -> float:
    runner = Runner(Limits())

    def requests() -> None:
        runner.begin([lambda: runner.reach("GetItem")] * len(REQUESTS))
        for index in range(len(REQUESTS)):
            runner.start(index)
        for index in range(len(REQUESTS)):
            runner.step(index)

    with runner.installed():
        return microseconds(requests, rounds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args(arguments).rounds
    print("| | µs |")
    print("| --- | --: |")
    for what, took in lines(rounds):
        print(f"| {what} | {took:.0f} |", flush=True)


if __name__ == "__main__":
    main()
