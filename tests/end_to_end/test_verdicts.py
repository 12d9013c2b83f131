"""Every model comes out as ``models/expected.json`` says, at two and three concurrent requests, on both backends.

A fixed model must have no finding at all.  A racy one must be found by the oracles that its race offends, under the name of
that race, in schedules that are not serial, each confirmed on the other backend; and the backends must agree on all of it.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from toctou import Model, StopReason, Verdict, check
from toctou.declaration.loading import load
from toctou.search.result import ModelResult

ROOT = Path(__file__).parents[2]
EXPECTED: dict[str, str] = json.loads((ROOT / "models/expected.json").read_text(encoding="utf-8"))

RACES = {
    "models/counter.py:ReadModifyWriteCounter": ({"linearizability"}, "lost_update"),
    "models/delete_item.py:ReadThenDelete": ({"ownership", "linearizability"}, "toctou"),
    "models/delete_item.py:ExistenceOnlyDelete": ({"ownership", "linearizability"}, "toctou"),
    "models/owner_scoped_key.py:TwoStepTransfer": ({"linearizability", "one_owner"}, "toctou"),
    "models/quota.py:CountThenPut": ({"linearizability", "within_limit"}, "phantom"),
    "models/recreated_item.py:VersionStartsAgain": ({"linearizability"}, "aba"),
    "models/reservation.py:NumberedByCount": ({"ownership", "linearizability"}, "phantom"),
    "models/session.py:StoreWholeSession": ({"linearizability"}, "resurrection"),
    "models/update_item.py:ReadThenUpdate": ({"ownership"}, "toctou"),
    "models/update_item.py:UnbumpedVersionUpdate": ({"ownership"}, "toctou"),
    "models/watermark.py:ReadThenAdvance": ({"linearizability"}, "lost_update"),
}
"""By racy model: the oracles that find it with two requests, and the name of its race."""

MORE_WITH_THREE = {"models/owner_scoped_key.py:TwoStepTransfer": {"ownership"}}
"""Oracles that need a third request: here one that edits bob's item before alice's second transfer overwrites it."""


def model_named(name: str) -> type[Model]:
    file, _, class_name = name.partition(":")
    model = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), class_name)
    assert issubclass(model, Model)
    return model


def findings(result: ModelResult) -> set[tuple[str, str, str]]:
    """What was found where, and under which name."""
    return {
        (" ∥ ".join(map(str, scenario.requests)), violation.finding.statement, violation.explanation.anomaly)
        for scenario in result.scenarios
        for violation in scenario.violations
    }


def of_two(result: ModelResult) -> ModelResult:
    """Of the result with up to three requests, what concerns one or two."""
    return replace(result, scenarios=tuple(one for one in result.scenarios if len(one.requests) <= 2))


@pytest.mark.parametrize("name", EXPECTED)
def test_verdict(name: str) -> None:
    """moto is slower than our engine, and explores two requests only once: among the three."""
    two, three, moto = (
        check(model_named(name), requests=requests, backend=backend)
        for requests, backend in ((2, "embedded"), (3, "embedded"), (3, "moto"))
    )
    assert_verdict(name, 2, two, "moto")
    assert_verdict(name, 3, three, "moto")
    assert_verdict(name, 3, moto, "embedded")
    if two.verdict is Verdict.VIOLATED:
        assert_race(name, 2, of_two(moto), "embedded")
    for embedded, other in ((two, of_two(three)), (two, of_two(moto)), (three, moto)):
        assert other.schedules == embedded.schedules
        assert findings(other) == findings(embedded)
        assert [(one.requests, one.verdict) for one in other.scenarios] == [
            (one.requests, one.verdict) for one in embedded.scenarios
        ]


def assert_verdict(name: str, requests: int, result: ModelResult, other: str) -> None:
    assert result.verdict == EXPECTED[name], result.detail
    match result.verdict:
        case Verdict.VERIFIED:
            assert not result.violations
            assert result.stop_reason is None
        case Verdict.VIOLATED:
            assert_race(name, requests, result, other)
        case Verdict.INCONCLUSIVE:
            assert result.stop_reason is StopReason.NEVER_WRITES
            assert dict(result.unreached).keys() == {"delete_item", "update_item"}
            assert all("ValidationException" in why for _, why in result.unreached)


def assert_race(name: str, requests: int, result: ModelResult, confirmed_on: str) -> None:
    oracles, anomaly = RACES[name]
    if requests > 2:
        oracles = oracles | MORE_WITH_THREE.get(name, set())
    assert {violation.finding.oracle for violation in result.violations} == oracles
    assert anomaly in {violation.explanation.anomaly for violation in result.violations}
    for violation in result.violations:
        serial_switches = len(violation.execution.requests) - 1
        assert violation.execution.schedule.context_switches > serial_switches, violation.finding.statement
        assert violation.confirmed_on == confirmed_on, violation.difference


def test_every_model_has_an_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert {one.name for one in load(["models"])} == set(EXPECTED)
    assert {name for name, verdict in EXPECTED.items() if verdict == "VIOLATED"} == set(RACES)
