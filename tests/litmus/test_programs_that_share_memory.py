"""Random handlers that remember something in their process: what is verified is so where each request has a process of its own.

By hand, so many programs from this seed on: ``python tests/litmus/test_programs_that_share_memory.py COUNT SEED``.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from crowded_requests import SINGLE, Choose, Maker
from crowded_requests import Request as Call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_programs_against_brute_force import FEATURES, Seen, Step, called, client

import toctou
from toctou import Model, Request, Table, Verdict, handler
from toctou.declaration.scenario import Scenario
from toctou.history.item import plain
from toctou.search.result import ModelResult

Memory = dict[str, Any]
common: Memory = {}

Guard = Callable[[Memory, Seen, Step], None]
"""Takes a step, or does not, as the memory says."""


def taken(seen: Seen, step: Step) -> None:
    make, call = step
    make(seen, call)


def unless_busy(memory: Memory, seen: Seen, step: Step) -> None:
    """Refuses while another request is between two calls of such a step."""
    if memory.get("busy"):
        seen.append("ConditionalCheckFailedException")
        return
    memory["busy"] = True
    try:
        taken(seen, step)
        taken(seen, step)
    finally:
        del memory["busy"]


def once(memory: Memory, seen: Seen, step: Step) -> None:
    """Only the first request makes the call; the others believe what it was answered."""
    if "answer" not in memory:
        taken(seen, step)
        memory["answer"] = seen[-1:]
    else:
        seen += memory["answer"]


def the_first_two(memory: Memory, seen: Seen, step: Step) -> None:
    memory["count"] = memory.get("count", 0) + 1
    if memory["count"] <= 2:
        taken(seen, step)


def while_alone(memory: Memory, seen: Seen, step: Step) -> None:
    """Takes the step if no other request has begun such a step and not ended it."""
    memory["inside"] = memory.get("inside", 0) + 1
    try:
        called(seen, ("DescribeTable", {"TableName": "Single"}))
        if memory["inside"] == 1:
            taken(seen, step)
    finally:
        memory["inside"] -= 1


def add_one(seen: Seen, call: Call) -> None:
    """To what was read in a call before: what two do at once is lost, unless a guard keeps them apart."""
    _, parameters = call
    item = client.get_item(**parameters, ConsistentRead=True).get("Item", parameters["Key"])
    count = int(item.get("n", {"N": "0"})["N"]) + 1
    client.put_item(TableName=parameters["TableName"], Item={**item, "n": {"N": str(count)}})
    seen.append(count)


def without_guard(memory: Memory, seen: Seen, step: Step) -> None:
    taken(seen, step)


GUARDS: tuple[Guard, ...] = (unless_busy, once, the_first_two, while_alone)


def writes(maker: Maker) -> Step:
    if maker.choose(2):
        return called, maker.write()
    return add_one, ("GetItem", {"TableName": "Single", "Key": maker.key()})


def served(steps: list[tuple[Guard, Step]], memory_of: Callable[[], Memory]) -> Any:
    def serve(principal: str) -> tuple[int, str]:
        seen: Seen = []
        memory = memory_of()
        for guard, step in steps:
            guard(memory, seen, step)
        return 409 if "ConditionalCheckFailedException" in seen else 200, json.dumps(seen, sort_keys=True)

    return serve


Found = tuple[Verdict, list[object]]


class Program(NamedTuple):
    """Requests that remember something.

    Attributes:
        guard: that two requests have, or ``none``.
        check: what comes of it, given the memory of a request and where requests run.
    """

    guard: str
    check: Callable[[Callable[[], Memory], str], ModelResult]


def found(result: ModelResult) -> Found:
    return result.verdict, [
        (one.requests, one.verdict, sorted({each.finding.statement for each in one.violations}))
        for one in result.scenarios
    ]


def program_of(choose: Choose) -> Program:
    """The program that these choices make."""
    maker = Maker(choose, SINGLE, sorts="12")
    made = [maker.item() for _ in range(maker.pick(1, 2))]
    items = {repr(item["pk"]): item for item in made}  # of two with one key the later one
    guard = GUARDS[choose(len(GUARDS))]
    programs = [
        [
            (guard if choose(3) else without_guard, writes(maker) if last else FEATURES[choose(len(FEATURES))](maker))
            for last in [*[False] * (count - 1), True]
        ]
        for count in maker.pick((1, 1), (2, 1), (2, 2), (1, 1, 1))
    ]
    requests = tuple(Request("uvw"[at], f"handler_{at}") for at in range(len(programs)))
    guarded = sum(any(one is not without_guard for one, _ in steps) for steps in programs) > 1

    def checked(memory_of: Callable[[], Memory], isolation: str) -> ModelResult:
        model = type(
            "Remembering",
            (Model,),
            {
                "__module__": __name__,
                "tables": [Table("Single", "pk", definition=SINGLE)],
                "items": {"Single": [plain(item) for item in items.values()]},
                "owner": "x",
                "unowned": frozenset({None}),  # items begin without an owner
                "scenarios": classmethod(lambda cls, size: [Scenario(requests)]),
                "setup": lambda _: common.clear(),
                **{
                    f"handler_{at}": handler(served(steps, memory_of), principals=["uvw"[at]])
                    for at, steps in enumerate(programs)
                },
            },
        )
        return toctou.check(model, confirm=False, isolation=isolation)

    return Program(guard.__name__ if guarded else "none", checked)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_verdicts_with_one_memory_and_with_one_for_each_request(data: st.DataObject) -> None:
    """Where nothing else is shared, nobody is busy unless somebody else is seen to be."""
    program = program_of(lambda count: data.draw(st.integers(0, count - 1)))
    if program.check(lambda: common, "memory").verdict is Verdict.VERIFIED:
        assert program.check(dict, "memory").verdict is Verdict.VERIFIED
        assert program.guard in ("none", "unless_busy"), "what is left in memory is a doubt"


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_process_for_each_request_is_a_memory_for_each(data: st.DataObject) -> None:
    program = program_of(lambda count: data.draw(st.integers(0, count - 1)))
    assert found(program.check(lambda: common, "processes")) == found(program.check(dict, "memory"))


if __name__ == "__main__":
    _count, _seed = map(int, sys.argv[1:])
    _found = Counter[tuple[str, ...]]()
    for _number in range(_seed, _seed + _count):
        _program = program_of(random.Random(_number).randrange)
        _own = _program.check(dict, "memory")
        _same = found(_program.check(lambda: common, "processes")) == found(_own)
        _one = _program.check(lambda: common, "memory").verdict
        _found[_program.guard, _one, _own.verdict, "as in processes" if _same else "other than in processes"] += 1
    for (_guard, _common, _each, _same_or_not), _times in _found.most_common():
        print(f"{_times}: {_guard} {_common} with one memory, {_each} with one for each request, {_same_or_not}")
