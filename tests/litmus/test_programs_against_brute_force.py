"""Random handlers on tables with indexes: exploring by class finds what every interleaving finds, and nothing else.

A program is what each request does, step by step: reads of items, counts, pages and indexes, writes of sets and of whole items.
What a step does may depend on what the request has read, and so does what it answers.  :data:`FEATURES` says what there is to
draw from; what programs are to learn next is one more entry.

By hand, so many programs from this seed on: ``python tests/litmus/test_programs_against_brute_force.py COUNT SEED``.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
from botocore.exceptions import ClientError
from brute_force import by_class, by_force
from crowded_requests import SINGLE, SORTED, Choose, Maker
from crowded_requests import Request as Call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toctou import Model, Request, Table, handler, invariant
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.execution.judging import dependence_of
from toctou.execution.laboratory import Laboratory
from toctou.history.item import plain
from toctou.scheduling.restart import Restart
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive

client = boto3.client("dynamodb", region_name="eu-central-1")
PRINCIPALS = ("u", "v", "w")
SHAPES = ((2, 2), (3, 2), (3, 3), (1, 1, 1), (2, 1, 1), (2, 2, 1), (3, 1, 1))
"""Steps of each request; 3, 3 and 3, 1, 1 have twenty interleavings, 2, 2, 1 has thirty, more if they read page by page."""

Seen = list[Any]
Step = tuple[Callable[[Seen, Call], None], Call]
"""How a call is made, given all answers so far, and the call."""


def called(seen: Seen, call: Call) -> None:
    action, parameters = call
    try:
        answer = getattr(client, re.sub("(?<!^)(?=[A-Z])", "_", action).lower())(**parameters)
    except ClientError as error:
        seen.append(error.response["Error"]["Code"])
    else:
        seen.append({name: part for name, part in answer.items() if name != "ResponseMetadata"})


def called_sometimes(seen: Seen, call: Call) -> None:
    """Only if the length of what was answered last is even."""
    if not seen or len(repr(seen[-1])) % 2 == 0:
        called(seen, call)


def page_by_page(seen: Seen, call: Call) -> None:
    """To the end, at most three pages of a read."""
    action, parameters = call
    for _ in range(3):
        called(seen, (action, parameters))
        last = seen[-1].get("LastEvaluatedKey") if isinstance(seen[-1], dict) else None
        if last is None:
            return
        parameters = {**parameters, "ExclusiveStartKey": last}


def _page(maker: Maker) -> Call:
    read: Call = ("Query", maker.query()) if maker.choose(2) else ("Scan", maker.scan())
    read[1]["Limit"] = maker.pick(1, 2)
    return read


FEATURES: tuple[Callable[[Maker], Step], ...] = (
    lambda maker: (called, maker.request()),
    lambda maker: (called, maker.request()),
    lambda maker: (called_sometimes, maker.request()),
    lambda maker: (called, ("Query", maker.query())),
    lambda maker: (called, ("UpdateItem", maker.update())),
    lambda maker: (called_sometimes, maker.write()),
    lambda maker: (page_by_page, _page(maker)),
)


def served(steps: list[Step], *, picky: bool) -> Any:
    """A handler; a picky one answers 422 if what it has seen is of odd length, whatever it has written."""

    def serve(principal: str) -> tuple[int, str]:
        seen: Seen = []
        for make, call in steps:
            make(seen, call)
        text = json.dumps(seen, sort_keys=True)  # in which order attributes are answered is not specified
        if picky and len(text) % 2:
            return 422, text
        return 409 if "ConditionalCheckFailedException" in seen else 200, text

    return serve


def no_two_of_a_kind(self: Model, tables: Any) -> bool:
    """No two items have the same g and the same x."""
    kinds = [(item["g"], item["x"]) for items in tables.values() for item in items if {"g", "x"} <= item.keys()]
    return len(set(kinds)) == len(kinds)


def model_of(choose: Choose) -> tuple[type[Model], Scenario]:
    """A model with a handler for each request of the scenario."""
    table = (SINGLE, SORTED)[choose(2)]
    maker = Maker(choose, table, sorts="12")
    items = {repr(sorted(maker.key().items())): maker.item() for _ in range(maker.pick(1, 2, 4))}
    shape = maker.pick(*SHAPES)
    programs = [[FEATURES[choose(len(FEATURES))](maker) for _ in range(count)] for count in shape]
    keys = [one["AttributeName"] for one in table["KeySchema"]]
    rule = maker.pick(None, None, invariant(no_two_of_a_kind), invariant(at="every_step")(no_two_of_a_kind))
    stored = {table["TableName"]: [plain(item) for item in items.values()]}
    attributes = {
        "tables": [Table(table["TableName"], *keys, definition=table)],
        "items": stored,
        "owner": maker.pick("x", None),
        **({} if rule is None or not no_two_of_a_kind(Model(), stored) else {"rule": rule}),
        **{
            f"handler_{at}": handler(served(steps, picky=not choose(2)), principals=[PRINCIPALS[at]])
            for at, steps in enumerate(programs)
        },
    }
    requests = tuple(Request(PRINCIPALS[at], f"handler_{at}") for at in range(len(programs)))
    return type("Generated", (Model,), attributes), Scenario(requests)


def compared(choose: Choose) -> int:
    """How many interleavings there are, all of which were run."""
    model, scenario = model_of(choose)
    depends = dependence_of(model)
    with closing(backend_named("embedded")) as backend:
        laboratory = Laboratory(model, backend, Limits())
        with laboratory.opened():
            try:
                expected, every = by_force(laboratory, scenario)
            except Restart:
                expected, every = by_force(laboratory, scenario)
            for strategy in (Exhaustive(depends=depends), Dpor(depends=depends)):
                found, stands_for = by_class(laboratory, scenario, strategy, depends)
                assert found == expected, f"by {strategy.name}"
                assert stands_for == every, f"by {strategy.name}"
    return every


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_programs_by_class_and_by_force(data: st.DataObject) -> None:
    compared(lambda count: data.draw(st.integers(0, count - 1)))


if __name__ == "__main__":
    _count, _seed = map(int, sys.argv[1:])
    _schedules = _different = 0
    for _number in range(_seed, _seed + _count):
        try:
            _schedules += compared(random.Random(_number).randrange)
        except AssertionError as _fault:
            _different += 1
            print(_number, str(_fault)[:300])
    print(f"{_count} programs, {_schedules} schedules, {_different} programs that came out differently")
