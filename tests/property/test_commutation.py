"""Two operations whose footprints do not conflict commute: same answers, same items, and each changes what it changes.

This is what every exploration rests on, asked directly: of neighbours in an execution, and of two requests that wait in the same
state, of which one may sleep while the other one is performed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crowded_requests import TABLES, Request, crowd, crowds
from hypothesis import HealthCheck, given, settings

from toctou.engine import LARGE, Engine, Schema, ServiceError, footprint
from toctou.history.footprint import Footprint, dependent
from toctou.history.item import Change
from toctou.history.wording import changed_attributes

SCHEMAS = {name: Schema.of(table) for name, table in TABLES.items()}


class Done(NamedTuple):
    """What came of one request."""

    answer: Any
    changed: list[Any]
    footprint: Footprint


def performed(engine: Engine, request: Request) -> Done:
    action, parameters = request
    before = engine.sequence
    result: Mapping[str, Any] | None = None
    answer: Any
    code = None
    try:
        answer = result = engine.perform(action, parameters)
    except ServiceError as error:
        code = error.code
        answer = error.code, error.message, dict(error.fields)
    changes = engine.changes_since(before)
    touched = footprint(
        action,
        parameters,
        SCHEMAS,
        result=result,
        error_code=code,
        changes=changes,
        largest=engine.largest if changes else None,
        large=lambda: engine.larger_than(LARGE),
    )
    return Done(answer, observed(changes, touched), touched)


def observed(changes: Sequence[Change], touched: Footprint) -> list[Any]:
    """What oracles see of changes: which attributes changed and how, of increments by how much."""
    return [
        (change.item, name, _difference(change, name, commuting=name in touched.increments.get(change.item, ())))
        for change in changes
        for name in changed_attributes(change)
    ]


def _difference(change: Change, name: str, *, commuting: bool) -> Any:
    before, after = (change.before or {}).get(name), (change.after or {}).get(name)
    if not commuting or before is None or after is None:
        return before, after
    if "N" in before and "N" in after:
        return float(after["N"]) - float(before["N"])
    ((_, old),) = before.items()
    ((_, new),) = after.items()
    return sorted(set(new) ^ set(old))


def independent(stored: list[Request], first: Request, second: Request) -> bool:
    """Perform both in both orders; where they are independent, nothing may differ."""
    engine = Engine()
    for table in TABLES.values():
        engine.perform("CreateTable", table)
    for request in stored:
        performed(engine, request)
    start = engine.sequence
    one = performed(engine, first)
    two_after = performed(engine, second)
    then = engine.stored()
    engine.restore(start)
    two = performed(engine, second)
    one_after = performed(engine, first)
    claims = [(one, two), (one, two_after), (two, one_after)]
    if all(dependent(left.footprint, right.footprint) for left, right in claims):
        return False
    assert engine.stored() == then
    assert one[:2] == one_after[:2], "the first comes out otherwise when it comes second"
    assert two[:2] == two_after[:2], "the second comes out otherwise when it comes first"
    # Otherwise what is equivalent would depend on where a swap begins.
    assert one.footprint == one_after.footprint, "the first touches something else when it comes second"
    assert two.footprint == two_after.footprint, "the second touches something else when it comes first"
    return True


@settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(crowds)
def test_independent_operations_commute(crowded: tuple[list[Request], Request, Request]) -> None:
    independent(*crowded)


def test_many_are_independent() -> None:
    """The property would also hold if everything depended on everything."""
    draw = random.Random(1)
    commuting = sum(independent(*crowd(draw.randrange)) for _ in range(1_000))
    assert commuting > 600, commuting


if __name__ == "__main__":
    # By hand: so many pairs, from this seed on.
    _count, _seed = map(int, sys.argv[1:])
    _found = 0
    for _number in range(_seed, _seed + _count):
        _crowded = crowd(random.Random(_number).randrange)
        try:
            _found += independent(*_crowded)
        except AssertionError as _fault:
            print(_number, _fault, [str(one)[:400] for one in _crowded[1:]], str(_crowded[0])[:300], sep="\n  ")
    print(f"{_count} pairs, {_found} of them independent")
