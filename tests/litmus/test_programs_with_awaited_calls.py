"""Random handlers whose tasks await calls, some of them beside threads: the simulation of threads tells their outcomes.

By hand, so many programs from this seed on: ``python tests/litmus/test_programs_with_awaited_calls.py COUNT SEED``.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
import test_programs_with_threads as threads
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

aiobotocore_session = pytest.importorskip("aiobotocore.session", reason="no aiobotocore: `pip install aiobotocore`")
session = aiobotocore_session.get_session()


async def call(client: Any, step: threads.Step, seen: list[int]) -> None:
    kind, cell = step
    key = {"id": {"S": cell}}
    if kind == "reads":
        read = await client.get_item(TableName="Cells", Key=key, ConsistentRead=True)
        seen.append(int(read["Item"]["n"]["N"]))
    elif kind == "writes":
        await client.put_item(TableName="Cells", Item={**key, "n": {"N": str(1 + sum(seen))}})
    else:
        add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
        await client.update_item(TableName="Cells", Key=key, **add)


def served(program: threads.Program) -> Callable[[str], Any]:
    async def serve(principal: str) -> tuple[int, str]:
        told = []
        async with session.create_client("dynamodb", region_name="eu-central-1") as client:
            for stage in program:
                seen: list[list[int]] = [[] for _ in stage.threads]

                async def task(at: int, stage: threads.Stage = stage, seen: list[list[int]] = seen) -> None:
                    for step in stage.threads[at]:
                        await call(client, step, seen[at])

                def thread(at: int, stage: threads.Stage = stage, seen: list[list[int]] = seen) -> None:
                    for step in stage.threads[at]:
                        threads.call(step, seen[at])

                await asyncio.gather(
                    *(
                        asyncio.to_thread(thread, at) if at % 2 and stage.how == "mixed" else task(at)
                        for at in range(len(stage.threads))
                    )
                )
                told.append(seen)
        return 200, str(told)

    return serve


def compared(choose: Callable[[int], int], monkeypatch: pytest.MonkeyPatch) -> int:
    with monkeypatch.context() as patch:
        patch.setattr(threads, "STARTS", {"awaited": None, "mixed": None})
        patch.setattr(threads, "served", served)
        # Tasks take an `asyncio.Lock` in the order in which they ask for it, which is not the schedule's choice.
        programs = [tuple(stage._replace(locked=False) for stage in program) for program in threads.programs_of(choose)]
        patch.setattr(threads, "programs_of", lambda _: programs)
        return threads.compared(choose)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_programs_with_awaited_calls_are_explored_as_simulated(data: st.DataObject) -> None:
    compared(lambda count: data.draw(st.integers(0, count - 1)), pytest.MonkeyPatch())


if __name__ == "__main__":
    _count, _seed = map(int, sys.argv[1:])
    _runs = [compared(random.Random(number).randrange, pytest.MonkeyPatch()) for number in range(_seed, _seed + _count)]
    print(f"{_count} programs, {sum(_runs)} interleavings, {_runs.count(0)} left out")
