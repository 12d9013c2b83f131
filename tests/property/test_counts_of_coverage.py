"""What is said to be covered equals an independent count: of scenarios, interleavings, their classes, and unguarded writes.

Handlers are lists of unconditional reads and writes of items.  Every interleaving of them is written out here, those that differ
in the order of steps which commute are put together, and the windows of each are looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any

import boto3
from hypothesis import given, settings
from hypothesis import strategies as st

from toctou import Model, Table, handler
from toctou.checking.check import check_model

client = boto3.client("dynamodb", region_name="eu-central-1")

Step = tuple[str, str]
"""``r`` or ``w``, and the item."""

Placed = tuple[int, int]
"""A request, and the number of its step."""

STEPS = st.tuples(st.sampled_from("rw"), st.sampled_from("xy"))
PROGRAMS = st.lists(st.lists(STEPS, min_size=1, max_size=3), min_size=1, max_size=3)


def model_of(programs: Sequence[Sequence[Step]]) -> type[Model]:
    def handler_of(name: str, steps: Sequence[Step]) -> Any:
        def perform(principal: str) -> int:
            for number, (verb, item) in enumerate(steps):
                if verb == "r":
                    client.get_item(TableName="Things", Key={"id": {"S": item}}, ConsistentRead=True)
                else:
                    client.put_item(TableName="Things", Item={"id": {"S": item}, "v": {"S": f"{name}{number}"}})
            return 200

        return handler(perform)

    handlers = {f"h{at}": handler_of(f"h{at}", steps) for at, steps in enumerate(programs)}
    items = {"Things": [{"id": "x", "v": "0"}, {"id": "y", "v": "0"}]}
    members = {"tables": [Table("Things", "id")], "items": items, "principals": ("alice",), **handlers}
    return type("Counted", (Model,), members)


def interleavings(lengths: Sequence[int], done: tuple[int, ...] = ()) -> Iterator[tuple[Placed, ...]]:
    done = done or (0,) * len(lengths)
    if sum(done) == sum(lengths):
        yield ()
    for one, length in enumerate(lengths):
        if done[one] < length:
            following = (*done[:one], done[one] + 1, *done[one + 1 :])
            yield from (((one, done[one]), *rest) for rest in interleavings(lengths, following))


def ordered(scenario: Sequence[Sequence[Step]], left: Placed, right: Placed) -> bool:
    (verb, item), (other, of) = scenario[left[0]][left[1]], scenario[right[0]][right[1]]
    return left[0] == right[0] or (item == of and "w" in verb + other)


def classes(scenario: Sequence[Sequence[Step]]) -> list[list[tuple[Placed, ...]]]:
    found: dict[frozenset[tuple[Placed, Placed]], list[tuple[Placed, ...]]] = {}
    for one in interleavings([len(steps) for steps in scenario]):
        pairs = ((left, right) for at, left in enumerate(one) for right in one[at + 1 :])
        found.setdefault(frozenset(pair for pair in pairs if ordered(scenario, *pair)), []).append(one)
    return list(found.values())


def windows(steps: Sequence[Step]) -> list[tuple[int, int]]:
    """Reads, each with every later write until the item that was read is written or read again."""
    found = []
    for write, (verb, _) in enumerate(steps):
        for read in range(write if verb == "w" else 0):
            since = [item for _, item in steps[read + 1 : write]]
            if steps[read][0] == "r" and steps[read][1] not in since:
                found.append((read, write))
    return found


def is_between(
    scenario: Sequence[Sequence[Step]], request: int, window: tuple[int, int], order: Sequence[Placed]
) -> bool:
    read, write = (order.index((request, one)) for one in window)
    item = scenario[request][window[0]][1]
    return any(one != request and scenario[one][number] == ("w", item) for one, number in order[read:write])


@given(PROGRAMS)
@settings(max_examples=40, deadline=None)
def test_what_is_covered_equals_an_independent_count(programs: list[list[Step]]) -> None:
    model = model_of(programs)
    coverage = check_model(model, symmetry=False, confirm=False).coverage
    assert coverage is not None
    chosen = [names for size in (1, 2) for names in combinations_with_replacement(range(len(programs)), size)]
    scenarios = [[programs[one] for one in names] for names in chosen]
    explored = [classes(one) for one in scenarios]
    assert (coverage.explored, coverage.scenarios, coverage.remaining) == (len(scenarios), len(scenarios), ())
    assert coverage.interleavings == sum(len(one) for each in explored for one in each)
    assert coverage.schedules == sum(map(len, explored))
    assert coverage.longest == max(sum(map(len, one)) for one in scenarios)
    # All reads of a handler are one line here, and all of its writes another one.
    expected = {}
    for number, steps in enumerate(programs):
        having = [
            (scenario, [at for at, name in enumerate(names) if name == number], each)
            for scenario, names, each in zip(scenarios, chosen, explored, strict=True)
            if number in names
        ]
        if windows(steps):
            expected[f"h{number}"] = (
                sum(len(each) for _, _, each in having),
                sum(
                    any(
                        is_between(scenario, at, window, order)
                        for order in one
                        for at in own
                        for window in windows(steps)
                    )
                    for scenario, own, each in having
                    for one in each
                ),
            )
    assert {one.handler: (one.schedules, one.interleaved) for one in coverage.unguarded} == expected


@given(PROGRAMS)
@settings(max_examples=15, deadline=None)
def test_symmetry_leaves_out_schedules_and_no_interleaving(programs: list[list[Step]]) -> None:
    whole, reduced = (check_model(model_of(programs), symmetry=one, confirm=False).coverage for one in (False, True))
    assert whole is not None
    assert reduced is not None
    assert reduced.interleavings == whole.interleavings
    assert reduced.schedules <= whole.schedules
