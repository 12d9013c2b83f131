"""Random handlers that wait by polling: exploring by class finds what every fair interleaving finds, and nothing else.

A program is what each request does, step by step: it takes a lock and returns it, waits a bounded number of turns for one or two
cells to be written, reads, or writes.  Which interleavings are fair is decided by :mod:`toctou.scheduling.polling`, for every
strategy alike, so that brute force ends as well.

By hand, so many programs from this seed on: ``python tests/litmus/test_programs_that_poll.py COUNT SEED``.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from brute_force import by_class, by_force
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toctou import Model, Request, Table, handler, invariant
from toctou.client.backends import backend_named
from toctou.client.stale_reads import StaleReads
from toctou.declaration.scenario import Scenario
from toctou.execution.judging import dependence_of
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.restart import Restart
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive

client = boto3.client("dynamodb", region_name="eu-central-1")
MOST = 150
"""Interleavings; programs with more are left out."""

Seen = list[Any]
Step = Callable[[Seen], bool]
"""Goes on from what the request has seen; ``False`` if it gives up."""


def key(cell: str) -> dict[str, Any]:
    return {"id": {"S": cell}}


def read(cell: str, *, consistent: bool = True) -> int:
    item = client.get_item(TableName="Cells", Key=key(cell), ConsistentRead=consistent).get("Item", {})
    return int(item["n"]["N"]) if "n" in item else -1


def write(cell: str, value: int) -> None:
    client.put_item(TableName="Cells", Item={**key(cell), "n": {"N": str(value)}})


def reads(cell: str) -> Step:
    return lambda seen: seen.append(read(cell)) is None


def writes(cell: str) -> Step:
    return lambda seen: write(cell, 1 + sum(seen)) is None


def adds(cell: str) -> Step:
    def step(seen: Seen) -> bool:
        client.update_item(
            TableName="Cells",
            Key=key(cell),
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        return True

    return step


def locked(*steps: Step, awake: bool) -> Step:
    """Between a conditional put that is tried until it succeeds, and a delete."""

    def step(seen: Seen) -> bool:
        while True:
            try:
                client.put_item(TableName="Cells", Item=key("lock"), ConditionExpression="attribute_not_exists(id)")
                break
            except ClientError:
                if not awake:
                    time.sleep(0.1)
        for one in steps:
            one(seen)
        client.delete_item(TableName="Cells", Key=key("lock"))
        return True

    return step


def waits(cells: str, turns: int, *, gives_up: bool, awake: bool, consistent: bool = True) -> Step:
    """For any of the cells to be written; then goes on, or gives up."""

    def step(seen: Seen) -> bool:
        for turn in range(turns):
            if turn and not awake:
                time.sleep(2.0**turn)
            found = [read(cell, consistent=consistent) for cell in cells]
            if max(found) > 0:
                seen.extend(found)
                return True
        return not gives_up

    return step


def served(steps: list[Step]) -> Any:
    def serve(principal: str) -> tuple[int, str]:
        seen: Seen = []
        for step in steps:
            if not step(seen):
                return 409, "gave up"
        return 200, str(seen)

    return serve


def few_ones(self: Model, tables: Any) -> bool:
    """Not all cells are 1."""
    return [item.get("n") for item in tables["Cells"]] != [1, 1]


def model_of(choose: Callable[[int], int], *, consistent: bool, awake: bool) -> tuple[type[Model], Scenario]:
    """A model with a handler for each request of the scenario."""

    def pick(*of: Any) -> Any:
        return of[choose(len(of))]

    def simple() -> Step:
        return pick(reads, writes, adds)(pick("a", "b"))

    def any_step() -> Step:
        kind = choose(4)
        if kind == 0:
            return locked(simple(), awake=awake)
        if kind == 1:
            return simple()
        return waits(
            pick("a", "b", "ab"),
            pick(6, 7) if awake else pick(2, 3, 4),
            gives_up=bool(choose(2)),
            awake=awake,
            consistent=consistent or not choose(4),
        )

    shape = pick((1, 1), (2, 1), (2, 2), (2, 2), (1, 1, 1), (2, 1, 1))
    programs = [[any_step() for _ in range(count)] for count in shape]
    rule = pick(None, invariant(few_ones), invariant(at="every_step")(few_ones))
    stored = pick([], [], [{"id": "a", "n": 0}, {"id": "b", "n": 0}], [{"id": "lock"}])
    if {"id": "lock"} in stored:  # whoever held it has crashed
        programs = [[one for one in steps if "locked" not in one.__qualname__] or [simple()] for steps in programs]
    attributes = {
        "tables": [Table("Cells", "id")],
        "items": {"Cells": stored},
        **({} if rule is None else {"rule": rule}),
        **{f"handler_{at}": handler(served(steps), principals=["u"]) for at, steps in enumerate(programs)},
    }
    requests = tuple(Request("u", f"handler_{at}") for at in range(len(programs)))
    return type("Generated", (Model,), attributes), Scenario(requests)


def compared(choose: Callable[[int], int], *, consistent: bool = True, awake: bool = False) -> int:
    """How many fair interleavings there are, all of which were run; 0 if there are too many."""
    model, scenario = model_of(choose, consistent=consistent, awake=awake)
    depends = dependence_of(model)
    with closing(backend_named("embedded") if consistent else StaleReads(2)) as backend:
        laboratory = Laboratory(model, backend, Limits())
        laboratory.polls_awake = awake
        with laboratory.opened():
            try:
                expected, every = by_force(laboratory, scenario, most=MOST)
            except OverflowError:
                return 0
            except Restart:
                expected, every = by_force(laboratory, scenario)
            for strategy in (Exhaustive(depends=depends), Dpor(depends=depends)):
                found, _ = by_class(laboratory, scenario, strategy, depends)
                assert found == expected, f"by {strategy.name}"
            laboratory.memoise()
            for strategy in (Exhaustive(depends=depends), Dpor(depends=depends)):
                assert by_class(laboratory, scenario, strategy, depends)[0] == expected, f"memoised, by {strategy.name}"
    return every


@pytest.mark.parametrize(("consistent", "awake"), [(True, False), (False, False), (True, True)])
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_programs_by_class_and_by_force(consistent: bool, awake: bool, data: st.DataObject) -> None:
    compared(lambda count: data.draw(st.integers(0, count - 1)), consistent=consistent, awake=awake)


if __name__ == "__main__":
    _count, _seed = map(int, sys.argv[1:])
    _schedules = _different = _left_out = 0
    for _number in range(_seed, _seed + _count):
        try:
            _run = compared(random.Random(_number).randrange, consistent=bool(_number % 3), awake=bool(_number % 2))
            _schedules += _run
            _left_out += not _run
        except AssertionError as _fault:
            _different += 1
            print(_number, str(_fault)[:300])
    print(f"{_count} programs, {_schedules} schedules, {_left_out} left out, {_different} that came out differently")
