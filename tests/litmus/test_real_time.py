"""Serializable is not strictly serializable: real time between requests counts, whatever schedule stands for a class."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, Request, Response, Table, Verdict, handler

registers = boto3.resource("dynamodb", region_name="us-east-1").Table("Registers")


def value_of(name: str) -> int:
    return int(registers.get_item(Key={"name": name})["Item"]["value"])


def read_both(principal: str) -> tuple[int, list[int]]:
    x = value_of("x")
    return 200, [x, value_of("y")]


def write_x(principal: str) -> int:
    registers.put_item(Item={"name": "x", "value": 1})
    return 204


def write_y(principal: str) -> int:
    registers.put_item(Item={"name": "y", "value": 1})
    return 204


class Registers:
    """Two registers, both 0 at the start."""

    def state_of(self, items: Mapping[str, Any]) -> Mapping[str, int]:
        return {item["name"]: item["value"] for item in items["Registers"]}

    def step(self, state: Mapping[str, int], request: Request) -> tuple[Mapping[str, int], Response | int]:
        if request.handler == "read_both":
            return state, Response(200, [state["x"], state["y"]])
        return {**state, request.handler[-1]: 1}, 204


HANDLERS = {
    "read_both": handler(read_both, read_only=True),
    "write_x": handler(write_x),
    "write_y": handler(write_y),
}


def registers_model(names: tuple[str, ...]) -> type[Model]:
    """The model, its handlers declared in this order: it decides which schedule of a class is run."""
    declared: dict[str, Any] = {
        "tables": (Table("Registers", "name"),),
        "items": {"Registers": [{"name": "x", "value": 0}, {"name": "y", "value": 0}]},
        "principals": ("alice",),
        "reference": Registers(),
        "__module__": __name__,
    }
    return type("ReadBoth", (Model,), {**declared, **{name: HANDLERS[name] for name in names}})


@pytest.mark.parametrize("names", list(permutations(HANDLERS)), ids=" ".join)
def test_a_reader_that_sees_the_later_write_but_not_the_earlier(names):
    """T1 reads x, T2 writes x and answers, T3 writes y, T1 reads y: T3 T1 T2 explains all but that T2 preceded T3."""
    result = toctou.check(registers_model(names), requests=3)
    assert result.verdict is Verdict.VIOLATED
    found = [one for one in result.scenarios if one.violations]
    assert all(len(one.requests) == 3 for one in found), "two requests cannot show it"
    for one in found:
        for violation in one.violations:
            assert violation.finding.oracle == "linearizability"
            execution = violation.execution
            handlers = [request.handler for request in execution.requests]
            if handlers.count("write_x") == handlers.count("write_y") == 1:
                assert execution.precedes(handlers.index("write_x"), handlers.index("write_y"))
            assert violation.confirmed_on == "moto"


@pytest.mark.parametrize("names", list(permutations(HANDLERS)), ids=" ".join)
def test_two_requests_of_the_same_are_fine(names):
    assert toctou.check(registers_model(names), requests=2).verdict is Verdict.VERIFIED


class RemembersAll:
    """Whether there is an entry, as a number: 0 or 1."""

    def state_of(self, items: Mapping[str, Any]) -> int:
        return sum(item["name"].startswith("entry") for item in items["Registers"])

    def step(self, state: int, request: Request) -> tuple[int, Response | int]:
        return (1, 204) if request.handler == "append" else (state, Response(200, state))


def append(principal: str) -> int:
    """Forgets to count."""
    registers.put_item(Item={"name": f"entry of {principal}"})
    return 204


def counted(principal: str) -> tuple[int, int]:
    return 200, value_of("count")


def guessed(principal: str) -> tuple[int, int]:
    return 200, 0


@pytest.mark.parametrize("answer", [counted, guessed])
@pytest.mark.parametrize("names", [("append", "count"), ("count", "append")], ids=" ".join)
def test_requests_that_touch_no_common_item_although_they_should(names, answer):
    """Each alone is right, and so is counting first; what is wrong is only seen if the append has ended before.

    No operation depends on another, so one schedule is run, and it is for the siblings to show the other order.
    """
    handlers = {"append": handler(append), "count": handler(answer, read_only=True)}
    model = type(
        "ForgetsToCount",
        (Model,),
        {
            "tables": (Table("Registers", "name"),),
            "items": {"Registers": [{"name": "count", "value": 0}]},
            "principals": ("alice",),
            "reference": RemembersAll(),
            "__module__": __name__,
            **{name: handlers[name] for name in names},
        },
    )
    result = toctou.check(model, requests=2)
    assert result.verdict is Verdict.VIOLATED
    (found,) = [one for one in result.scenarios if one.violations]
    assert {request.handler for request in found.requests} == {"append", "count"}
    assert found.schedules == 1
